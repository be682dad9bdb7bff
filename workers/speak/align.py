"""When each phone of a text sounds in a recording: time warping of what it should sound like onto what is heard.

A text's predicted durations, scaled to the recording's pace, lay out a row for every 12.5 ms. The path goes through all
time; it may rest on a row, or leave out up to two (so that no stretch of speech is read more than three times as fast
as predicted), at a price. Pauses may rest as long as nothing is heard. The recogniser's word times, which are off by
0.1 to 0.2 s, bar what is much further off.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.contracts import BoolArray, FloatArray
from workers.speak.phone_sounds import FRAME_S, PARTS

#: Neighbouring frames say the same thing: a frame's log-likelihood counts this much.
_FRAME_WEIGHT = 0.1
_REST = 0.25
_SKIP = 0.35
_SILENCE = 3.0  # cost of a pause row where nothing is heard, before weighting
_SLACK_S = 0.4
_BARRED = 40.0  # for each second beyond the slack

_Ints = NDArray[np.int64]


def align(
    heard: FloatArray,
    loud: BoolArray,
    expected: FloatArray,
    durations: FloatArray,
    pauses: BoolArray,
    windows_s: Sequence[tuple[float, float] | None],
) -> FloatArray:
    """(phones + 1,) times in s at which each phone starts, and the last one ends, from the start of `heard`.

    heard: (frames, d), loud: (frames,), expected: (phones, PARTS, d), as `workers.speak.phone_sounds` gives them.
    durations: (phones,) relative, as predicted. pauses: (phones,) that may be silence. windows_s: for each phone, when
    its word was recognised. Never raises on sound: with nothing to hear, the predicted durations are spread over it.
    """
    frames, phones = len(heard), len(durations)
    if frames < 4 or not loud.any():
        return _spread(durations, frames)
    owners, parts = _rows(durations, pauses, loud)
    rows = expected[owners, parts]
    cost = (
        0.5 * (heard**2).sum(1)[:, None] - heard @ rows.T + 0.5 * (rows**2).sum(1)[None]
    )  # (frames, rows), squared distances
    cost = np.minimum(cost, 60.0)
    resting = pauses[owners]
    silent = resting[None] & ~loud[:, None]
    cost = np.where(silent, np.minimum(cost, _SILENCE), cost) * _FRAME_WEIGHT
    cost += _barred(owners, windows_s, frames)
    rest = np.where(silent, 0.1 * _REST, _REST)
    path = _cheapest(cost.astype(np.float32), rest.astype(np.float32))
    counts = np.bincount(owners[path], minlength=phones)
    return np.concatenate([[0.0], np.cumsum(counts)]).astype(np.float32) * np.float32(FRAME_S)


def _rows(durations: FloatArray, pauses: BoolArray, loud: BoolArray) -> tuple[_Ints, _Ints]:
    """The phone and the part of it that each row stands for, about as many rows of speech as there is speech."""
    speech = float(durations[~pauses].sum())
    scale = float(loud.sum()) / speech if speech > 0 else 1.0
    ends = np.round(np.cumsum(durations * scale)).astype(int)
    counts = np.maximum(1, np.diff(np.concatenate([[0], ends])))
    owners = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(owners)) - (np.cumsum(counts) - counts)[owners]
    return owners, ((within + 0.5) / counts[owners] * PARTS).astype(int)


def _barred(owners: _Ints, windows_s: Sequence[tuple[float, float] | None], frames: int) -> FloatArray:
    """(frames, rows) of what it costs to hear a phone outside its word's time."""
    limits = np.array([window or (-np.inf, np.inf) for window in windows_s])[owners]
    times_s = (np.arange(frames) + 0.5)[:, None] * FRAME_S
    early = np.maximum(0.0, limits[None, :, 0] - _SLACK_S - times_s)
    late = np.maximum(0.0, times_s - limits[None, :, 1] - _SLACK_S)
    return np.asarray(_BARRED * (early + late), np.float32)


def _cheapest(cost: FloatArray, rest: FloatArray) -> _Ints:
    """(frames,) row at each frame along the cheapest path from the first row to the last; both (frames, rows)."""
    frames, rows = cost.shape
    far = np.float32(1e9)
    total = np.full(rows + 3, far, np.float32)  # three before the first row, so that steps need no edges
    total[3] = cost[0, 0]
    # A long text over little sound: let the path leave rows out at its start, too.
    total[4:6] = cost[0, 1:3] + np.arange(1, 3, dtype=np.float32)[: rows - 1] * _SKIP * 2 if rows > 2 else far
    steps = np.empty((frames, rows), np.int8)
    choices = np.empty((4, rows), np.float32)
    for frame in range(1, frames):
        np.add(total[3:], rest[frame], out=choices[0])
        choices[1] = total[2:-1]
        choices[2] = total[1:-2] + np.float32(_SKIP)
        choices[3] = total[:-3] + np.float32(3 * _SKIP)
        best = choices.argmin(axis=0)
        steps[frame] = best
        total[3:] = np.take_along_axis(choices, best[None], axis=0)[0] + cost[frame]
    path = np.empty(frames, np.int64)
    # The last rows may go unsaid, at a price, where the recording ends early.
    path[-1] = rows - 1 if total[-1] < far / 2 else int(total[3:].argmin())
    for frame in range(frames - 1, 0, -1):
        path[frame - 1] = path[frame] - steps[frame, path[frame]]
    return path


def _spread(durations: FloatArray, frames: int) -> FloatArray:
    ends = np.cumsum(durations)
    times_s: FloatArray = np.concatenate([[0.0], ends / ends[-1] * frames * FRAME_S]).astype(np.float32)
    return times_s
