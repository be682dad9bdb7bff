"""A short soft tone before the first words of a session: whoever listens hears that a machine is about to speak."""

from __future__ import annotations

import numpy as np

from workers.contracts import Audio

_HZ = (520.0, 780.0)
_EACH_S = 0.14
_LEVEL = 0.05  # about 20 dB under speech: to be noticed, not to startle
_PAUSE_S = 0.12


def led_by_tone(audio: Audio) -> Audio:
    """`audio` after two soft rising notes and a breath of silence, 0.4 s in all, at its own rate."""
    times = np.arange(int(_EACH_S * audio.rate_hz)) / audio.rate_hz
    shape = np.sin(np.pi * times / _EACH_S) ** 2
    notes = [(_LEVEL * shape * np.sin(2 * np.pi * hz * times)).astype(np.float32) for hz in _HZ]
    silence = np.zeros(int(_PAUSE_S * audio.rate_hz), np.float32)
    return Audio(np.concatenate([*notes, silence, audio.samples]), audio.rate_hz)
