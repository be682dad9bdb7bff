"""From 'how sure' to 'how often right': what a patient's own sentences say of the recogniser's confidence.

A straight line on the log-odds (Platt 1999), drawn towards the identity by a prior, since a patient reads dozens of
sentences and not thousands. Fitted on sentences that the recogniser had not learned from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize

_FLOOR = 1e-3  # log-odds must exist, and no confidence is ever sure
#: How many standard deviations the prior leaves slope and offset: wide for the offset, narrow for the slope.
_SLOPE_SPREAD, _OFFSET_SPREAD = 0.5, 2.0


@dataclass(frozen=True)
class Line:
    """slope, offset of the log-odds of being right over those of the confidence."""

    slope: float = 1.0
    offset: float = 0.0

    def of(self, confidence: float) -> float:
        """The probability, 0..1, of a confidence of 0..1."""
        return float(_probability(self.slope * _log_odds(np.float64(confidence)) + self.offset))


@dataclass(frozen=True)
class Calibration:
    """text: of 'every word is right'. word: of 'this word is right'.

    others: how often one of the further readings is the right one where the first is not. count: sentences.
    """

    text: Line
    word: Line
    others: float
    count: int

    def to_json(self) -> dict[str, Any]:
        """A few plain numbers."""
        return asdict(self)


def from_json(data: Mapping[str, Any]) -> Calibration:
    """The way back. Raises KeyError, TypeError where it is not one."""
    return Calibration(Line(**data["text"]), Line(**data["word"]), float(data["others"]), int(data["count"]))


def fit(confidences: Sequence[float], right: Sequence[bool]) -> Line:
    """The line that makes `confidences` (0..1) tell how often it is `right`; the identity for none."""
    if not len(confidences):
        return Line()
    x, y = _log_odds(np.asarray(confidences, np.float64)), np.asarray(right, np.float64)

    def cost(line: Any) -> float:
        z = line[0] * x + line[1]
        likelihood = np.logaddexp(0.0, z).sum() - (y * z).sum()
        prior = ((line[0] - 1) / _SLOPE_SPREAD) ** 2 / 2 + (line[1] / _OFFSET_SPREAD) ** 2 / 2
        return float(likelihood + prior)

    # More confidence never means less: else a patient's threshold would turn round.
    found = minimize(cost, (1.0, 0.0), method="L-BFGS-B", bounds=((0.0, None), (None, None)))
    return Line(float(found.x[0]), float(found.x[1]))


def _log_odds(confidence: Any) -> Any:
    sure = np.clip(confidence, _FLOOR, 1 - _FLOOR)
    return np.log(sure) - np.log1p(-sure)


def _probability(log_odds: Any) -> Any:
    return 1 / (1 + np.exp(-log_odds))
