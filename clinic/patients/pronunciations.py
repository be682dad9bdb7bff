"""How a patient says names and other words: kept sealed, used in everything that is spoken for them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.audit import record
from clinic.database import after_commit, new_id
from clinic.errors import PlainError
from clinic.patients.service import get_patient
from clinic.patients.tables import WANTED, Pronunciation
from clinic.queue import send
from clinic.vault import VaultError, get_vault
from clinic.voices.speaking import speaking

LONGEST_WORD, LONGEST_SAY, MOST = 60, 120, 200


@dataclass(frozen=True)
class Shown:
    """A pronunciation, unsealed. `problem` says why it could not be opened."""

    row: Pronunciation
    word: str
    say: str
    problem: str = ""


def list_of(session: Session, patient_id: str) -> list[Shown]:
    """In the order of their words."""
    rows = session.scalars(select(Pronunciation).where(Pronunciation.patient_id == patient_id))
    return sorted((_shown(row) for row in rows), key=lambda one: (one.word.casefold(), one.row.id))


def keep(session: Session, actor: str, patient_id: str, word: str, say: str) -> Pronunciation:
    """Keep how `word` is said; one that was kept for the same word is replaced.

    Raises PlainError 'no_word', 'word_too_long', 'too_many'.
    """
    get_patient(session, patient_id)
    word, say = tidy(word), tidy(say)
    for text, what in ((word, "the word as it is written"), (say, "how it is said, in ordinary letters")):
        if not any(letter.isalnum() for letter in text):
            raise PlainError("no_word", f"Type {what}.")
    if len(word) > LONGEST_WORD or len(say) > LONGEST_SAY:
        message = f"A word has up to {LONGEST_WORD} characters, and how it is said up to {LONGEST_SAY}. Shorten it."
        raise PlainError("word_too_long", message)
    known = list_of(session, patient_id)
    same = next((one.row for one in known if one.word.casefold() == word.casefold()), None)
    if same is None and len(known) >= MOST:
        raise PlainError("too_many", f"There are {MOST} words already. Remove one that is not needed any more.", 409)
    row = same or Pronunciation(id=new_id(), patient_id=patient_id)
    vault = get_vault()
    vault.put(row, "word_sealed", word)
    vault.put(row, "say_sealed", say)
    session.add(row)
    session.flush()
    _forget_preview(session, row)
    record(session, actor, "pronunciation.keep", row.id, patient=patient_id, replaced=same is not None)
    if speaking(session, patient_id) is not None:
        want_preview(session, row)
    return row


def get(session: Session, pronunciation_id: str) -> Pronunciation:
    """Raises PlainError 'no_pronunciation', or what `get_patient` raises."""
    row = session.get(Pronunciation, pronunciation_id)
    if row is None:
        raise PlainError("no_pronunciation", "This word is not kept any more.", 404)
    get_patient(session, row.patient_id)
    return row


def remove(session: Session, actor: str, pronunciation_id: str) -> str:
    """Remove one; the patient's id."""
    row = get(session, pronunciation_id)
    _forget_preview(session, row)
    session.delete(row)
    record(session, actor, "pronunciation.remove", pronunciation_id, patient=row.patient_id)
    return row.patient_id


def want_preview(session: Session, row: Pronunciation) -> None:
    """Have the word said in the voice that speaks now."""
    _forget_preview(session, row)
    row.preview = WANTED
    send(session, "voices.pronounce", row.id)


def fingerprint(shown: list[Shown]) -> str:
    """Changes whenever there is something new to see or hear."""
    states = "|".join(f"{one.row.id}{one.row.preview}{one.row.preview_blob_id}{one.word}{one.say}" for one in shown)
    return f"{zlib.crc32(states.encode()):08x}"


def _forget_preview(session: Session, row: Pronunciation) -> None:
    if row.preview_blob_id is not None:
        after_commit(session, partial(get_vault().delete_blob, row.preview_blob_id))
    row.preview = row.preview_blob_id = row.preview_message = None


def _shown(row: Pronunciation) -> Shown:
    vault = get_vault()
    try:
        return Shown(row, vault.get_text(row, "word_sealed"), vault.get_text(row, "say_sealed"))
    except VaultError as error:  # one damaged row must not hide the others
        return Shown(row, "Not readable", "", error.message)


def tidy(text: str) -> str:
    """Text as it may be shown and said: without control and formatting characters, single spaces."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
