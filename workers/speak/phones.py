"""Text to Kokoro's phones. The only seam to espeak-ng (GPL): everything else sees a string of phones.

espeak's own IPA serves better here than misaki's phone set (single letters for diphthongs), on which Kokoro was
trained. In a small trial (6 sentences, 3 public voices; not kept in the tree) Whisper base misheard no word against 1.5
to 4.4 %, at the same DNSMOS. misaki's gain is in its dictionary of stresses, which espeak's output does not carry.
"""

from __future__ import annotations

import logging
import re
import threading
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from workers.contracts import SpokenError

#: Language of a patient → espeak's name of it.
LANGUAGES = {"en": "en-us", "en-us": "en-us", "en-gb": "en-gb"}

#: What carries the words; the rest is stress, length, punctuation and spaces.
VOWELS = frozenset("aeiouyæɐɑɒɔəɘɚɛɜɝɞɨɪʊʌᵻøœɯɤ")
#: The phonemiser cuts at punctuation before espeak sees it, so what punctuation means inside a number or an
#: abbreviation has to be said in words first.
_WORDS_FOR = tuple(
    (re.compile(pattern, re.IGNORECASE), spoken)
    for pattern, spoken in (
        (r"(?<=\d),(?=\d{3}\b)", ""),
        (r"(?<=\d)\.(?=\d)", " point "),
        (r"\b(\d{1,2}):00\b", r"\1 o'clock"),
        (r"\b(\d{1,2}):0(\d)\b", r"\1 oh \2"),
        (r"(?<=\d):(?=\d\d\b)", " "),
        (r"\b(\d+)\s?mg\b", r"\1 milligrams"),
        (r"\b(\d+)\s?ml\b", r"\1 millilitres"),
        (r"\bdr\.", "doctor"),
        (r"\bmr\.", "mister"),
        (r"\bmrs\.", "missus"),
        (r"\bst\.(?=\s[A-Z])", "saint"),
        (r"\be\.g\.", "for example"),
        (r"\bi\.e\.", "that is"),
    )
)
_NOT_SPOKEN = re.compile(r"[^\w\s.,;:!?'’\-–—…\"“”()%£$€&/+@°]")


#: espeak keeps what it is reading in one place for the whole process: of 240 texts that four threads asked for at once
#: 28 came back with sounds of another thread's text, which may be another patient's.
_turn = threading.Lock()


@lru_cache(maxsize=4)
def _espeak(language: str) -> Any:
    import espeakng_loader
    from phonemizer.backend import EspeakBackend
    from phonemizer.backend.espeak.wrapper import EspeakWrapper

    # It warns whenever espeak joins two words into one, which is how people speak.
    logging.getLogger("phonemizer").setLevel(logging.ERROR)
    EspeakWrapper.set_library(espeakng_loader.get_library_path())
    EspeakWrapper.set_data_path(espeakng_loader.get_data_path())
    return EspeakBackend(language, preserve_punctuation=True, with_stress=True, language_switch="remove-flags")


def tidy(text: str) -> str:
    """Text with what cannot be spoken taken out: control characters, symbols, marks piled on letters."""
    text = unicodedata.normalize("NFKC", text)
    text = "".join(" " if unicodedata.category(letter).startswith(("C", "Z")) else letter for letter in text)
    text = _NOT_SPOKEN.sub(" ", text)
    return re.sub(r"\s+", " ", text).strip()


def to_phones(text: str, vocab: Mapping[str, int], language: str = "en") -> str:
    """IPA phones with stress marks and punctuation, filtered to `vocab`. Empty where nothing can be spoken.

    Raises SpokenError 'unknown_language'.
    """
    return each_to_phones([text], vocab, language)[0]


def each_to_phones(texts: Sequence[str], vocab: Mapping[str, int], language: str = "en") -> list[str]:
    """`to_phones` of several texts, each by itself, at the price of one."""
    if language.lower() not in LANGUAGES:
        raise SpokenError("unknown_language", f"Speaking '{language}' is not possible yet. English is.")
    spoken = [_in_words(text) for text in texts]
    asked = [text for text in spoken if text]
    with _turn:
        made = iter(_espeak(LANGUAGES[language.lower()]).phonemize(asked, strip=True) if asked else [])
    return ["".join(phone for phone in next(made) if phone in vocab).strip() if text else "" for text in spoken]


def _in_words(text: str) -> str:
    """Tidy text with its numbers and abbreviations said in words; empty where nothing in it can be spoken."""
    tidied = tidy(text)
    for pattern, words in _WORDS_FOR:
        tidied = pattern.sub(words, tidied)
    return tidied if any(letter.isalnum() for letter in tidied) else ""


def syllables(phones: str) -> int:
    """Syllables in a string of phones: runs of vowels, where a stress mark begins a new one."""
    count, inside = 0, False
    for phone in phones:
        if phone in "ˈˌ":
            inside = False
        elif phone in VOWELS:
            count += not inside
            inside = True
        elif phone != "ː":
            inside = False
    return count
