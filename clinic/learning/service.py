"""Sentences read aloud, and those out of the patient's own life that wait to be read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.audit import record
from clinic.database import after_commit, new_id
from clinic.errors import PlainError
from clinic.learning import prompts
from clinic.learning.tables import BUILDING, CHECKED, QUEUED, REFUSED, Adapter, OwnSentence, ReadAloud
from clinic.patients import consents
from clinic.patients.service import get_patient
from clinic.patients.tables import Patient
from clinic.queue import send
from clinic.vault import VaultError, get_vault

#: Of checked sentences: with fewer nothing can be learned and judged.
LEAST = 5
#: A sentence is said in one breath: what is longer than 13.5 s without its pauses cannot be learned from.
LONGEST_TEXT, MOST_OWN, MOST_READINGS = 120, 200, 1000


@dataclass(frozen=True)
class ToRead:
    """A sentence that waits to be read: of the catalogue (`prompt`), or the patient's own (`own_id`)."""

    text: str
    prompt: str | None = None
    own_id: str | None = None


@dataclass(frozen=True)
class Shown:
    """A row with its words unsealed."""

    row: ReadAloud
    text: str


@dataclass(frozen=True)
class Own:
    """A sentence of the patient's own with its words unsealed; `read` once a reading of it counts."""

    row: OwnSentence
    text: str
    read: bool


def may_learn(session: Session, patient_id: str) -> bool:
    """True while the patient agrees that the software learns how they speak."""
    return consents.active(session, patient_id, "learn_corrections") is not None


def require_consent(session: Session, patient_id: str) -> None:
    """Raises PlainError 'no_consent' unless the patient agreed that the software learns how they speak."""
    get_patient(session, patient_id)
    if not may_learn(session, patient_id):
        message = (
            "The patient has not agreed yet that the software learns how they speak. Record that consent on the "
            "patient's page first."
        )
        raise PlainError("no_consent", message, 403)


def next_prompts(session: Session, patient: Patient) -> list[ToRead]:
    """What was not read yet, in order: the patient's own sentences first."""
    counts = select(ReadAloud.prompt, ReadAloud.own_id)
    read = session.execute(counts.where(ReadAloud.patient_id == patient.id, ReadAloud.state != REFUSED)).all()
    done = {key for row in read for key in row if key is not None}
    own = [ToRead(one.text, own_id=one.row.id) for one in own_sentences(session, patient.id) if not one.read]
    # Who speaks another language reads no English aloud: it would be learned as theirs.
    known = patient.language.split("-")[0].lower() in prompts.CATALOGUES
    catalogue = prompts.catalogue(patient.language) if known else ()
    return own + [ToRead(one.text, prompt=one.key) for one in catalogue if one.key not in done]


def keep_reading(
    session: Session, actor: str, patient_id: str, reading_id: str, blob_id: str, *, prompt: str = "", own_id: str = ""
) -> ReadAloud:
    """Keep a sentence whose sound is sealed already, and have it checked. A refused reading of it gives way.

    `reading_id` is the browser's own name for what it recorded: sent twice, it is kept once (`kept_before`).
    Raises PlainError 'no_consent', 'no_sentence' or 'too_many'.
    """
    require_consent(session, patient_id)
    text = _words_of(session, patient_id, prompt, own_id)
    count = session.scalar(select(func.count(ReadAloud.id)).where(ReadAloud.patient_id == patient_id)) or 0
    if count >= MOST_READINGS:
        message = f"{MOST_READINGS} sentences are kept already. Delete some that are not needed."
        raise PlainError("too_many", message, 409)
    row = ReadAloud(id=reading_id, patient_id=patient_id, prompt=prompt or None, own_id=own_id or None, blob_id=blob_id)
    same = select(ReadAloud).where(ReadAloud.patient_id == patient_id, ReadAloud.state == REFUSED)
    for former in session.scalars(same.where(ReadAloud.prompt == row.prompt, ReadAloud.own_id == row.own_id)):
        _forget(session, former)
    get_vault().put(row, "text_sealed", text)
    session.add(row)
    session.flush()
    record(session, actor, "reading.add", row.id, patient=patient_id, prompt=row.prompt)
    send(session, "learning.check_read", row.id)
    return row


def kept_before(session: Session, patient_id: str, reading_id: str) -> ReadAloud | None:
    """What was kept under the browser's own name for it, when this is the second time that it is sent."""
    row = session.get(ReadAloud, reading_id)
    return row if row is not None and row.patient_id == patient_id else None


def get_reading(session: Session, reading_id: str) -> ReadAloud:
    """Raises PlainError 'no_reading', or what `get_patient` raises."""
    row = session.get(ReadAloud, reading_id)
    if row is None:
        raise PlainError("no_reading", "There is no such sentence. It may have been deleted.", 404)
    get_patient(session, row.patient_id)
    return row


def readings_of(session: Session, patient_id: str) -> list[ReadAloud]:
    """The newest first."""
    query = select(ReadAloud).where(ReadAloud.patient_id == patient_id)
    return list(session.scalars(query.order_by(ReadAloud.created_at.desc(), ReadAloud.id)))


def shown(rows: Iterable[ReadAloud]) -> list[Shown]:
    """With their words."""
    return [Shown(row, words(row)) for row in rows]


def delete_reading(session: Session, actor: str, reading_id: str) -> str:
    """Delete a sentence and its sound; the patient's id. Raises PlainError 'in_use' while it is learned from."""
    row = get_reading(session, reading_id)
    running = select(Adapter).where(Adapter.patient_id == row.patient_id, Adapter.state.in_((QUEUED, BUILDING)))
    if any(row.id in adapter.read_aloud_ids for adapter in session.scalars(running)):
        message = "This sentence is being learned from just now. Wait for it, or cancel it, then delete."
        raise PlainError("in_use", message, 409)
    _forget(session, row)
    record(session, actor, "reading.delete", reading_id, patient=row.patient_id)
    return row.patient_id


def own_sentences(session: Session, patient_id: str) -> list[Own]:
    """In the order in which they were added."""
    counts = select(ReadAloud.own_id).where(ReadAloud.patient_id == patient_id, ReadAloud.state != REFUSED)
    read = set(session.scalars(counts.where(ReadAloud.own_id.is_not(None))))
    rows = select(OwnSentence).where(OwnSentence.patient_id == patient_id)
    ordered = session.scalars(rows.order_by(OwnSentence.created_at, OwnSentence.id))
    return [Own(row, words(row), row.id in read) for row in ordered]


def add_own(session: Session, actor: str, patient_id: str, typed: str) -> int:
    """Sentences to be read, one a line; how many. Raises PlainError 'no_consent', 'no_text', 'too_long', 'too_many'."""
    require_consent(session, patient_id)
    texts = [text for line in typed.splitlines() if (text := tidy(line))]
    if not texts:
        raise PlainError("no_text", "Type a sentence, such as “Rosie, your tea is getting cold”.")
    if any(len(text) > LONGEST_TEXT for text in texts):
        message = f"A sentence has up to {LONGEST_TEXT} characters: it has to be said in one breath. Shorten it."
        raise PlainError("too_long", message)
    count = session.scalar(select(func.count(OwnSentence.id)).where(OwnSentence.patient_id == patient_id)) or 0
    if count + len(texts) > MOST_OWN:
        message = f"There can be {MOST_OWN} sentences of the patient's own. Remove some that are not needed."
        raise PlainError("too_many", message, 409)
    for text in texts:
        row = OwnSentence(id=new_id(), patient_id=patient_id)
        get_vault().put(row, "text_sealed", text)
        session.add(row)
    session.flush()
    record(session, actor, "sentence.add", patient_id, count=len(texts))
    return len(texts)


def remove_own(session: Session, actor: str, own_id: str) -> str:
    """Take a sentence off the list; what was read of it stays. The patient's id. Raises PlainError 'no_sentence'."""
    row = session.get(OwnSentence, own_id)
    if row is None:
        raise _no_sentence()
    get_patient(session, row.patient_id)
    session.delete(row)
    record(session, actor, "sentence.remove", own_id, patient=row.patient_id)
    return row.patient_id


def words(row: ReadAloud | OwnSentence) -> str:
    """Its words unsealed."""
    try:
        return get_vault().get_text(row, "text_sealed")
    except VaultError:
        return "Words not readable"  # one damaged row must not hide the others


def tidy(raw: str) -> str:
    """Text as it may be shown and said: on one line, without control characters."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in raw).split())


def _words_of(session: Session, patient_id: str, prompt: str, own_id: str) -> str:
    found = prompts.find(prompt)
    if found is not None and not own_id:
        return found.text
    own = session.get(OwnSentence, own_id) if own_id and not prompt else None
    if own is None or own.patient_id != patient_id:
        raise _no_sentence()
    return get_vault().get_text(own, "text_sealed")


def _forget(session: Session, row: ReadAloud) -> None:
    session.delete(row)
    after_commit(session, partial(get_vault().delete_blob, row.blob_id))


def _no_sentence() -> PlainError:
    return PlainError(
        "no_sentence", "There is no such sentence to read. It may have been removed; go on with the next.", 404
    )


def checked(rows: Iterable[ReadAloud]) -> list[ReadAloud]:
    """Those that can be learned from."""
    return [row for row in rows if row.state == CHECKED]
