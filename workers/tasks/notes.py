"""A session becomes a draft note."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.database import new_id, transaction
from clinic.errors import PlainError
from clinic.live.tables import SPOKEN, WENT_ON, LiveSession, Utterance
from clinic.notes.tables import DRAFT, FAILED, Note
from clinic.vault import get_vault
from workers.app import app
from workers.contracts import SpokenError, Statement
from workers.summarise import check, note
from workers.summarise.records import SessionRecord, UtteranceRecord
from workers.tasks import sealed
from workers.tasks.outcome import plainly


@app.task(name="notes.draft")
def draft(session_id: str) -> None:
    """Draft the note of a session as a new version; what no utterance supports is struck, and shown as struck."""
    with plainly(session_id, "notes.draft", _failed):
        _draft(session_id)


def _draft(session_id: str) -> None:
    with transaction() as session:
        live = session.get(LiveSession, session_id)
        if live is None:
            return
        if "draft_notes" not in sealed.consents(session, live.patient_id):
            raise SpokenError("no_consent", "There is no consent to draft notes from this patient's sessions.")
        rows = session.scalars(
            select(Utterance).where(Utterance.session_id == session_id).order_by(Utterance.number)
        ).all()
        # What the next utterance begins with was said once.
        records = tuple(_record(row) for row in rows if row.error_code != WENT_ON)
        drafted = note.draft(SessionRecord(session_id, live.created_at.isoformat(timespec="seconds"), records))
        statements = check.check(drafted, records)
        _keep(session, live, [_line(statement) for statement in statements])


def _keep(session: Session, live: LiveSession, body: list[dict[str, object]], state: str = DRAFT) -> None:
    """The next version of a session's note."""
    version = session.scalar(select(func.max(Note.version)).where(Note.session_id == live.id)) or 0
    kept = Note(id=new_id(), patient_id=live.patient_id, session_id=live.id, version=version + 1, state=state)
    get_vault().put(kept, "body_sealed", body)
    session.add(kept)


def _failed(session_id: str, _code: str, _message: str) -> None:
    """Say on the session's page that there is no new note: whoever asked for one is waiting."""
    with suppress(PlainError), transaction() as session:  # the patient may have been erased: then nobody waits
        live = session.get(LiveSession, session_id)
        if live is not None:
            _keep(session, live, [], FAILED)


def _line(statement: Statement) -> dict[str, object]:
    """A line as it is kept: what the page shows, and why it was struck if it was."""
    return {
        "section": statement.section,
        "text": statement.text,
        "utterance_ids": list(statement.utterance_ids),
        "at": statement.at,
        "struck": statement.extra.get("struck", ""),
    }


def _record(row: Utterance) -> UtteranceRecord:
    """What the writer may know of an utterance: what was really said aloud or understood, and how it sounded."""
    vault = get_vault()
    transcript = vault.get_json(row, "transcript_sealed") if row.transcript_sealed else {"text": ""}
    feeling = vault.get_json(row, "feeling_sealed") if row.feeling_sealed else {}
    aloud = vault.get_text(row, "spoken_text_sealed") if row.spoken_text_sealed else ""
    original = vault.get_text(row, "original_text_sealed") if row.original_text_sealed else ""
    return UtteranceRecord(
        id=row.id,
        at=row.ended_at.isoformat(timespec="seconds"),
        text=original or aloud or transcript["text"],
        english=aloud if original and row.state == SPOKEN else "",
        language=transcript.get("language", "en"),
        chosen=row.chosen,
        gate=row.gate,
        confidence=row.confidence,
        distress=row.distress,
        urgency=row.urgency,
        cues=tuple(cue for kind in ("distress", "urgency") for cue in feeling.get(kind, {}).get("cues", ())),
    )
