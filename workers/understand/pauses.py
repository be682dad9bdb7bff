"""Long pauses of an utterance, shortened before it is recognised, and times led back to the utterance as it was.

Whoever speaks with effort stops inside sentences and words. Whisper was trained on people who do not: it ends the
sentence there, or fills the pause with text (docs/understand.md has what shortening brings).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from workers.activity import at_recognition_rate, speech_spans
from workers.contracts import RECOGNITION_RATE_HZ, Audio, FloatArray
from workers.understand.sounding import FRAMES_S, sounding, stretches

#: What is left of a longer pause, half of it on either side, so that no sound is cut close.
KEPT_S = 0.2
_SAMPLES = RECOGNITION_RATE_HZ // FRAMES_S


@dataclass(frozen=True)
class Shortened:
    """samples: what is left of an utterance, 16 kHz. pieces: (from, to), the samples of it that follow each other.

    sounds: (start_s, end_s) of each stretch of the utterance without a pause of 0.3 s; none where nobody speaks.
    """

    samples: FloatArray
    pieces: tuple[tuple[int, int], ...]
    sounds: tuple[tuple[float, float], ...]

    @property
    def sounds_s(self) -> float:
        """How long it sounds, without its pauses."""
        return sum(end_s - start_s for start_s, end_s in self.sounds)

    @property
    def duration_s(self) -> float:
        """Of what is left."""
        return len(self.samples) / RECOGNITION_RATE_HZ

    def left_of(self, spans_s: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
        """Where spans (start_s, end_s) of the utterance lie in `samples`, without those that are gone."""
        found = ((self._left_at(start_s), self._left_at(end_s)) for start_s, end_s in spans_s)
        return tuple((start_s, end_s) for start_s, end_s in found if end_s > start_s)

    def was(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Where a span of `samples` lay in the utterance. One that begins at a cut begins after it, and one that ends
        there ends before it."""
        ends = np.cumsum([to - start for start, to in self.pieces]).tolist()
        first = min(bisect_right(ends, round(start_s * RECOGNITION_RATE_HZ)), len(ends) - 1)
        last = min(bisect_left(ends, round(end_s * RECOGNITION_RATE_HZ)), len(ends) - 1)
        back_s = [(to - end) / RECOGNITION_RATE_HZ for (_, to), end in zip(self.pieces, ends, strict=True)]
        return start_s + back_s[first], max(start_s + back_s[first], end_s + back_s[last])

    def _left_at(self, time_s: float) -> float:
        place = round(time_s * RECOGNITION_RATE_HZ)
        return sum(min(place, to) - start for start, to in self.pieces if place > start) / RECOGNITION_RATE_HZ


def shortened(samples: FloatArray, speech: Sequence[tuple[float, float]]) -> Shortened:
    """`samples` (16 kHz) with no pause over 0.3 s left between sounds, whole where nobody speaks.

    `speech`: `activity.speech_spans` of the same sound, in seconds. The silence around the speech stays: the speech
    head (`speech_head`) takes a word that is cut close for none.
    """
    sounds = sounding(samples, speech)
    if not sounds.any():
        return Shortened(samples, ((0, len(samples)),), ())
    spans = stretches(sounds)
    half = round(KEPT_S / 2 * RECOGNITION_RATE_HZ)
    pieces: list[tuple[int, int]] = []
    begun = 0
    for (_, end), (start, _) in pairwise(spans):
        ended, starts = end * _SAMPLES, start * _SAMPLES
        if starts - ended > 2 * half:
            pieces.append((begun, ended + half))
            begun = starts - half
    pieces.append((begun, len(samples)))
    left = np.concatenate([samples[first:last] for first, last in pieces])
    spans_s = tuple((start / FRAMES_S, end / FRAMES_S) for start, end in spans)
    return Shortened(np.ascontiguousarray(left, np.float32), tuple(pieces), spans_s)


def as_recognised(audio: Audio) -> FloatArray:
    """What the recogniser hears of `audio`, and a recogniser has to learn from: (n,) at 16 kHz."""
    return shortened(at_recognition_rate(audio), speech_spans(audio)).samples
