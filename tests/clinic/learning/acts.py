"""What these tests do and look at: reading, saying, and what is kept of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import select

from clinic.audit.tables import AuditLine
from clinic.database import new_id, transaction
from clinic.learning.tables import (
    CHECKED,
)
from tests.browser import seeding
from tests.clinic.pages import Visitor

Sent = list[tuple[str, tuple[Any, ...]]]
CANARY = "Quillonette calls Zanzibar"
HOSTILE = '"><script>alert(1)</script>{{ 7*7 }}'


def say(visitor: Visitor, path: str, sound: bytes | None = None, take: str = "", token: str = "") -> Any:
    """Send a recording, as the page does."""
    return visitor.client.post(
        f"{path}{'&' if '?' in path else '?'}take={take or new_id()}",
        data=seeding.tone(1.5) if sound is None else sound,
        headers={
            "X-CSRFToken": token or visitor.token("/nowhere"),
            "Accept": "application/json",
            "Content-Type": "audio/wav",
        },
    )


def read(visitor: Visitor, patient_id: str, prompt: str = "en-001", **options: Any) -> Any:
    """Read a sentence of the catalogue."""
    return say(visitor, f"/patients/{patient_id}/readings?prompt={prompt}", **options)


def readings(patient_id: str, count: int, state: str = CHECKED) -> list[str]:
    """As the worker leaves them; their ids."""
    with transaction() as session:
        return [seeding.reading(session, patient_id, f"en-{n:03}", state).id for n in range(1, count + 1)]


def to_read(visitor: Visitor, patient_id: str) -> list[str]:
    """The sentences that the page asks for."""
    return [item["text"] for item in visitor.get(f"/patients/{patient_id}/read-aloud/next").json["items"]]


def rows(kind: Any) -> list[Any]:
    """All there are."""
    with transaction() as session:
        return list(session.scalars(select(kind)))


def lines(action: str) -> list[AuditLine]:
    """What the audit says."""
    with transaction() as session:
        return list(session.scalars(select(AuditLine).where(AuditLine.action == action)))


def blobs(home: Path) -> int:
    """How many sealed sounds there are."""
    return sum(1 for file in (home / "blobs").rglob("*") if file.is_file())
