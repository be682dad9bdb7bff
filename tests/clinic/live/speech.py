"""Real speech for tests of turn-taking: clauses of the reading that the demo uses, at 16 kHz."""

from __future__ import annotations

import wave
from functools import cache

import numpy as np

from workers import models

RATE_HZ = 16_000


@cache
def _reading() -> np.ndarray:
    """The whole reading, decimated from 48 kHz behind a 7 kHz low-pass (windowed sinc, 95 taps)."""
    with wave.open(str(models.path("two-cities"))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (48_000, 1, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64)
    taps = np.arange(-47, 48)
    low_pass = np.sinc(2 * 7000 / 48_000 * taps) * np.hamming(len(taps))
    return np.convolve(samples, low_pass / low_pass.sum(), mode="same")[::3]


def speech(start_s: float, end_s: float) -> bytes:
    """PCM s16le of a stretch of the reading, brought to an ordinary level."""
    piece = _reading()[int(start_s * RATE_HZ) : int(end_s * RATE_HZ)]
    return np.clip(piece * 4, -32768, 32767).astype("<i2").tobytes()


def silence(seconds: float) -> bytes:
    """Digital silence."""
    return bytes(int(seconds * RATE_HZ) * 2)


def clause() -> bytes:
    """'It was the worst of times', 1.9 s."""
    return speech(2.90, 4.78)
