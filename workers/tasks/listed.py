"""A patient's words for recognition: those on their list, names that have a pronunciation, names in their sentences."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.database import transaction
from clinic.learning.tables import OwnSentence, Phrase
from clinic.patients.tables import ListedWord
from clinic.vault import VaultError, get_vault
from workers.contracts import SpokenError
from workers.tasks import sealed

if TYPE_CHECKING:
    from workers.understand.listed import Listed

log = logging.getLogger(__name__)

#: More would make every word sound like one of them.
MOST = 300
_WORD = re.compile(r"[^\W\d_][\w'’\-]*")
_NO_NAMES = frozenset({"I", "I'm", "I'd", "I'll", "I've", "I’m", "I’d", "I’ll", "I’ve", "OK", "TV"})

#: (word, ways to say it, respelt in ordinary letters), sorted: the same words are the same, and give the same outcome.
Words = tuple[tuple[str, tuple[str, ...]], ...]


def words_of(patient_id: str) -> Words:
    """What is known of this patient's words at this moment. One that does not open is left out.

    What was typed to be learned counts only with that consent.
    """
    with transaction() as session:
        return _words(session, patient_id)


def _words(session: Session, patient_id: str) -> Words:
    vault = get_vault()
    said: dict[str, tuple[str, ...]] = {
        word: (say,) for word, say in sealed.pronunciations(session, patient_id).items()
    }
    found: list[str] = []
    rows = session.scalars(select(ListedWord).where(ListedWord.patient_id == patient_id).order_by(ListedWord.id))
    for row in rows:
        try:
            found.append(vault.get_text(row, "word_sealed"))
        except VaultError as error:
            log.warning("listed word %s cannot be opened: %s", row.id, error.code)
    if "learn_corrections" in sealed.consents(session, patient_id):
        found += names_in(_sentences(session, patient_id))
    known = {word.casefold() for word in said}
    for word in found:
        if word.casefold() not in known:
            known.add(word.casefold())
            said[word] = ()
    return tuple(sorted(list(said.items())[:MOST]))


def _sentences(session: Session, patient_id: str) -> list[str]:
    """The patient's own sentences and the phrases that they taught."""
    vault, found = get_vault(), []
    for table in (OwnSentence, Phrase):
        for row in session.scalars(select(table).where(table.patient_id == patient_id).order_by(table.id)):
            with suppress(VaultError):
                found.append(vault.get_text(row, "text_sealed"))
    return found


def names_in(sentences: Iterable[str]) -> list[str]:
    """Words that are written with a capital inside a sentence. The first word of one is not known to be a name."""
    found: dict[str, None] = {}
    for sentence in sentences:
        for part in re.split(r"[.!?:“”\"]+", sentence):
            for word in _WORD.findall(part)[1:]:
                plain = re.sub(r"['’]s$", "", word)
                if word[0].isupper() and word not in _NO_NAMES and len(plain) > 1:
                    found.setdefault(plain)
    return list(found)


def opened(patient_id: str, words: Words, language: str) -> Listed | None:
    """What the recogniser takes; None where there are no words, or the language cannot be turned into phones. What goes
    wrong here costs the bias alone, never the utterance."""
    if not words:
        return None
    try:
        return _opened(words, language)
    except SpokenError as error:
        log.warning("listed words of %s are not used: %s", patient_id, error.code)
        return None


@lru_cache(maxsize=8)
def _opened(words: Words, language: str) -> Listed:
    from workers.speak.phones import each_to_phones
    from workers.understand.listed import Listed, ListedWord
    from workers.understand.nearness import PHONES

    signs = dict.fromkeys(sorted(PHONES), 0)

    def phones_of(texts: Sequence[str]) -> list[str]:
        return each_to_phones(texts, signs, language)

    ways = [(word, *say) for word, say in words]
    sounds = iter(phones_of([way for each in ways for way in each]))
    found = []
    for word, *say in ways:
        phones = tuple(dict.fromkeys(sound for sound in (next(sounds) for _ in range(1 + len(say))) if sound))
        if phones:
            found.append(ListedWord(word, phones))
    return Listed(tuple(found), phones_of)
