"""Where there is speech, for the recogniser: Silero's network out of faster-whisper's package, in WhisperX's clothes.

WhisperX's own two choices would ask the network for one (torch.hub), and cost 20 to 40 times as much by the other
(pyannote).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from faster_whisper.vad import VadOptions, get_speech_timestamps
from whisperx.diarize import Segment
from whisperx.vads import Vad

from workers.contracts import RECOGNITION_RATE_HZ, FloatArray

#: Silero's usual 0.5 cut 12 of 60 simulated severe utterances apart, 0.35 three.
THRESHOLD = 0.35
#: A pause within an utterance. Slurred speech is full of them, and a cut inside a sentence costs words.
_LONG_PAUSE_MS = 2000
_PAD_MS = 400
_LONGEST_S = 30.0


def speech_spans(samples: FloatArray) -> tuple[tuple[float, float], ...]:
    """(start_s, end_s) of speech in `samples` ((n,) float32 at 16 kHz), tight: for measuring, not for cutting."""
    if not len(samples):
        return ()
    options = VadOptions(threshold=THRESHOLD, min_speech_duration_ms=100, min_silence_duration_ms=300, speech_pad_ms=30)
    found = get_speech_timestamps(samples, options)
    return tuple((span["start"] / RECOGNITION_RATE_HZ, span["end"] / RECOGNITION_RATE_HZ) for span in found)


class SileroVad(Vad):  # type: ignore[misc]
    """What WhisperX's pipeline asks for: spans to recognise, merged to at most its window."""

    def __init__(self) -> None:
        super().__init__(THRESHOLD)

    def __call__(self, audio: dict[str, Any], **_: Any) -> list[Segment]:
        options = VadOptions(
            threshold=THRESHOLD,
            min_silence_duration_ms=_LONG_PAUSE_MS,
            speech_pad_ms=_PAD_MS,
            max_speech_duration_s=_LONGEST_S,
        )
        samples = audio["waveform"]
        spans = get_speech_timestamps(samples, options) if len(samples) else []
        return [
            Segment(span["start"] / RECOGNITION_RATE_HZ, span["end"] / RECOGNITION_RATE_HZ, "UNKNOWN") for span in spans
        ]

    @staticmethod
    def preprocess_audio(audio: FloatArray) -> FloatArray:
        """Nothing: the network takes the samples as they are."""
        return np.asarray(audio, np.float32)

    @staticmethod
    def merge_chunks(
        segments: list[Segment], chunk_size: float, onset: float, offset: float | None
    ) -> list[dict[str, Any]]:
        """WhisperX's own merging, which cannot take an empty list."""
        return Vad.merge_chunks(segments, chunk_size, onset, offset) if segments else []  # type: ignore[no-any-return]
