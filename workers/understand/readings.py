"""What else the person may have said: the recogniser's best distinct hypotheses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

from workers.contracts import Reading

MOST = 3


@dataclass(frozen=True)
class Hypothesis:
    """One sequence out of the beam."""

    text: str
    mean_logprob: float
    tokens: int


def normalised(text: str, language: str) -> str:
    """`text` without the differences that nobody hears: case, punctuation, 'two' and '2', 'colour' and 'color'."""
    normalise = _english() if language == "en" else BasicTextNormalizer()
    # Of two full stops Whisper's normaliser leaves one, as a word.
    return " ".join(word for word in str(normalise(text)).split() if any(letter.isalnum() for letter in word))


def sounds_alike(one: str, other: str, language: str) -> bool:
    """Whether nobody would hear a difference: 'mail box' and 'mailbox', too."""
    return _heard(one, language) == _heard(other, language)


def distinct(hypotheses: Sequence[Hypothesis], language: str) -> tuple[Reading, ...]:
    """At most three readings, best first, no two the same to the ear; confidences sum to at most 1.

    `hypotheses`: (text, mean log-probability of a token, tokens), best first. A reading's confidence is its share of
    the beam: a softmax of the whole texts' log-probabilities, so that those that sound alike may be added up. Means,
    which forgive a text its length, rank the right one lower (docs/understand.md). It ranks them. It is not calibrated:
    a beam of inventions shares out the same 1 as a beam of near-certainties, so it must never be compared with the
    transcript's own confidence or with a patient's threshold.
    """
    if not hypotheses:
        return ()
    scores = np.array([hypothesis.mean_logprob * hypothesis.tokens for hypothesis in hypotheses], np.float64)
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()
    texts: dict[str, str] = {}
    sums: dict[str, float] = {}
    for hypothesis, share in zip(hypotheses, shares, strict=True):
        key = _heard(hypothesis.text, language)
        if key:
            texts.setdefault(key, hypothesis.text.strip())
            sums[key] = sums.get(key, 0.0) + float(share)
    # The first hypothesis stays first: it is the text that the transcript, its words and its gates are about.
    ranked = sorted(sums, key=lambda key: (key != _heard(hypotheses[0].text, language), -sums[key]))
    return tuple(Reading(texts[key], min(1.0, sums[key])) for key in ranked[:MOST])


def calibrated(readings: Sequence[Reading], first: float, others: float) -> tuple[Reading, ...]:
    """The readings with confidences that may be read as probabilities.

    `first`: that of the first. `others`: how often one of the further ones is right where the first is not; they share
    it as the beam does.
    """
    rest = sum(reading.confidence for reading in readings[1:])
    found = [Reading(reading.text, first) for reading in readings[:1]]
    for reading in readings[1:]:
        share = reading.confidence / rest if rest > 0 else 1 / (len(readings) - 1)
        found.append(Reading(reading.text, (1 - first) * others * share))
    return tuple(found)


def _heard(text: str, language: str) -> str:
    return normalised(text, language).replace(" ", "")


@lru_cache(maxsize=1)
def _english() -> EnglishTextNormalizer:
    return EnglishTextNormalizer()
