"""Where there is speech: Silero's voice activity network (v6, ONNX), which faster-whisper carries in its package."""

from __future__ import annotations

from faster_whisper.vad import VadOptions, get_speech_timestamps

from workers.contracts import RECOGNITION_RATE_HZ, Audio
from workers.hear.resample import resample

#: Silero's usual 0.5 cut 12 of 60 simulated severe utterances apart, 0.35 three.
THRESHOLD = 0.35


def speech_spans(
    audio: Audio, *, threshold: float = THRESHOLD, min_silence_s: float = 0.3, pad_s: float = 0.05
) -> tuple[tuple[float, float], ...]:
    """(start_s, end_s) of each stretch of speech, in order and apart; empty where nobody speaks.

    Pauses shorter than `min_silence_s` stay inside a stretch; each is widened by `pad_s` at both ends, within the
    audio. Speech shorter than 0.1 s is left out.
    """
    heard = resample(audio, RECOGNITION_RATE_HZ)
    if not len(heard.samples):
        return ()
    options = VadOptions(
        threshold=threshold,
        min_speech_duration_ms=100,
        min_silence_duration_ms=round(min_silence_s * 1000),
        speech_pad_ms=round(pad_s * 1000),
    )
    spans = get_speech_timestamps(heard.samples, options)
    return tuple(
        (span["start"] / RECOGNITION_RATE_HZ, min(span["end"] / RECOGNITION_RATE_HZ, audio.duration_s))
        for span in spans
    )
