"""What the words alone say of distress and urgency: phrases of a small list, negation aware, and words said again."""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

from workers.wording.phrases import find, tokens

_EACH_FURTHER = 0.3  # of its weight: signals that agree add less than the first
_AGAIN = 0.4  # logits for each time that a signal is said again, up to three
_LISTS = {"en": "signals.toml", "es": "signals-es.toml", "fr": "signals-fr.toml"}
_TIMES = ("", "once", "twice", "three times", "four times")


@dataclass(frozen=True)
class WordEvidence:
    """What the words add, in logits, never negative; and the cues, strongest first."""

    distress: float
    urgency: float
    cues: tuple[str, ...]


@dataclass(frozen=True)
class _Signal:
    about: str
    distress: float
    urgency: float
    phrases: tuple[str, ...]
    unless: tuple[str, ...]


def weigh(text: str, *, sure: bool, language: str = "en") -> WordEvidence:
    """Weigh `text`. Where `sure` is false (a gate held it back) it counts by half, and the cues say 'may have said'.

    Half and not nothing: to miss a cry for help that was badly understood is worse than to show it as unsure. Of a
    language without a list (`has_list`) only what is said again counts: an English list finds 'pain' in French bread.
    """
    if len(text) > 4000:  # no utterance is that long; the head is enough, and work stays bounded
        text = text[:4000]
    said: Counter[str] = Counter()
    weights: dict[str, _Signal] = {}
    for signal in _signals(_plain(language)) if has_list(language) else ():
        for found in find(text, signal.phrases, signal.unless):
            if not found.negated:
                said[found.phrase] += 1
                if found.phrase not in weights or weights[found.phrase].urgency < signal.urgency:
                    weights[found.phrase] = signal
    share = 1.0 if sure else 0.5
    verb = "said" if sure else "may have said"
    again = sum(min(count - 1, 3) for count in said.values()) * _AGAIN
    cues = [
        f"{verb} “{phrase}”" + (f" {_times(count)}" if count > 1 else "")
        for phrase, count in sorted(said.items(), key=lambda item: (-weights[item[0]].urgency, item[0]))
    ]
    repeated = _repeated(text, said)
    if repeated:
        cues.append(f"{verb} “{repeated[0]}” {_times(repeated[1])} running")
        again += _AGAIN
    return WordEvidence(
        share * (_combined([weights[phrase].distress for phrase in said]) + again),
        share * (_combined([weights[phrase].urgency for phrase in said]) + again),
        tuple(cues),
    )


def _combined(weights: list[float]) -> float:
    """The strongest in full, the others in part: more evidence never lowers it."""
    ordered = sorted(weights, reverse=True)
    return ordered[0] + _EACH_FURTHER * sum(ordered[1:]) if ordered else 0.0


def _repeated(text: str, already: Counter[str]) -> tuple[str, int] | None:
    """A word said at least twice running, of three letters and more, that is not counted as a signal."""
    runs = [(word, len(list(run))) for word, run in groupby(token.word for token in tokens(text) if token.word != "|")]
    runs = [(word, count) for word, count in runs if count > 1 and len(word) > 2 and word not in already]
    return max(runs, key=lambda run: run[1]) if runs else None


def _times(count: int) -> str:
    return _TIMES[count] if count < len(_TIMES) else f"{count} times"


def has_list(language: str) -> bool:
    """Whether words of this language are weighed."""
    return _plain(language) in _LISTS


def _plain(language: str) -> str:
    return language.split("-")[0].lower()


@cache
def _signals(language: str) -> tuple[_Signal, ...]:
    with Path(__file__).with_name(_LISTS[language]).open("rb") as file:
        stored = tomllib.load(file)
    return tuple(
        _Signal(
            entry["about"],
            float(entry["distress"]),
            float(entry["urgency"]),
            tuple(entry["phrases"]),
            tuple(entry.get("unless", ())),
        )
        for entry in stored["signal"]
    )
