"""What the words of one utterance hold: symptoms told or denied, requests, things to follow up. Rules, no model."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from workers.wording.phrases import find, tokens

#: White space after a full stop (not a decimal point, not 'Dr.') or a new line.
_SENTENCE_END = re.compile(r"(?<=[.!?…])(?<!\bdr\.)(?<!\bmr\.)(?<!\bmrs\.)(?<!\bms\.)\s+|\n+", re.IGNORECASE)
_MOST_READ = 20_000  # characters of one utterance; a bound on work, far past an hour of speech


@dataclass(frozen=True)
class Finding:
    """A symptom in a sentence: its name, whether it is denied, and the sentence, verbatim."""

    name: str
    negated: bool
    sentence: str


@dataclass(frozen=True)
class _Symptom:
    name: str
    phrases: tuple[str, ...]
    unless: tuple[str, ...]


@dataclass(frozen=True)
class _Rules:
    symptoms: tuple[_Symptom, ...]
    requests: tuple[str, ...]
    follow_up: tuple[str, ...]
    others: frozenset[str]
    self: frozenset[str]
    supposed: frozenset[str]


def sentences(text: str) -> list[str]:
    """Sentences, verbatim and stripped of white space at their ends."""
    return [part for piece in _SENTENCE_END.split(text[:_MOST_READ]) if (part := piece.strip())]


def symptoms(text: str) -> list[Finding]:
    """The patient's own symptoms, told or denied, in order, once each; not what is asked, supposed or another's."""
    found: dict[tuple[str, bool], Finding] = {}
    for sentence in sentences(text):
        if sentence.endswith("?"):
            continue
        for symptom in _rules().symptoms:
            for one in find(sentence, symptom.phrases, symptom.unless):
                key = (symptom.name, one.negated)
                if key not in found and _own(sentence[: one.start]):
                    found[key] = Finding(*key, sentence)
    return list(found.values())


def requests(text: str) -> list[str]:
    """Sentences that ask for something: a request's wording that is not negated, or a question."""
    asked = _rules().requests
    return _unique(part for part in sentences(text) if part.endswith("?") or _asserted(part, asked))


def follow_ups(text: str) -> list[str]:
    """Sentences that name something for later, or somebody to be told."""
    later = _rules().follow_up
    return _unique(part for part in sentences(text) if find(part, later))


def _asserted(sentence: str, phrases: tuple[str, ...]) -> bool:
    return any(not one.negated for one in find(sentence, phrases))


def _own(before: str) -> bool:
    """Whether the words before a finding leave it the patient's own, and meant."""
    words = [token.word for token in tokens(before)]
    if any(word in _rules().supposed for word in words):
        return False
    others = [place for place, word in enumerate(words) if word in _rules().others]
    return not others or any(word in _rules().self for word in words[others[-1] :])


def _unique(parts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(parts))


@cache
def _rules() -> _Rules:
    with Path(__file__).with_name("findings.toml").open("rb") as file:
        stored = tomllib.load(file)
    return _Rules(
        tuple(
            _Symptom(entry["name"], tuple(entry["phrases"]), tuple(entry.get("unless", ())))
            for entry in stored["symptom"]
        ),
        tuple(stored["requests"]["phrases"]),
        tuple(stored["follow_up"]["phrases"]),
        frozenset(stored["others"]["words"]),
        frozenset(stored["others"]["self"]),
        frozenset(stored["others"]["supposed"]),
    )
