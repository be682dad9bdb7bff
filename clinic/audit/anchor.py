"""Where the chain had come to when it was last verified, kept apart from the database.

A chain whose end was cut off, or that was recomputed as a whole, looks whole by itself; it no longer holds the line
that the anchor remembers. The anchor is as good as the place it lies in: copy it, or its hash, to where the database's
administrators cannot write.
"""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.audit.tables import AuditLine
from clinic.errors import PlainError
from clinic.settings import get_settings
from clinic.vault.files import replace


def anchor_path() -> Path:
    """home/keys/audit-head.json."""
    return get_settings().path("keys", "audit-head.json")


def holds(session: Session) -> bool:
    """True when the line that the anchor remembers is still there as it was, or when there is no anchor yet.

    Raises PlainError 'anchor_unreadable'.
    """
    path = anchor_path()
    if not path.exists():
        return True
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        number, line_hash = int(kept["number"]), str(kept["hash"])
    except (OSError, ValueError, KeyError, TypeError):
        raise PlainError(
            "anchor_unreadable",
            f"{path.name} beside the keys cannot be read, so nobody can say whether the end of the audit chain was cut "
            "off. Restore the file from a backup.",
            500,
        ) from None
    return session.scalar(select(AuditLine.hash).where(AuditLine.number == number)) == line_hash


def advance(session: Session) -> int:
    """Remember the last line, after the chain was verified; its number, 0 for an empty chain."""
    last = session.execute(
        select(AuditLine.number, AuditLine.hash).order_by(AuditLine.number.desc()).limit(1)
    ).one_or_none()
    if last is None:
        return 0
    replace(anchor_path(), (json.dumps({"number": last.number, "hash": last.hash}) + "\n").encode())
    return int(last.number)
