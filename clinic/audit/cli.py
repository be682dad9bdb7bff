"""`samevoice audit`: verify the chain, and read it."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

import click
from sqlalchemy import select

from clinic.audit import anchor
from clinic.audit.chain import verify_chain
from clinic.audit.tables import AuditLine
from clinic.database import transaction
from clinic.errors import PlainError

_JSON = click.option("--json", "as_json", is_flag=True, help="JSON on standard output.")


@click.group()
def audit() -> None:
    """Who did what to which thing."""


@audit.command()
@_JSON
def verify(as_json: bool) -> None:
    """Check that no line was changed, removed or moved, nor the end cut off. Exit status 1 when one was."""
    try:
        with transaction() as session:
            broken = verify_chain(session)
            cut_off = not anchor.holds(session)
            lines = anchor.advance(session) if broken is None and not cut_off else None
    except PlainError as error:
        raise click.ClickException(error.message) from None
    if broken is not None:
        text = f"The audit chain is broken at line {broken}: a line was changed, removed or moved."
    elif cut_off:
        text = (
            "The audit chain no longer holds the line that was last verified: its end was cut off or it was rewritten."
        )
    else:
        text = f"The audit chain is whole: {lines} lines."
    click.echo(json.dumps({"first_broken": broken, "cut_off": cut_off, "lines": lines}) if as_json else text)
    if broken is not None or cut_off:
        raise SystemExit(1)


@audit.command()
@click.option("--subject", help="Only lines about this id.")
@click.option("--actor", help="Only lines by this account's id.")
@click.option("--last", type=click.IntRange(min=1), default=50, show_default=True, help="How many lines.")
@_JSON
def show(subject: str | None, actor: str | None, last: int, as_json: bool) -> None:
    """The newest lines, oldest of them first."""
    query = select(AuditLine).order_by(AuditLine.number.desc()).limit(last)
    if subject:
        query = query.where(AuditLine.subject == subject)
    if actor:
        query = query.where(AuditLine.actor == actor)
    with transaction() as session:
        lines = [_plain(line) for line in reversed(session.scalars(query).all())]
    if as_json:
        click.echo(json.dumps(lines))
        return
    for line in lines:
        detail = " ".join(f"{name}={value}" for name, value in line.pop("detail").items())
        click.echo(" ".join([*(str(value) for value in line.values()), detail]).rstrip())


def _plain(line: AuditLine) -> dict[str, Any]:
    return {
        "number": line.number,
        "at": line.at.astimezone(UTC).isoformat(timespec="seconds"),
        "actor": line.actor,
        "action": line.action,
        "subject": line.subject,
        "detail": line.detail,
    }
