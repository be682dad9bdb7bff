"""Loudness and edges of synthetic speech."""

from __future__ import annotations

import numpy as np
import pyloudnorm

from workers.contracts import SPEECH_RATE_HZ, FloatArray

#: What a tablet in a ward plays comfortably (EBU R 128 speech practice for small speakers is −16 to −23).
TARGET_LUFS = -19.0
CEILING = 0.94
_KNEE = 0.75
#: 5 ms, in samples.
FADE = SPEECH_RATE_HZ // 200
_LEAD_S = 0.06


def loudness_lufs(samples: FloatArray) -> float:
    """Integrated loudness (ITU-R BS.1770-4) of sound at 24 kHz, 0.4 s and longer."""
    return float(pyloudnorm.Meter(SPEECH_RATE_HZ).integrated_loudness(samples.astype(np.float64)))


def at_level(samples: FloatArray, gain_db: float) -> FloatArray:
    """`samples` with a gain; peaks above the knee are bent, never cut off."""
    louder = samples * np.float32(10 ** (gain_db / 20))
    over = np.abs(louder) - _KNEE
    bent = _KNEE + (CEILING - _KNEE) * np.tanh(np.maximum(over, 0) / (CEILING - _KNEE))
    return np.where(over > 0, np.sign(louder) * bent, louder).astype(np.float32)


def faded(samples: FloatArray, length: int = FADE, *, start: bool = True, end: bool = True) -> FloatArray:
    """`samples` rising from nothing and falling to it, so that clauses meet without a click."""
    length = min(length, len(samples) // 2)
    ramp = np.linspace(0, 1, length, dtype=np.float32)
    out = samples.copy()
    if start:
        out[:length] *= ramp
    if end:
        out[len(out) - length :] *= ramp[::-1]
    return out


def without_lead(samples: FloatArray) -> FloatArray:
    """`samples` with no more than 60 ms of silence before the first sound: a waiting person hears it sooner."""
    loud = np.flatnonzero(np.abs(samples) > 0.02 * max(float(np.abs(samples).max()), 1e-6))
    start = max(0, int(loud[0]) - int(_LEAD_S * SPEECH_RATE_HZ)) if loud.size else 0
    return samples[start:]
