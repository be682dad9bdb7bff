"""Many channels to one, without losing the voice."""

from __future__ import annotations

import numpy as np

from workers.contracts import FloatArray

#: How much sound is looked at before deciding. Held in memory with all its channels.
_DECIDE_S = 60.0
#: The mean of two unlike microphones keeps 0.71 of the louder one's level, of one live and one dead channel 0.5, of a
#: channel and its inverse nothing.
_LEAST_KEPT = 0.6


class ToMono:
    """Turns blocks of (channels, n) into blocks of (n,): the mean of the channels, or the loudest one alone.

    The loudest is taken where the mean would lose the voice: one channel silent, one wired the wrong way round, speech
    in the centre channel of a film's sound. Decided once, on the first minute, so that nothing changes on the way.
    """

    def __init__(self, rate_hz: int) -> None:
        self._decide_at = int(_DECIDE_S * rate_hz)
        self._waiting: list[FloatArray] = []
        self._waiting_samples = 0
        self._weights: FloatArray | None = None

    def add(self, block: FloatArray) -> FloatArray:
        """The mono sound that is ready by now; empty until the decision."""
        if block.shape[0] == 1:
            return np.asarray(block[0], np.float32)
        if self._weights is not None:
            return np.asarray(self._weights @ block, np.float32)
        self._waiting.append(block)
        self._waiting_samples += block.shape[1]
        return self._decide() if self._waiting_samples >= self._decide_at else np.zeros(0, np.float32)

    def finish(self) -> FloatArray:
        """What was still waiting for a decision when the sound ended."""
        return self._decide() if self._waiting else np.zeros(0, np.float32)

    def _decide(self) -> FloatArray:
        sound = np.concatenate(self._waiting, axis=1)
        self._waiting = []
        channels = sound.shape[0]
        levels = np.sqrt((sound.astype(np.float64) ** 2).mean(axis=1))
        weights = np.full(channels, 1 / channels, np.float32)
        mean_level = np.sqrt(((weights @ sound).astype(np.float64) ** 2).mean())
        if mean_level < _LEAST_KEPT * levels.max():
            weights = np.zeros(channels, np.float32)
            weights[int(levels.argmax())] = 1.0
        self._weights = weights
        return np.asarray(weights @ sound, np.float32)
