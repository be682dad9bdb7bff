"""Words that matter to a patient (names, places, boards), so that recognition can look for them. Kept sealed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.audit import record
from clinic.database import new_id
from clinic.errors import PlainError
from clinic.patients.pronunciations import LONGEST_WORD, tidy
from clinic.patients.service import get_patient
from clinic.patients.tables import ListedWord
from clinic.vault import VaultError, get_vault

MOST = 200
#: A name of more words than this is a sentence, and sentences are learned from by reading them aloud.
MOST_PARTS = 4


@dataclass(frozen=True)
class Shown:
    """A listed word, unsealed. `problem` says why it could not be opened."""

    row: ListedWord
    word: str
    problem: str = ""


@dataclass(frozen=True)
class Typed:
    """What was typed and cannot be taken, and why."""

    words: str = ""
    wrong: str = ""


def list_of(session: Session, patient_id: str) -> list[Shown]:
    """In the order of the alphabet."""
    rows = session.scalars(select(ListedWord).where(ListedWord.patient_id == patient_id))
    return sorted((_shown(row) for row in rows), key=lambda one: (one.word.casefold(), one.row.id))


def add(session: Session, actor: str, patient_id: str, typed: str) -> int:
    """Put words on the list, one a line (a comma parts them, too); how many are new. All of them, or none.

    Raises PlainError 'no_word', 'word_too_long', 'too_many'.
    """
    get_patient(session, patient_id)
    words = {word.casefold(): word for line in re.split(r"[\n\r,;]+", typed) if (word := tidy(line))}
    if not words or not all(any(letter.isalpha() for letter in word) for word in words.values()):
        raise PlainError("no_word", "Type names or places, one a line, such as “Siobhan”. Each needs letters.")
    if any(len(word) > LONGEST_WORD or len(word.split()) > MOST_PARTS for word in words.values()):
        message = (
            f"A name has up to {LONGEST_WORD} characters and {MOST_PARTS} words. Put each on a line of its own; "
            "sentences are learned under “Learn how they speak”."
        )
        raise PlainError("word_too_long", message)
    known = list_of(session, patient_id)
    new = words.keys() - {one.word.casefold() for one in known}
    if len(known) + len(new) > MOST:
        raise PlainError("too_many", f"There can be {MOST} words. Remove some that are not needed any more.", 409)
    for key in sorted(new):
        row = ListedWord(id=new_id(), patient_id=patient_id)
        get_vault().put(row, "word_sealed", words[key])
        session.add(row)
    session.flush()
    record(session, actor, "listed_word.add", patient_id, count=len(new))
    return len(new)


def remove(session: Session, actor: str, word_id: str) -> str:
    """Take a word off the list; the patient's id. Raises PlainError 'no_listed_word', or what `get_patient` raises."""
    row = session.get(ListedWord, word_id)
    if row is None:
        raise PlainError("no_listed_word", "This word is not on the list any more.", 404)
    get_patient(session, row.patient_id)
    session.delete(row)
    record(session, actor, "listed_word.remove", word_id, patient=row.patient_id)
    return row.patient_id


def _shown(row: ListedWord) -> Shown:
    try:
        return Shown(row, get_vault().get_text(row, "word_sealed"))
    except VaultError as error:  # one damaged row must not hide the others
        return Shown(row, "Not readable", error.message)
