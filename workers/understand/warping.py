"""Dynamic time warping (Sakoe and Chiba 1978) of one sequence against many at once, in NumPy.

Every frame of both is used; a step on both sides costs twice, so that all ways through two sequences weigh the same
and the distance divides by the sum of their lengths.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.contracts import FloatArray


def pooled(frames: FloatArray, every: int) -> FloatArray:
    """Means of about `every` frames in a row: (n, width) → (max(1, n // every), width); nothing of nothing."""
    if not len(frames):
        return frames
    count = max(1, len(frames) // every)
    starts = np.arange(count) * len(frames) // count
    sizes = np.diff(np.append(starts, len(frames)))
    return np.asarray(np.add.reduceat(frames, starts, axis=0) / sizes[:, None], np.float32)


def unit(frames: FloatArray) -> FloatArray:
    """Each frame at length 1, so that a product is a cosine."""
    return np.asarray(frames / np.maximum(np.linalg.norm(frames, axis=1, keepdims=True), 1e-9), np.float32)


def distances(query: FloatArray, others: Sequence[FloatArray]) -> FloatArray:
    """(len(others),) float32: the mean cosine distance (0..2) along the best way through `query` and each other.

    All are (n, width) of unit frames, at least one frame each.
    """
    if not others:
        return np.zeros(0, np.float32)
    lengths = np.array([len(other) for other in others])
    cost = _by_diagonal(1 - query @ np.concatenate(others).T, lengths)
    rows = len(query)
    before = np.full((len(others), rows + 1), np.inf, np.float32)  # column 0 is outside
    last = before.copy()
    found = np.zeros(len(others), np.float32)
    for diagonal, here in enumerate(cost):
        now = np.full_like(last, np.inf)
        if diagonal == 0:
            now[:, 1] = 2 * here[:, 0]
        else:
            straight = before[:, :-1] + 2 * here
            now[:, 1:] = np.minimum(np.minimum(last[:, 1:], last[:, :-1]) + here, straight)
        ended = lengths + rows - 2 == diagonal
        found[ended] = now[ended, rows]
        before, last = last, now
    return np.asarray(found / (lengths + rows), np.float32)


def _by_diagonal(cost: FloatArray, lengths: NDArray[np.int64]) -> FloatArray:
    """(rows, all columns) → (diagonals, others, rows): what one step of the warping needs lies together."""
    rows, most = len(cost), int(lengths.max())
    turned = np.full((rows + most - 1, len(lengths), rows), np.inf, np.float32)
    starts = np.cumsum(lengths) - lengths
    columns = starts[None, :] + np.minimum(np.arange(most)[:, None], lengths - 1)
    outside = np.arange(most)[:, None] >= lengths
    for row in range(rows):
        turned[row : row + most, :, row] = np.where(outside, np.inf, cost[row][columns])
    return turned


def way(one: FloatArray, other: FloatArray) -> list[tuple[int, int]]:
    """The best way itself: pairs of frames that belong together, both from first to last, in order."""
    cost = (1 - one @ other.T).tolist()
    rows, columns = len(one), len(other)
    sums = [[float("inf")] * (columns + 1) for _ in range(rows + 1)]
    sums[0][0] = 0.0
    for row in range(rows):
        above, here, costs = sums[row], sums[row + 1], cost[row]
        for column in range(columns):
            step = costs[column]
            here[column + 1] = min(above[column] + 2 * step, above[column + 1] + step, here[column] + step)
    pairs = []
    row, column = rows, columns
    while row and column:
        pairs.append((row - 1, column - 1))
        step = cost[row - 1][column - 1]
        back = (sums[row - 1][column - 1] + 2 * step, sums[row - 1][column] + step, sums[row][column - 1] + step)
        best = back.index(min(back))
        row, column = row - (best != 2), column - (best != 1)
    return pairs[::-1]
