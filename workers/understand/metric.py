"""Which differences between encoder frames tell a patient's phrases apart, and which only tell takes apart.

Learned from the examples alone, in closed form: linear discriminant analysis over the frames, where 'within' is what
differs between frames of two takes of one phrase that warping lays on each other (within-class covariance
normalisation: Hatch, Kajarekar and Stolcke 2006), mixed with the covariance of all frames, since two examples a
phrase are little. With one example a phrase, it is the covariance of all frames alone: whitening.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.contracts import FloatArray
from workers.understand.warping import unit, way

_DIMENSIONS = 128
_ALL_SHARE = 0.2
_ROUND_SHARE = 0.03
_FIRST_ROUND_SHARE = 0.1


@dataclass(frozen=True)
class Metric:
    """mean: (width,); matrix: (width, at most 128); both float32."""

    mean: FloatArray
    matrix: FloatArray

    def __call__(self, frames: FloatArray) -> FloatArray:
        """(n, width) → (n, dimensions), of length 1: their products compare."""
        return unit(np.asarray((frames - self.mean) @ self.matrix, np.float32))


def learned(examples: Mapping[str, Sequence[FloatArray]]) -> Metric:
    """From phrase → its takes, each (n, width) of pooled frames. At least one take is there."""
    every = np.concatenate([take for takes in examples.values() for take in takes]).astype(np.float64)
    mean = every.mean(axis=0)
    spread = (every - mean).T @ (every - mean) / len(every)
    scale = float(np.trace(spread)) / len(spread) or 1.0
    spread = spread / scale
    first = _whitening(_rounder(spread, _FIRST_ROUND_SHARE))
    plain = Metric(mean.astype(np.float32), first.astype(np.float32))
    differences = [difference for takes in examples.values() for difference in _between_takes(takes, plain)]
    if not differences:
        return plain
    apart = np.concatenate(differences).astype(np.float64)
    within = apart.T @ apart
    within *= len(within) / max(float(np.trace(within)), 1e-12)
    matrix = _whitening(_rounder((1 - _ALL_SHARE) * within + _ALL_SHARE * spread, _ROUND_SHARE))
    _, turn = np.linalg.eigh(matrix.T @ spread @ matrix)
    return Metric(plain.mean, (matrix @ turn[:, ::-1][:, :_DIMENSIONS]).astype(np.float32))


def _between_takes(takes: Sequence[FloatArray], plain: Metric) -> list[FloatArray]:
    """Each take with the next: enough, and the cost grows with the number of takes, not with its square."""
    found = []
    for one, other in itertools.pairwise(takes):
        pairs = np.array(way(plain(one), plain(other)))
        found.append(one[pairs[:, 0]] - other[pairs[:, 1]])
    return found


def _rounder(covariance: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    mean = np.trace(covariance) / len(covariance)
    return np.asarray((1 - share) * covariance + share * mean * np.eye(len(covariance)))


def _whitening(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors / np.sqrt(np.maximum(values, 1e-9)))
