"""Find phrases in what somebody said, and whether a negation governs them.

A small ConText (Harkema et al. 2009): a trigger reaches a few words forward or back, and stops at punctuation and at
words like 'but'. 'I can't breathe' is a finding, not the absence of one: phrases carry their own 'can't', and only
triggers outside them count. Rules of this kind miss paraphrase and irony; whoever shows a result shows the words too.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[.,;:!?…–—\n]+")
_LONGEST_TRIGGER = 5  # words
_STOP = "|"  # a token that is no word: punctuation
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'"})


@dataclass(frozen=True)
class Token:
    """A word in lower case, or '|' for punctuation, and where it stands in the text."""

    word: str
    start: int
    end: int


@dataclass(frozen=True)
class Found:
    """A phrase that occurs: its canonical spelling, where in the text (`text[start:end]`), and whether it is denied."""

    phrase: str
    start: int
    end: int
    negated: bool


@dataclass(frozen=True)
class _Negation:
    reach: int
    before: tuple[str, ...]
    after: tuple[str, ...]
    pseudo: tuple[str, ...]
    ends: tuple[str, ...]


def tokens(text: str) -> list[Token]:
    """Words and stops, in order."""
    return [
        Token(match[0].lower() if match[0][0].isalnum() else _STOP, match.start(), match.end())
        for match in _TOKEN.finditer(text.translate(_APOSTROPHES))
    ]


def find(text: str, phrases: Iterable[str], unless: Iterable[str] = ()) -> list[Found]:
    """Every occurrence of `phrases` (longest first, none inside another), in order; not those inside an `unless`."""
    heard = tokens(text)
    words = [token.word for token in heard]
    excused = _spans(words, unless)
    taken: list[tuple[int, int]] = []
    found = []
    for phrase in sorted(set(phrases), key=lambda phrase: (-len(phrase.split()), phrase)):
        for first, end in _spans(words, [phrase]):
            if any(_overlap((first, end), other) for other in (*excused, *taken)):
                continue
            taken.append((first, end))
            found.append(Found(phrase, heard[first].start, heard[end - 1].end, _negated(words, first, end)))
    return sorted(found, key=lambda one: one.start)


def _negated(words: Sequence[str], first: int, end: int) -> bool:
    rules = _rules()
    # Nothing further away can matter; a long text stays quick.
    left = max(0, first - rules.reach - _LONGEST_TRIGGER)
    words = words[left : end + rules.reach + _LONGEST_TRIGGER]
    first, end = first - left, end - left
    pseudo, ends = _spans(words, rules.pseudo), [*_spans(words, rules.ends), *_spans(words, [_STOP])]

    def governs(trigger: tuple[int, int], low: int, high: int) -> bool:
        """A real trigger, with nothing between it and the phrase (`low` to `high`) that starts a new thought."""
        within = low <= high and high - low < rules.reach
        barred = any(low <= begin < high for begin, _ in ends)
        return within and not barred and not any(_overlap(trigger, other) for other in pseudo)

    return any(governs(trigger, trigger[1], first) for trigger in _spans(words, rules.before)) or any(
        governs(trigger, end, trigger[0]) for trigger in _spans(words, rules.after)
    )


def _spans(words: Sequence[str], phrases: Iterable[str]) -> list[tuple[int, int]]:
    spans = []
    present = set(words)
    for phrase in phrases:
        wanted = phrase.split()
        if wanted[0] not in present:
            continue
        for first in range(len(words) - len(wanted) + 1):
            if words[first] == wanted[0] and list(words[first : first + len(wanted)]) == wanted:
                spans.append((first, first + len(wanted)))
    return spans


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


@cache
def _rules() -> _Negation:
    with Path(__file__).with_name("negation.toml").open("rb") as file:
        stored = tomllib.load(file)

    return _Negation(int(stored["reach"]), *(tuple(stored[name]) for name in ("before", "after", "pseudo", "ends")))
