"""What further sentences would likely bring: measured elsewhere, until this patient's own versions were judged.

Elsewhere: one simulated severe speaker (docs/understand.md), and the median of 100 speakers with 50 sentences (Green et
al. 2021, arXiv 2106.10259). Between measured points lie straight lines; beyond them nothing is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from clinic.learning.tables import NO_BETTER, READY, Adapter

#: (sentences, share of the words that were wrong before and are right after), simulated.
_SIMULATED = ((0, 0.0), (25, 0.82), (48, 0.90))
#: At 50 sentences, of people. How few sentences lead there was not published: the simulated curve's shape is used.
_FIELD = 0.71
_MOST = 50
SOURCES = (
    "The lower figure: 50 recorded sentences took away 71 % of the errors, the median of 100 people (Green et al. "
    "2021, arXiv 2106.10259), drawn out to fewer sentences. The higher one: our own measurement on one speaker whose "
    "severe impairment was simulated (25 sentences: 82 % fewer words wrong; 48: 90 %). No patient was measured here; "
    "the gain differs from person to person."
)


@dataclass(frozen=True)
class Measured:
    """What one of the patient's versions was judged at, on sentences that it had not learned. Shares of words."""

    version: int
    sentences: int
    stock: float
    adapted: float


@dataclass(frozen=True)
class Step:
    """With so many sentences in all, of 100 words that are wrong today, so many would likely be right."""

    sentences: int
    low: int
    high: int


@dataclass(frozen=True)
class Expected:
    """For the page: the patient's own figures where there are any; else what was measured elsewhere."""

    own: list[Measured]
    steps: list[Step]
    beyond: bool


def measured(versions: Sequence[Adapter]) -> list[Measured]:
    """Versions that were judged, the one from the fewest sentences first."""
    found = []
    for row in versions:
        m = row.measures or {}
        if row.state in (READY, NO_BETTER) and {"stock_wer", "adapted_wer", "sentences"} <= set(m):
            found.append(Measured(row.version, round(m["sentences"]), m["stock_wer"], m["adapted_wer"]))
    return sorted(found, key=lambda one: (one.sentences, one.version))


def expected(count: int, own: list[Measured]) -> Expected:
    """What three further tens would likely bring to whoever has read `count` sentences."""
    totals = [count + ten for ten in (10, 20, 30) if count + ten <= _MOST]
    steps = [Step(total, *(round(100 * share) for share in _shares(total))) for total in totals]
    return Expected(own, [] if own else steps, count + 10 > _MOST)


def _shares(sentences: int) -> tuple[float, float]:
    simulated = _SIMULATED[-1][1]
    for (left, low), (right, high) in pairwise(_SIMULATED):
        if left <= sentences <= right:
            simulated = low + (high - low) * (sentences - left) / (right - left)
            break
    return simulated * _FIELD / _SIMULATED[-1][1], simulated
