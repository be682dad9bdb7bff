"""A patient's listed words (names, places, boards): where what was heard is near one of them in sound, that is tried.

A recogniser writes a name that it does not know as words that it does: 'Niamh' becomes 'Neve', 'Ngozi' 'and go see'.
Told of the name in a prompt, Whisper puts it where nobody said it (docs/understand.md). So nothing is told to the
search. What it found is looked through for stretches that sound like a listed word, the word is put there, and the
recogniser is asked how likely it holds that text, given the same sound (`forced`): a second pass over a contextual
vocabulary, as Serrino et al. 2019 and Wang et al. 2022 do by phones. A listed word is likelier than its spelling looks
to a recogniser that never read it; the bonus that makes up for this is what shallow fusion gives (Zhao et al. 2019).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from workers.contracts import Word
from workers.understand.nearness import distances
from workers.understand.readings import Hypothesis

#: Texts → how each sounds, in IPA.
PhonesOf = Callable[[Sequence[str]], Sequence[str]]

#: A stretch may have so many words more than the listed one: 'and go see'.
_MORE_WORDS = 2
#: Further away than this (`nearness.distance`), nothing is tried. Of names that were said, the furthest lay at 0.32;
#: of what lay further than 0.38, nothing was right (docs/understand.md).
NEAR = 0.36
#: Each text that is tried costs about a tenth of a recognition.
MOST_TRIED = 2
#: Log-odds from which it is among what may be offered (8 %); it is ranked among the beam's other texts.
OFFERED_FROM = -2.5
#: Of the change in log-probability, of the distance, and the constant: see `log_odds`.
_WEIGHTS = (0.4, -8.0, 5.0)
#: What a place further down the beam counts as distance.
_WORSE_TEXT = 0.03
#: Of the beam's texts, so many are looked through, best first.
_TEXTS = 5
_WORD = re.compile(r"[^\W_](?:[\w'’\-]*[^\W_])?")


@dataclass(frozen=True)
class ListedWord:
    """text: as it is written. phones: the ways in which it may be said, in IPA."""

    text: str
    phones: tuple[str, ...]


@dataclass(frozen=True)
class Listed:
    """A patient's words, and what turns heard words into phones."""

    words: tuple[ListedWord, ...]
    phones_of: PhonesOf


@dataclass(frozen=True)
class Candidate:
    """text: one of the beam's, with `word` in it, at characters `start` to `end`, in place of what was `heard` there.

    source: which of the beam's texts. distance: 0..1, of `heard` and `word`.
    """

    text: str
    word: str
    start: int
    end: int
    heard: str
    source: int
    distance: float


@dataclass(frozen=True)
class Changed:
    """The first text has a listed word at characters `start` to `end`, that is right with `probability` (0..1).

    spelling: it sounds as what was found, and only its letters are others.
    """

    start: int
    end: int
    probability: float
    spelling: bool = False


@dataclass(frozen=True)
class Weighed:
    """The beam's hypotheses with the listed words that they may be, best first. changed: None where the first stays."""

    hypotheses: tuple[Hypothesis, ...]
    changed: Changed | None


def weighed(
    listed: Listed,
    hypotheses: Sequence[Hypothesis],
    score: Callable[[Sequence[str]], Sequence[Sequence[float]]],
) -> Weighed:
    """What was heard, beside what it may be with a listed word in it.

    score: texts → log-probabilities of their tokens, given the sound. It is asked once, for `MOST_TRIED` texts at most,
    and not at all where nothing is near.
    """
    first = hypotheses[0]
    total = first.mean_logprob * first.tokens
    tried = candidates(listed, [one.text for one in hypotheses], MOST_TRIED)
    scores = score([one.text for one in tried]) if tried else []
    rated: list[tuple[float, Candidate, Hypothesis]] = []
    for one, tokens in zip(tried, scores, strict=True):
        odds = log_odds(sum(tokens) - total, one.distance)
        # Beside the first it weighs as its odds against it: so readings are ranked, and share what is left.
        rated.append((odds, one, Hypothesis(one.text, (total + odds) / max(1, len(tokens)), max(1, len(tokens)))))
    rated.sort(key=lambda each: -each[0])
    further = tuple(hypothesis for odds, _, hypothesis in rated if odds >= OFFERED_FROM)
    if not rated or rated[0][0] <= 0:
        return Weighed((*hypotheses, *further), None)
    odds, best, _ = rated[0]
    spelling = best.source == 0 and best.distance == 0
    changed = Changed(best.start, best.end, 1 / (1 + math.exp(-odds)), spelling)
    return Weighed((further[0], *hypotheses, *further[1:]), changed)


def log_odds(change: float, apart: float) -> float:
    """Of 'the listed word was said' over 'what was heard': from how much less likely the recogniser holds its text
    (`change`, natural logarithm, mostly below 0), and how far it is from what was heard (`nearness.distance`)."""
    return _WEIGHTS[0] * change + _WEIGHTS[1] * apart + _WEIGHTS[2]


def told(words: Sequence[Word], changed: Changed) -> tuple[Word, ...]:
    """`words` of the changed text; a listed word is as sure as the change is. Its own probability says how well the
    recogniser knows the spelling."""
    found: list[Word] = []
    place = 0
    for word in words:
        start, end = place, place + len(word.text)
        inside = start < changed.end and end > changed.start
        found.append(replace(word, confidence=changed.probability) if inside else word)
        place = end + 1
    return tuple(found)


def holds(text: str, word: str) -> bool:
    """Whether `text` has `word` in it, as a whole, whatever its capitals."""
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) is not None


def candidates(listed: Listed, texts: Sequence[str], most: int) -> list[Candidate]:
    """What may have been said instead: at most `most`, nearest in sound first, each listed word once, where it fits
    best. None where nothing is near: then nothing more is asked of the recogniser."""
    ways = [(word, phones) for word in listed.words for phones in word.phones]
    if not ways:
        return []
    spans = [_spans(text, source, listed) for source, text in enumerate(texts[:_TEXTS])]
    places = [place for each in spans for place in each]
    sounds = _sounds(listed.phones_of, (word for place in places for word in place.words))
    heard = ["".join(sounds[word] for word in place.words) for place in places]
    once = sorted(set(heard))
    if not once:
        return []
    near = distances([phones for _, phones in ways], once, NEAR)
    column = {text: place for place, text in enumerate(once)}
    of_places = near[:, [column[sound] for sound in heard]]
    best: dict[str, Candidate] = {}
    for way, number in np.argwhere(of_places <= NEAR):
        word, place, apart = ways[way][0], places[number], float(of_places[way, number])
        known = best.get(word.text)
        if known is not None and _rank(known.distance, known.source) <= _rank(apart, place.source):
            continue
        if not holds(texts[place.source], word.text):
            best[word.text] = _put(word, texts[place.source], place, apart)
    return sorted(best.values(), key=lambda one: _rank(one.distance, one.source))[:most]


@dataclass(frozen=True)
class _Span:
    source: int
    start: int
    end: int
    words: tuple[str, ...]


def _spans(text: str, source: int, listed: Listed) -> list[_Span]:
    """Every stretch of words that is no longer than a listed one may be heard."""
    words = list(_WORD.finditer(text))
    longest = max((len(word.text.split()) for word in listed.words), default=0) + _MORE_WORDS
    return [
        _Span(
            source, words[first].start(), words[last].end(), tuple(w.group().lower() for w in words[first : last + 1])
        )
        for first in range(len(words))
        for last in range(first, min(len(words), first + longest))
    ]


def _rank(apart: float, source: int) -> float:
    return apart + _WORSE_TEXT * source


def _put(word: ListedWord, text: str, span: _Span, apart: float) -> Candidate:
    heard = text[span.start : span.end]
    put = word.text + _possessive(heard, word.text)
    whole = text[: span.start] + put + text[span.end :]
    return Candidate(whole, word.text, span.start, span.start + len(put), heard, span.source, apart)


def _possessive(heard: str, word: str) -> str:
    """'Neve's' is 'Niamh's'."""
    found = re.search(r"['’]s$", heard)
    return found.group() if found and not word.endswith(found.group()) else ""


def _sounds(phones_of: PhonesOf, words: Iterable[str]) -> dict[str, str]:
    each = sorted({word.lower() for word in words})
    return dict(zip(each, phones_of(each), strict=True)) if each else {}
