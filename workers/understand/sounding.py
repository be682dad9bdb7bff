"""Which hundredths of a second of an utterance carry its sound: for comparing sounds, where a lost syllable costs most.

Silero's voice activity, which decides everywhere else whether somebody speaks, loses whole words of severe speech: of
one phrase said four times it found 0.6, 0.6, 1.6 and 2.2 s (**simulated**). So it is asked only whether and about how
loudly somebody speaks; what is loud enough, next to that and to the quietest there, belongs to what was said.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from workers.contracts import RECOGNITION_RATE_HZ, FloatArray

FRAMES_S = 100
_SAMPLES = RECOGNITION_RATE_HZ // FRAMES_S
_PRE_EMPHASIS = 0.7  # consonants count, hum does not
_SMOOTH = 5
_QUIETEST, _LOUDEST = 0.08, 0.9  # quantiles: of everything, and of what Silero takes for speech
_SHARE = 0.35  # of the way from the one to the other, in dB
_MOST_RANGE_DB = 40.0  # digital silence is no measure of how quiet the room is
_SHORTEST, _LONGEST_GAP, _WIDER = 5, 30, 3


def sounding(samples: FloatArray, speech: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
    """(n,) for each whole hundredth of a second of `samples` (16 kHz): True where it sounds; none without `speech`.

    `speech`: `activity.speech_spans` of the same sound, in seconds. Pauses of under 0.3 s stay; clicks of under 0.05 s
    are left out.
    """
    count = len(samples) // _SAMPLES
    spoken = np.zeros(count, np.bool_)
    for start_s, end_s in speech:
        spoken[int(start_s * FRAMES_S) : int(np.ceil(end_s * FRAMES_S))] = True
    if not spoken.any():
        return spoken
    sharp = np.append(samples[:1], samples[1:] - _PRE_EMPHASIS * samples[:-1])[: count * _SAMPLES]
    power = np.square(sharp, dtype=np.float64).reshape(count, _SAMPLES).mean(axis=1)
    level_db = uniform_filter1d(10 * np.log10(power + 1e-10), _SMOOTH)
    loud_db = np.quantile(level_db[spoken], _LOUDEST)
    quiet_db = max(np.quantile(level_db, _QUIETEST), loud_db - _MOST_RANGE_DB)
    return _joined(level_db > quiet_db + _SHARE * (loud_db - quiet_db))


def stretches(sounds: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(first, end) of each run of True."""
    edges = np.flatnonzero(np.diff(sounds.astype(np.int8), prepend=0, append=0))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _joined(loud: NDArray[np.bool_]) -> NDArray[np.bool_]:
    found = np.zeros(len(loud), np.bool_)
    before: int | None = None
    for start, end in stretches(loud):
        if end - start < _SHORTEST:
            continue
        near = before is not None and start - before < _LONGEST_GAP
        found[before if near else max(0, start - _WIDER) : end + _WIDER] = True
        before = end
    return found
