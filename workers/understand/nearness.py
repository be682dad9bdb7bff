"""How near two words sound: an edit distance over phones, in which like sounds cost little to confuse.

Phones are IPA, one letter a phone, as espeak writes them; marks of stress and length are passed over. What is
substituted costs by how many features of articulation differ (Kondrak 2003 weighs them so for words that are related;
here place and manner weigh alike, since impaired speech blurs both), what is left out or put in by how easily it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

#: Consonant → (place from the lips to the throat, manner, voiced).
_CONSONANTS: Mapping[str, tuple[float, str, bool]] = {
    "p": (0, "stop", False), "b": (0, "stop", True), "m": (0, "nasal", True), "w": (0, "glide", True),
    "f": (0.5, "fricative", False), "v": (0.5, "fricative", True), "ʋ": (0.5, "glide", True),
    "θ": (1, "fricative", False), "ð": (1, "fricative", True),
    "t": (1.5, "stop", False), "d": (1.5, "stop", True), "n": (1.5, "nasal", True), "ɾ": (1.5, "stop", True),
    "s": (1.5, "fricative", False), "z": (1.5, "fricative", True), "l": (1.5, "liquid", True),
    "ɬ": (1.5, "fricative", False), "ɹ": (2, "liquid", True), "r": (2, "liquid", True),
    "ʃ": (2, "fricative", False), "ʒ": (2, "fricative", True), "ç": (2.5, "fricative", False),
    "j": (2.5, "glide", True),
    "k": (3, "stop", False), "ɡ": (3, "stop", True), "g": (3, "stop", True), "ŋ": (3, "nasal", True),
    "x": (3, "fricative", False), "h": (4, "fricative", False), "ʔ": (4, "stop", False),
}  # fmt: skip
#: Vowel → (how open, how far back).
_VOWELS: Mapping[str, tuple[float, float]] = {
    "i": (0, 0), "y": (0, 0), "ɪ": (0.5, 0.3), "ᵻ": (0.5, 0.5), "ʏ": (0.5, 0.3), "ɨ": (0, 1), "u": (0, 2),
    "ɯ": (0, 2), "ʊ": (0.5, 1.7), "e": (1, 0), "ø": (1, 0), "o": (1, 2), "ɤ": (1, 2), "ə": (1.5, 1), "ɘ": (1.5, 1),
    "ɚ": (1.5, 1), "ɛ": (2, 0), "œ": (2, 0), "ɜ": (2, 1), "ʌ": (2, 1.7), "ɔ": (2, 2), "ɞ": (2, 1), "æ": (2.5, 0),
    "ɐ": (2.5, 1), "a": (3, 0.5), "ɑ": (3, 2), "ɒ": (3, 2),
}  # fmt: skip
#: All that this knows: other signs of a transcription carry no sound of their own.
PHONES = frozenset((*_CONSONANTS, *_VOWELS))

_VOICE, _MANNER, _PLACE, _MOST_PLACE = 0.2, 0.4, 0.15, 0.4
_OPEN, _BACK, _MOST_VOWEL = 0.12, 0.12, 0.45
_GLIDE_FOR_VOWEL = 0.5
#: What comes and goes most easily costs least.
_SLIGHT, _SLIGHT_COST, _VOWEL_COST, _CONSONANT_COST = frozenset("əɪᵻhɹʔj"), 0.4, 0.6, 0.7


def distance(one: str, other: str) -> float:
    """0 where two strings of phones sound the same, 1 where they have nothing in common, or one is empty."""
    return float(distances([one], [other])[0, 0])


def distances(ones: Sequence[str], others: Sequence[str], most: float = 1.0) -> NDArray[np.float32]:
    """(ones, others), 0..1: each with each, all at once. Those that must be over `most`, by length alone, are 1."""
    a, b = [_numbers(text) for text in ones], [_numbers(text) for text in others]
    found = np.ones((len(a), len(b)), np.float32)
    long_a, long_b = (np.array([_ALONE[list(one)].sum() for one in each], np.float32) for each in (a, b))
    longer = np.maximum(long_a[:, None], long_b[None])
    rows, columns = np.nonzero((np.abs(long_a[:, None] - long_b[None]) <= most * longer) & (longer > 0))
    if len(rows):
        edits = _edits(_padded(a)[rows], _padded(b)[columns])
        found[rows, columns] = np.minimum(1.0, edits / longer[rows, columns])
    return found


def _edits(a: NDArray[np.intp], b: NDArray[np.intp]) -> NDArray[np.float32]:
    """(pairs, most phones) twice → (pairs,): the cheapest way from one to the other (Wagner and Fischer 1974)."""
    before = [np.zeros(len(a), np.float32)]
    for j in range(b.shape[1]):
        before.append(before[-1] + _ALONE[b[:, j]])
    for i in range(a.shape[1]):
        gone = _ALONE[a[:, i]]
        here = [before[0] + gone]
        for j in range(b.shape[1]):
            other = before[j] + _BETWEEN[a[:, i], b[:, j]]
            here.append(np.minimum(np.minimum(other, before[j + 1] + gone), here[j] + _ALONE[b[:, j]]))
        before = here
    return before[-1]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(_PLACE_OF[phone] for phone in text if phone in _PLACE_OF)


def _padded(texts: Sequence[tuple[int, ...]]) -> NDArray[np.intp]:
    """What fills up costs nothing, so it changes no distance."""
    whole = np.zeros((len(texts), max(map(len, texts))), np.intp)
    for place, text in enumerate(texts):
        whole[place, : len(text)] = text
    return whole


def _alone(phone: str) -> float:
    if phone in _SLIGHT:
        return _SLIGHT_COST
    return _VOWEL_COST if phone in _VOWELS else _CONSONANT_COST


def _between(one: str, other: str) -> float:
    if one == other:
        return 0.0
    if one in _VOWELS and other in _VOWELS:
        (open_a, back_a), (open_b, back_b) = _VOWELS[one], _VOWELS[other]
        return min(_MOST_VOWEL, _OPEN * abs(open_a - open_b) + _BACK * abs(back_a - back_b))
    if one in _CONSONANTS and other in _CONSONANTS:
        (place_a, manner_a, voiced_a), (place_b, manner_b, voiced_b) = _CONSONANTS[one], _CONSONANTS[other]
        apart = min(_MOST_PLACE, _PLACE * abs(place_a - place_b))
        return apart + _MANNER * (manner_a != manner_b) + _VOICE * (voiced_a != voiced_b)
    if {one, other} & set("jw") and {one, other} & set("iɪuʊ"):
        return _GLIDE_FOR_VOWEL
    return _alone(one) + _alone(other)


_ORDER = sorted(PHONES)
_PLACE_OF = {phone: place for place, phone in enumerate(_ORDER, 1)}
#: By the numbers of phones; 0 is none.
_ALONE = np.array([0.0, *(_alone(phone) for phone in _ORDER)], np.float32)
_BETWEEN = np.array(
    [_ALONE, *([_alone(one), *(_between(one, other) for other in _ORDER)] for one in _ORDER)], np.float32
)
