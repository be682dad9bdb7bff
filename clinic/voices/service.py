"""Enrolment: recordings kept, judged in words, and the building of a voice asked for and stopped."""

from __future__ import annotations

from pathlib import PurePath

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.audit import record
from clinic.database import after_commit, new_id
from clinic.errors import PlainError
from clinic.patients import consents
from clinic.patients.service import get_patient
from clinic.queue import send
from clinic.vault import get_vault
from clinic.voices.tables import BUILDING, CHECKED, DELETED, QUEUED, Recording, Voice

#: Speech that makes a good start, and from where more hardly helps.
GOOD_START_S, BETTER_S = 30.0, 60.0
_LONGEST_FILENAME = 120


def require_consent(session: Session, patient_id: str) -> None:
    """Raises PlainError 'no_consent' unless the patient agreed to keep their voice."""
    get_patient(session, patient_id)
    if consents.active(session, patient_id, "keep_voice") is None:
        message = (
            "The patient has not agreed yet that their recordings are kept and a voice is built. Record that consent "
            "on the patient's page first."
        )
        raise PlainError("no_consent", message, 403)


def tidy_filename(raw: str) -> str:
    """A file's name as it may be shown: without folders and control characters, and not endless."""
    name = PurePath(raw.replace("\\", "/")).name
    name = "".join(character for character in name if character.isprintable()).strip() or "recording"
    if len(name) <= _LONGEST_FILENAME:
        return name
    ending = PurePath(name).suffix[:10]
    return name[: _LONGEST_FILENAME - len(ending) - 1] + "…" + ending


def keep_recording(
    session: Session, actor: str, patient_id: str, filename: str, blob_id: str, size_bytes: int
) -> Recording:
    """Keep an uploaded file whose bytes are sealed already, and have it checked."""
    row = Recording(id=new_id(), patient_id=patient_id, blob_id=blob_id, size_bytes=size_bytes)
    get_vault().put(row, "filename_sealed", tidy_filename(filename))
    session.add(row)
    session.flush()
    record(session, actor, "recording.add", row.id, patient=patient_id, bytes=size_bytes)
    send(session, "voices.check", row.id)
    return row


def get_recording(session: Session, recording_id: str) -> Recording:
    """Raises PlainError 'no_recording', or what `get_patient` raises."""
    row = session.get(Recording, recording_id)
    if row is None:
        raise PlainError("no_recording", "There is no such recording. It may have been deleted.", 404)
    get_patient(session, row.patient_id)
    return row


def get_voice(session: Session, voice_id: str) -> Voice:
    """Raises PlainError 'no_voice', or what `get_patient` raises."""
    row = session.get(Voice, voice_id)
    if row is None or row.state == DELETED:
        raise PlainError("no_voice", "There is no such voice. It may have been deleted.", 404)
    get_patient(session, row.patient_id)
    return row


def recordings_of(session: Session, patient_id: str) -> list[Recording]:
    """In the order in which they came."""
    query = select(Recording).where(Recording.patient_id == patient_id)
    return list(session.scalars(query.order_by(Recording.created_at, Recording.id)))


def voices_of(session: Session, patient_id: str) -> list[Voice]:
    """The newest first, without those that were deleted."""
    kept = select(Voice).where(Voice.patient_id == patient_id, Voice.state != DELETED)
    return list(session.scalars(kept.order_by(Voice.version.desc())))


def is_usable(row: Recording) -> bool:
    """True for a recording that was checked and that a voice may be built from."""
    return row.state == CHECKED and (row.quality or {}).get("verdict") in ("good", "usable")


def usable_speech_s(rows: list[Recording]) -> float:
    """Seconds of speech in all usable recordings."""
    return sum(float((row.quality or {}).get("speech_s", 0.0)) for row in rows if is_usable(row))


def delete_recording(session: Session, actor: str, recording_id: str) -> str:
    """Delete a recording and its sound; the patient's id. Raises PlainError 'in_use' while a build reads it."""
    row = get_recording(session, recording_id)
    running = select(Voice).where(Voice.patient_id == row.patient_id, Voice.state.in_((QUEUED, BUILDING)))
    if any(row.id in voice.recording_ids for voice in session.scalars(running)):
        message = "A voice is being built from this recording just now. Wait for it, or cancel it, then delete."
        raise PlainError("in_use", message, 409)
    session.delete(row)
    blob_id = row.blob_id
    after_commit(session, lambda: get_vault().delete_blob(blob_id))
    record(session, actor, "recording.delete", recording_id, patient=row.patient_id)
    return row.patient_id


def build(session: Session, actor: str, patient_id: str) -> Voice:
    """Ask for a new version of the voice from all usable recordings.

    Raises PlainError 'no_consent', 'already_building' or 'nothing_usable'. Earlier versions stay as they are.
    """
    require_consent(session, patient_id)
    earlier = voices_of(session, patient_id)
    if any(voice.state in (QUEUED, BUILDING) and not voice.cancel_requested for voice in earlier):
        raise PlainError("already_building", "A voice is being built already. Wait for it, or cancel it first.", 409)
    usable = [row.id for row in recordings_of(session, patient_id) if is_usable(row)]
    if not usable:
        message = "There is no recording yet that a voice can be built from. Add one, and wait until it is checked."
        raise PlainError("nothing_usable", message, 409)
    newest = session.scalar(select(func.max(Voice.version)).where(Voice.patient_id == patient_id)) or 0
    voice = Voice(id=new_id(), patient_id=patient_id, version=newest + 1, recording_ids=usable, progress_text="")
    session.add(voice)
    session.flush()
    record(session, actor, "voice.build", voice.id, patient=patient_id, recordings=len(usable))
    send(session, "voices.fit", voice.id)
    return voice


def cancel(session: Session, actor: str, voice_id: str) -> Voice:
    """Ask a build to stop. It does so at its next step; a finished voice stays."""
    voice = get_voice(session, voice_id)
    if voice.state in (QUEUED, BUILDING) and not voice.cancel_requested:
        voice.cancel_requested = True
        record(session, actor, "voice.cancel", voice.id, patient=voice.patient_id)
    return voice
