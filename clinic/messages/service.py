"""Message banking: pieces of the patient's own recordings, cut, named, put in order, and played as they are."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from functools import partial

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.audit import record
from clinic.database import after_commit, new_id
from clinic.errors import PlainError
from clinic.messages.tables import READY, Message
from clinic.patients import consents
from clinic.patients.service import get_patient
from clinic.queue import send
from clinic.vault import VaultError, get_vault
from clinic.voices.service import get_recording, require_consent
from clinic.voices.tables import REFUSED

LONGEST_NAME, MOST = 80, 200
#: A message is a few words, a song at most; the tablet holds it in memory to play it.
LONGEST_S = 300.0
SHORTEST_S = 0.2


@dataclass(frozen=True)
class Shown:
    """A message with its name unsealed."""

    row: Message
    name: str


def messages_of(session: Session, patient_id: str) -> list[Shown]:
    """In the patient's order."""
    rows = select(Message).where(Message.patient_id == patient_id).order_by(Message.place, Message.created_at)
    return [Shown(row, _name(row)) for row in session.scalars(rows)]


def playable(session: Session, patient_id: str) -> list[Shown]:
    """What the tablet offers: nothing without the patient's consent."""
    if consents.active(session, patient_id, "keep_voice") is None:
        return []
    return [one for one in messages_of(session, patient_id) if one.row.state == READY]


def cut(session: Session, actor: str, patient_id: str, recording_id: str, name: str, start: str, end: str) -> Message:
    """Have a piece of an enrolled recording cut out. `start`, `end`: seconds, as they were typed.

    Raises PlainError 'no_consent', 'no_recording', 'no_name', 'name_too_long', 'bad_times' or 'too_many'.
    """
    require_consent(session, patient_id)
    source = get_recording(session, recording_id)
    if source.patient_id != patient_id:
        raise PlainError("no_recording", "There is no such recording. It may have been deleted.", 404)
    if source.state == REFUSED:
        raise PlainError("no_recording", "This recording cannot be read, so nothing can be cut from it.", 409)
    start_s, end_s = times(start, end, source.duration_s)
    return _keep(session, actor, patient_id, name, start_s, end_s, recording_id=source.id)


def bank_upload(
    session: Session, actor: str, patient_id: str, blob_id: str, name: str, start: str, end: str
) -> Message:
    """Have a piece, or all, of a file kept whose bytes are sealed already. Raises what `cut` raises."""
    require_consent(session, patient_id)
    start_s, end_s = times(start, end, None)
    return _keep(session, actor, patient_id, name, start_s, end_s, upload_blob_id=blob_id)


def times(start: str, end: str, duration_s: float | None) -> tuple[float, float | None]:
    """Seconds from what was typed; an empty start is the beginning, an empty end the end (None).

    Raises PlainError 'bad_times' for what is no number, for a piece that is empty or endless, and for one that begins
    after `duration_s`.
    """
    start_s, end_s = _seconds(start) or 0.0, _seconds(end)
    if duration_s is not None and end_s is not None:
        end_s = min(end_s, duration_s)
    last_s = end_s if end_s is not None else duration_s
    if duration_s is not None and start_s >= duration_s:
        raise _bad_times("The piece begins after the recording has ended.")
    if end_s is not None and end_s <= start_s:
        raise _bad_times("The end has to be after the start.")
    if last_s is not None and last_s - start_s < SHORTEST_S:
        raise _bad_times("That piece is too short to be heard.")
    if last_s is not None and last_s - start_s > LONGEST_S:
        raise _bad_times(f"A message lasts {LONGEST_S / 60:.0f} minutes at most. Choose a shorter piece.")
    return start_s, end_s


def get(session: Session, message_id: str) -> Message:
    """Raises PlainError 'no_message', or what `get_patient` raises."""
    row = session.get(Message, message_id)
    if row is None:
        raise PlainError("no_message", "There is no such message. It may have been removed.", 404)
    get_patient(session, row.patient_id)
    return row


def rename(session: Session, actor: str, message_id: str, name: str) -> Message:
    """Raises PlainError 'no_name', 'name_too_long'."""
    row = get(session, message_id)
    get_vault().put(row, "name_sealed", tidy_name(name))
    record(session, actor, "message.rename", row.id, patient=row.patient_id)
    return row


def move(session: Session, actor: str, message_id: str, step: int) -> Message:
    """One place up (-1) or down (1); at the end nothing changes."""
    row = get(session, message_id)
    rows = [one.row for one in messages_of(session, row.patient_id)]
    at = rows.index(row)
    to = min(max(at + (1 if step > 0 else -1), 0), len(rows) - 1)
    rows.insert(to, rows.pop(at))
    for place, one in enumerate(rows):
        one.place = place
    record(session, actor, "message.move", row.id, patient=row.patient_id, place=to)
    return row


def remove(session: Session, actor: str, message_id: str) -> str:
    """Remove a message and its sound; the recording stays. The patient's id."""
    row = get(session, message_id)
    for blob_id in (row.blob_id, row.upload_blob_id):
        if blob_id is not None:
            after_commit(session, partial(get_vault().delete_blob, blob_id))
    session.delete(row)
    record(session, actor, "message.remove", message_id, patient=row.patient_id)
    return row.patient_id


def fingerprint(shown: list[Shown]) -> str:
    """Changes whenever there is something new to see."""
    states = "|".join(f"{one.row.id}{one.row.state}{one.row.place}{one.name}" for one in shown)
    return f"{zlib.crc32(states.encode()):08x}"


def tidy_name(raw: str) -> str:
    """A name as it may be shown. Raises PlainError 'no_name', 'name_too_long'."""
    name = " ".join("".join(letter if letter.isprintable() else " " for letter in raw).split())
    if not name:
        raise PlainError("no_name", "Give the message a name, such as “Goodnight” or “That is my joke”.")
    if len(name) > LONGEST_NAME:
        raise PlainError("name_too_long", f"A name has up to {LONGEST_NAME} characters. Shorten it.")
    return name


def _keep(
    session: Session, actor: str, patient_id: str, name: str, start_s: float, end_s: float | None, **source: str
) -> Message:
    name = tidy_name(name)
    count, last = session.execute(
        select(func.count(Message.id), func.max(Message.place)).where(Message.patient_id == patient_id)
    ).one()
    if count >= MOST:
        raise PlainError("too_many", f"There are {MOST} messages already. Remove one that is not needed.", 409)
    row = Message(id=new_id(), patient_id=patient_id, start_s=start_s, end_s=end_s, place=(last or 0) + 1, **source)
    get_vault().put(row, "name_sealed", name)
    session.add(row)
    session.flush()
    record(session, actor, "message.keep", row.id, patient=patient_id, start_s=start_s, end_s=end_s)
    send(session, "messages.cut", row.id)
    return row


def _name(row: Message) -> str:
    try:
        return get_vault().get_text(row, "name_sealed")
    except VaultError:
        return "Name not readable"  # one damaged row must not hide the others


def _seconds(typed: str) -> float | None:
    """75.5, or 1:15.5, in seconds; None for nothing."""
    text = typed.strip().replace(",", ".")
    if not text:
        return None
    minutes, _, rest = text.rpartition(":")
    try:
        seconds = float(rest) + 60 * float(minutes or 0)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < 86_400:  # also for nan
        raise _bad_times("Type start and end in seconds, such as 12.5, or as 1:05.")
    return seconds


def _bad_times(message: str) -> PlainError:
    return PlainError("bad_times", f"{message} Nothing was cut.")
