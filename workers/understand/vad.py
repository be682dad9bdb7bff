"""Voice activity in WhisperX's clothes.

WhisperX's own two choices would ask the network for one (Silero through torch.hub), and cost 20 to 40 times as much by
the other (pyannote).
"""

from __future__ import annotations

from typing import Any

from whisperx.diarize import Segment
from whisperx.vads import Vad

from workers.activity import THRESHOLD, speech_spans
from workers.contracts import Audio, FloatArray

#: Slurred speech is full of pauses, and a cut inside a sentence costs words.
_LONG_PAUSE_S = 2.0
_PAD_S = 0.4
_LONGEST_S = 30.0


class OfflineVad(Vad):  # type: ignore[misc]
    """What WhisperX's pipeline asks for: spans to recognise, merged to at most its window."""

    def __init__(self) -> None:
        super().__init__(THRESHOLD)

    def __call__(self, audio: dict[str, Any], **_: Any) -> list[Segment]:
        heard = Audio(audio["waveform"], int(audio["sample_rate"]))
        spans = speech_spans(heard, min_silence_s=_LONG_PAUSE_S, pad_s=_PAD_S, max_speech_s=_LONGEST_S)
        return [Segment(start_s, end_s, "UNKNOWN") for start_s, end_s in spans]

    @staticmethod
    def preprocess_audio(audio: FloatArray) -> FloatArray:
        """Nothing to do: the network takes the samples as they are."""
        return audio

    @staticmethod
    def merge_chunks(
        segments: list[Segment], chunk_size: float, onset: float, offset: float | None
    ) -> list[dict[str, Any]]:
        """WhisperX's own merging, which cannot take an empty list."""
        return Vad.merge_chunks(segments, chunk_size, onset, offset) if segments else []  # type: ignore[no-any-return]
