"""Phrases that are matched by their sound: what they say, and examples of how the patient says them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import partial

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.audit import record
from clinic.database import after_commit, new_id
from clinic.errors import PlainError
from clinic.learning import service
from clinic.learning.tables import REFUSED, Phrase, PhraseExample
from clinic.patients.service import get_patient
from clinic.queue import send
from clinic.vault import VaultError, get_vault

#: Of examples that can be used: with fewer a phrase is not recognised.
LEAST_EXAMPLES = 2
MOST_EXAMPLES, MOST, LONGEST_TEXT = 10, 200, 120


@dataclass(frozen=True)
class Shown:
    """A phrase with its words unsealed, and its examples, the oldest first."""

    row: Phrase
    text: str
    examples: list[PhraseExample]

    @property
    def taught(self) -> int:
        """Examples that were not refused."""
        return sum(example.state != REFUSED for example in self.examples)

    @property
    def lacks(self) -> int:
        """Examples that are still wanted."""
        return max(0, LEAST_EXAMPLES - self.taught)


def phrases_of(session: Session, patient_id: str) -> list[Shown]:
    """In the order in which they were added."""
    examples: dict[str, list[PhraseExample]] = {}
    rows = select(PhraseExample).where(PhraseExample.patient_id == patient_id)
    for example in session.scalars(rows.order_by(PhraseExample.created_at, PhraseExample.id)):
        examples.setdefault(example.phrase_id, []).append(example)
    phrases = select(Phrase).where(Phrase.patient_id == patient_id).order_by(Phrase.created_at, Phrase.id)
    return [Shown(row, _words(row), examples.get(row.id, [])) for row in session.scalars(phrases)]


def get_phrase(session: Session, phrase_id: str) -> Phrase:
    """Raises PlainError 'no_phrase', or what `get_patient` raises."""
    row = session.get(Phrase, phrase_id)
    if row is None:
        raise PlainError("no_phrase", "There is no such phrase. It may have been removed.", 404)
    get_patient(session, row.patient_id)
    return row


def add(session: Session, actor: str, patient_id: str, typed: str) -> Phrase:
    """A new phrase. Raises PlainError 'no_consent', 'no_text', 'too_long', 'there_already' or 'too_many'."""
    service.require_consent(session, patient_id)
    text = service.tidy(typed)
    if not any(letter.isalnum() for letter in text):
        raise PlainError("no_text", "Type what the phrase says, such as “Turn me over, please”.")
    if len(text) > LONGEST_TEXT:
        raise PlainError("too_long", f"A phrase has up to {LONGEST_TEXT} characters. Shorten it.")
    known = phrases_of(session, patient_id)
    if any(one.text.casefold() == text.casefold() for one in known):
        raise PlainError("there_already", "This phrase is on the list already. Say it again there to teach it better.")
    if len(known) >= MOST:
        raise PlainError("too_many", f"There are {MOST} phrases already. Remove one that is not needed.", 409)
    row = Phrase(id=new_id(), patient_id=patient_id)
    get_vault().put(row, "text_sealed", text)
    session.add(row)
    session.flush()
    record(session, actor, "phrase.add", row.id, patient=patient_id)
    return row


def remove(session: Session, actor: str, phrase_id: str) -> str:
    """Remove a phrase and its examples; the patient's id."""
    row = get_phrase(session, phrase_id)
    for example in session.scalars(select(PhraseExample).where(PhraseExample.phrase_id == phrase_id)):
        _forget(session, example)
    session.flush()
    session.delete(row)
    record(session, actor, "phrase.remove", phrase_id, patient=row.patient_id)
    return row.patient_id


def keep_example(session: Session, actor: str, phrase_id: str, example_id: str, blob_id: str) -> PhraseExample:
    """Keep an example whose sound is sealed already, and have it checked. Refused ones of the phrase give way.

    `example_id` is the browser's own name for it, as in `service.keep_reading`. Raises PlainError 'no_consent',
    'no_phrase' or 'too_many'.
    """
    phrase = get_phrase(session, phrase_id)
    service.require_consent(session, phrase.patient_id)
    of_phrase = select(PhraseExample).where(PhraseExample.phrase_id == phrase_id)
    for former in session.scalars(of_phrase.where(PhraseExample.state == REFUSED)):
        _forget(session, former)
    session.flush()
    count = select(func.count(PhraseExample.id)).where(PhraseExample.phrase_id == phrase_id)
    if (session.scalar(count) or 0) >= MOST_EXAMPLES:
        message = f"This phrase has {MOST_EXAMPLES} examples already, and that is plenty. Remove one to say it anew."
        raise PlainError("too_many", message, 409)
    row = PhraseExample(id=example_id, patient_id=phrase.patient_id, phrase_id=phrase_id, blob_id=blob_id)
    session.add(row)
    session.flush()
    record(session, actor, "example.add", row.id, patient=row.patient_id, phrase=phrase_id)
    send(session, "learning.check_phrase", row.id)
    return row


def kept_before(session: Session, phrase_id: str, example_id: str) -> PhraseExample | None:
    """What was kept under the browser's own name for it, when this is the second time that it is sent."""
    row = session.get(PhraseExample, example_id)
    return row if row is not None and row.phrase_id == phrase_id else None


def get_example(session: Session, example_id: str) -> PhraseExample:
    """Raises PlainError 'no_example', or what `get_patient` raises."""
    row = session.get(PhraseExample, example_id)
    if row is None:
        raise PlainError("no_example", "There is no such example. It may have been deleted.", 404)
    get_patient(session, row.patient_id)
    return row


def delete_example(session: Session, actor: str, example_id: str) -> str:
    """Delete one example and its sound; the patient's id."""
    row = get_example(session, example_id)
    _forget(session, row)
    record(session, actor, "example.delete", example_id, patient=row.patient_id, phrase=row.phrase_id)
    return row.patient_id


def fingerprint(shown: list[Shown]) -> str:
    """Changes whenever there is something new to see."""
    states = [f"{one.row.id}{one.text}" for one in shown]
    states += [f"{example.id}{example.state}" for one in shown for example in one.examples]
    return f"{zlib.crc32('|'.join(states).encode()):08x}"


def _forget(session: Session, example: PhraseExample) -> None:
    session.delete(example)
    for blob_id in (example.blob_id, example.features_blob_id):
        if blob_id is not None:
            after_commit(session, partial(get_vault().delete_blob, blob_id))


def _words(row: Phrase) -> str:
    try:
        return get_vault().get_text(row, "text_sealed")
    except VaultError:
        return "Words not readable"  # one damaged row must not hide the others
