"""A session as a clinician reads it: its utterances in order, and the newest draft note."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.audit import record
from clinic.errors import PlainError
from clinic.live.tables import (
    CANCELLED,
    FAILED,
    NOTHING_HEARD,
    RECEIVED,
    SPOKEN,
    UNSURE,
    WENT_ON,
    LiveSession,
    Utterance,
)
from clinic.notes.tables import FAILED as NOT_DRAFTED
from clinic.notes.tables import Note
from clinic.patients import consents
from clinic.patients.overview import feeling
from clinic.patients.service import get_patient
from clinic.queue import send
from clinic.vault import VaultError, get_vault

GATES = {
    "no_speech": "No speech was heard in it.",
    "no_words": "No words were heard in it.",
    "too_short": "It was too short to be sure of anything.",
    "looping": "The words that were recognised went round in circles, which software does when it is guessing.",
    "invented": "The words are what films end with, which software hears where nothing was said.",
    "impossible_rate": "There were more words than anybody could have said in that time, so they cannot be right.",
    "no_english": "The software could not put it into English.",
    "interpreted": "It is always asked before English is spoken.",
    "listed_word": "A word of the patient's list was put where the software had found another.",
    "low_confidence": "The software was not sure enough of the words.",
    "other_voice": "It did not sound like the patient.",
    "short_voice": "The tablet listened by itself, and it was too short to tell whether it was the patient.",
}
_STATES = {
    UNSURE: "Not spoken: the patient was asked which reading was meant, and has not chosen one.",
    NOTHING_HEARD: "Nothing was spoken.",
    CANCELLED: "The patient took this turn back. Nothing was spoken.",
}


@dataclass(frozen=True)
class Heard:
    """One utterance, unsealed. `text` is what was spoken aloud, else what was understood; where something else was
    spoken (`english`), the patient's own words."""

    row: Utterance
    text: str
    understood: str
    readings: list[dict[str, Any]]
    spoken: bool
    english: str
    why_silent: str
    distress: dict[str, Any]
    urgency: dict[str, Any]
    feeling_note: str
    problem: str = ""


@dataclass(frozen=True)
class Line:
    """One sentence of a note. `sources` are (utterance id, number in the session)."""

    text: str
    at: str
    struck: str
    sources: list[tuple[str, int]]


@dataclass(frozen=True)
class Draft:
    """A note by sections, in the order of its lines."""

    row: Note
    sections: list[tuple[str, list[Line]]] = field(default_factory=list)


def get_live_session(session: Session, session_id: str) -> LiveSession:
    """Raises PlainError 'no_session', or what `get_patient` raises."""
    row = session.get(LiveSession, session_id)
    if row is None:
        raise PlainError("no_session", "There is no such session.", 404)
    get_patient(session, row.patient_id)
    return row


def get_utterance(session: Session, utterance_id: str) -> Utterance:
    """Raises PlainError 'no_utterance', or what `get_patient` raises."""
    row = session.get(Utterance, utterance_id)
    if row is None:
        raise PlainError("no_utterance", "There is no such moment.", 404)
    get_patient(session, row.patient_id)
    return row


def heard_in(session: Session, session_id: str) -> list[Heard]:
    """Every utterance of a session, in order.

    One that the next one begins with, since the patient spoke on, is shown only if somebody may look for it because of
    how it sounded.
    """
    rows = session.scalars(select(Utterance).where(Utterance.session_id == session_id).order_by(Utterance.number))
    return [_heard(row) for row in rows if row.error_code != WENT_ON or row.feeling_sealed is not None]


def _heard(row: Utterance) -> Heard:
    vault = get_vault()
    problem = understood = said = english = ""
    readings: list[dict[str, Any]] = []
    try:
        if row.transcript_sealed is not None:
            transcript = vault.get_json(row, "transcript_sealed")
            understood, readings = str(transcript.get("text", "")), list(transcript.get("readings", []))
        if row.spoken_text_sealed is not None:
            said = vault.get_text(row, "spoken_text_sealed")
        if row.original_text_sealed is not None:
            said, english = vault.get_text(row, "original_text_sealed"), said
    except VaultError as error:
        problem = error.message
    felt = feeling(row)
    spoken = row.state == SPOKEN
    return Heard(
        row,
        said if spoken else understood,
        understood,
        [] if spoken else readings,
        spoken,
        english if spoken else "",
        "" if spoken else _why_silent(row),
        dict(felt.get("distress", {})),
        dict(felt.get("urgency", {})),
        str(felt.get("note", "")),
        problem,
    )


def _why_silent(row: Utterance) -> str:
    if row.state == FAILED:
        return row.error_message or "It could not be spoken."
    if row.error_code == WENT_ON:
        return "The patient spoke on: the next moment begins with this one."
    if row.cut_off and row.state == RECEIVED:
        return "Not finished: they speak still, or the connection broke before the end."
    said = _STATES.get(row.state, "Still being worked on.")
    return f"{said} {GATES[row.gate]}" if row.gate in GATES else said


def newest_draft(session: Session, session_id: str, numbers: dict[str, int]) -> Draft | None:
    """The newest note of a session; `numbers` are its utterances' ids with their numbers."""
    drafted = select(Note).where(Note.session_id == session_id, Note.state != NOT_DRAFTED)
    row = session.scalars(drafted.order_by(Note.version.desc()).limit(1)).first()
    if row is None:
        return None
    draft = Draft(row)
    for item in get_vault().get_json(row, "body_sealed"):
        sources = [(one, numbers[one]) for one in item.get("utterance_ids", []) if one in numbers]
        line = Line(str(item["text"]), str(item.get("at", "")), str(item.get("struck") or ""), sources)
        if not draft.sections or draft.sections[-1][0] != item["section"]:
            draft.sections.append((str(item["section"]), []))
        draft.sections[-1][1].append(line)
    return draft


def last_draft_failed(session: Session, session_id: str) -> bool:
    """Whether the newest version is one that could not be drafted."""
    newest = select(Note.state).where(Note.session_id == session_id).order_by(Note.version.desc()).limit(1)
    return session.scalar(newest) == NOT_DRAFTED


def draft_again(session: Session, actor: str, session_id: str) -> None:
    """Have a new version of the note drafted. Raises PlainError 'no_consent'."""
    row = get_live_session(session, session_id)
    if consents.active(session, row.patient_id, "draft_notes") is None:
        message = "The patient has not agreed that notes are drafted. Record that consent on the patient's page first."
        raise PlainError("no_consent", message, 403)
    record(session, actor, "note.draft", session_id, patient=row.patient_id)
    send(session, "notes.draft", session_id)
