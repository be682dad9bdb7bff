"""The audit chain: who did what to which thing. Each line carries the hash of the one before it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import event, select, text, update
from sqlalchemy.orm import Session

from clinic.audit.tables import AuditLine
from clinic.database import now

#: What stands before the first line.
FIRST = "0" * 64

_PENDING = "samevoice_audit_pending"
#: Any number that nothing else locks: "audit" in ASCII.
_ADVISORY_LOCK = 0x6175646974
_LONGEST = 100

Detail = str | int | float | bool | None


def record(session: Session, actor: str, action: str, subject: str, **detail: Detail) -> None:
    """Add a line when the transaction of `session` commits, with it or not at all.

    `actor` is an account's id, 'worker' or 'system'; `action` such as 'patient.view'; `subject` the id of the thing.
    Details are identifiers, counts and codes: ValueError for a text of more than 100 characters, since those tend to
    be somebody's words.
    """
    long = [name for name, value in detail.items() if isinstance(value, str) and len(value) > _LONGEST]
    if long or max(len(actor), len(action), len(subject)) > 64:
        raise ValueError(f"too long for the audit chain: {', '.join(long) or 'actor, action or subject'}")
    line = {"at": now(), "actor": actor, "action": action, "subject": subject, "detail": dict(detail)}
    session.info.setdefault(_PENDING, []).append(line)


@event.listens_for(Session, "before_commit")
def _append(session: Session) -> None:
    """Number and chain the lines of this transaction.

    Only now, as its last act: the lock below makes everybody else's commit wait, so it is held for as short as can be
    and is always the last one taken, which keeps two transactions from waiting for each other.
    """
    if session.in_nested_transaction() or _PENDING not in session.info:
        return
    session.flush()
    pending = session.info.pop(_PENDING)
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    else:
        # SQLite takes its one write lock at the first statement that could write.
        nothing = update(AuditLine).where(AuditLine.number < 0).values(actor="")
        session.execute(nothing, execution_options={"synchronize_session": False})
    query = select(AuditLine.number, AuditLine.hash).order_by(AuditLine.number.desc()).limit(1)
    number, previous_hash = session.execute(query).one_or_none() or (0, FIRST)
    for fields in pending:
        number += 1
        line = AuditLine(number=number, previous_hash=previous_hash, **fields)
        line.hash = previous_hash = line_hash(line)
        session.add(line)
    session.flush()


@event.listens_for(Session, "after_rollback")
def _drop(session: Session) -> None:
    """What did not happen is not recorded. A savepoint that was given up does not undo that somebody looked."""
    if not session.in_nested_transaction():
        session.info.pop(_PENDING, None)


def line_hash(line: AuditLine) -> str:
    """SHA-256 over the line as canonical JSON (sorted keys, no spaces, ASCII), the previous hash included."""
    at: datetime = line.at
    content: dict[str, Any] = {
        "number": line.number,
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": line.actor,
        "action": line.action,
        "subject": line.subject,
        "detail": line.detail,
        "previous_hash": line.previous_hash,
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def verify_chain(session: Session) -> int | None:
    """The number of the first line that is missing, changed or out of order; None when the chain is whole.

    A chain that was cut off at its end looks whole: `clinic.audit.anchor` remembers where it had come to.
    """
    expected, previous_hash = 1, FIRST
    for line in session.scalars(select(AuditLine).order_by(AuditLine.number).execution_options(yield_per=500)):
        if line.number != expected or line.previous_hash != previous_hash or line.hash != line_hash(line):
            return expected
        expected, previous_hash = expected + 1, line.hash
    return None
