"""How many syllables a text has, by rule. English spelling; an estimate.

Groups of vowels are counted, with the commonest silent letters taken off. `feel` measures pace by it and `understand`
bars impossible rates; the rooms of `workers` do not import each other, so the phones of `speak` are out of reach. For
pace, what matters is that the same rule serves an utterance and the baseline that it is compared with. ('Everything'
comes out with one too many, 'lion' with one too few.)
"""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_]+|\d")
_VOWELS = re.compile(r"[aeiouyàâäáãåéèêëíìîïóòôöõúùûü]+")
_SPLIT_VOWELS = re.compile(r"i(?:a|o(?!u|n)|u|est\b)|ea\b|ua(?!r)|uou|[aeiou]ing\b")
_SILENT_END = re.compile(r"(?:[^aeiouylr]e|[^aeiouylrsczxh]es|[aeiouy][lr]e|[^aeioutdy]ed|[aeiou][rl]ed)$")
_SYLLABIC_END = re.compile(r"(?:[^aeiou]sm|n't)$")
_CONTRACTED = re.compile(r"\b(?:could|would|should|did|is|was|has|had|does|must|need)n['’]t\b")
#: What follows an apostrophe is silent in English ('it's'), and what stands before one in French ('l'eau', 'qu'il').
_AFTER, _BEFORE = re.compile(r"['’](?:s|t|re|ve|ll|d|m)?\b"), re.compile(r"\b(?:[cdjlmnst]|qu)['’](?=[^\W\d_]{2})")
_DIGIT = {"7": 2, "0": 2}


def count_syllables(text: str) -> int:
    """Syllables in `text`, 0 if it has no letter or digit; each digit counts as it is said alone."""
    lower = text.lower()
    extra = len(_CONTRACTED.findall(lower))
    return extra + sum(_of_word(token) for token in _WORD.findall(_AFTER.sub(" ", _BEFORE.sub("", lower))))


def _of_word(word: str) -> int:
    if word.isdigit():
        return _DIGIT.get(word, 1)
    groups = len(_VOWELS.findall(word)) + len(_SPLIT_VOWELS.findall(word))
    if groups > 1 and _SILENT_END.search(word):
        groups -= 1
    if _SYLLABIC_END.search(word):
        groups += 1
    return max(1, groups)
