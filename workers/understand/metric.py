"""Which differences between encoder frames tell a patient's phrases apart, and which only tell takes apart.

Learned from the examples, in closed form: linear discriminant analysis over the frames, where 'within' is what
differs between frames of two takes of one phrase that warping lays on each other (within-class covariance
normalisation: Hatch, Kajarekar and Stolcke 2006). Two examples a phrase are little, so that is mixed with the
covariance of all frames, and with what differs between the takes of many other people (`usual`, where the recogniser's
weights are those that it was measured with; `bench.build_phrase_metric` makes the file). With one example a phrase and
without other people, it is the covariance of all frames alone: whitening.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from workers.contracts import FloatArray
from workers.understand.warping import unit, way

FILE = Path(__file__).parent / "data" / "phrase_metric.safetensors"

_Covariance = NDArray[np.float64]

_DIMENSIONS = 128
_ALL_SHARE = 0.2
_USUAL_SHARE = 0.6
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


def learned(examples: Mapping[str, Sequence[FloatArray]], usual: _Covariance | None = None) -> Metric:
    """From phrase → its takes, each (n, width) of pooled frames. At least one take is there.

    `usual`: (width, width), what differs between takes of other people (`usual_within`).
    """
    mean, spread = _of_all(examples)
    plain = whitened(examples)
    within = within_of(examples, plain)
    if within is None and usual is None:
        return plain
    shares = [(spread, _ALL_SHARE), (usual, _USUAL_SHARE), (within, 1.0 - _ALL_SHARE - _USUAL_SHARE)]
    there = [(found, share) for found, share in shares if found is not None]
    # What is not there leaves its share to what differs between takes, of this patient or of others.
    missing = 1.0 - sum(share for _, share in there)
    mixed = sum(found * share for found, share in there) + missing * there[-1][0]
    matrix = _whitening(_rounder(mixed, _ROUND_SHARE))
    _, turn = np.linalg.eigh(matrix.T @ spread @ matrix)
    return Metric(mean.astype(np.float32), (matrix @ turn[:, ::-1][:, :_DIMENSIONS]).astype(np.float32))


def whitened(examples: Mapping[str, Sequence[FloatArray]]) -> Metric:
    """What compares frames before anything is known of takes."""
    mean, spread = _of_all(examples)
    return Metric(mean.astype(np.float32), _whitening(_rounder(spread, _FIRST_ROUND_SHARE)).astype(np.float32))


def within_of(examples: Mapping[str, Sequence[FloatArray]], plain: Metric) -> _Covariance | None:
    """(width, width), of a mean variance of 1: what differs between takes; None where there is one of each."""
    differences = [difference for takes in examples.values() for difference in _between_takes(takes, plain)]
    if not differences:
        return None
    apart = np.concatenate(differences).astype(np.float64)
    within = apart.T @ apart
    return np.asarray(within * len(within) / max(float(np.trace(within)), 1e-12))


def usual_within(base: str) -> _Covariance | None:
    """What differs between takes of many people, for the encoder of that sha256; None for any other."""
    with safe_open(FILE, "numpy") as file:
        if (file.metadata() or {}).get("base") != base:
            return None
        return np.asarray(file.get_tensor("within").astype(np.float64))


def _of_all(examples: Mapping[str, Sequence[FloatArray]]) -> tuple[_Covariance, _Covariance]:
    """Mean and covariance of all frames, the latter of a mean variance of 1."""
    every = np.concatenate([take for takes in examples.values() for take in takes]).astype(np.float64)
    mean = every.mean(axis=0)
    spread = (every - mean).T @ (every - mean) / len(every)
    return mean, spread / (float(np.trace(spread)) / len(spread) or 1.0)


def _between_takes(takes: Sequence[FloatArray], plain: Metric) -> list[FloatArray]:
    """Each take with the next: enough, and the cost grows with the number of takes, not with its square."""
    found = []
    for one, other in itertools.pairwise(takes):
        pairs = np.array(way(plain(one), plain(other)))
        found.append(one[pairs[:, 0]] - other[pairs[:, 1]])
    return found


def _rounder(covariance: _Covariance, share: float) -> _Covariance:
    mean = np.trace(covariance) / len(covariance)
    return np.asarray((1 - share) * covariance + share * mean * np.eye(len(covariance)))


def _whitening(covariance: _Covariance) -> _Covariance:
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors / np.sqrt(np.maximum(values, 1e-9)))
