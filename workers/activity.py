"""Where there is speech: Silero's voice activity network (v6, ONNX), which faster-whisper carries in its package.

Shared by the rooms that measure speech and by the one that recognises it, so that they agree on what speech is.
"""

from __future__ import annotations

import numpy as np
import soxr
from faster_whisper.vad import VadOptions, get_speech_timestamps

from workers.contracts import RECOGNITION_RATE_HZ, Audio, FloatArray

#: Silero's usual 0.5 cut 12 of 60 simulated severe utterances apart, 0.35 three.
THRESHOLD = 0.35
_MIN_SPEECH_S = 0.1

#: Silero misses quiet voices: of 50 simulated severe utterances, peaks at 0.015 to 0.03, it heard nothing in 5 as they
#: were, in 1 when raised. Noise stays below 0.15 either way. The limit keeps the next room's talk out.
_LEVEL = 0.4
_MOST_GAIN = 31.6  # 30 dB
_LOUD_QUANTILE = 0.999  # not the peak, which may be a click


def speech_spans(
    audio: Audio,
    *,
    min_silence_s: float = 0.3,
    pad_s: float = 0.05,
    max_speech_s: float = float("inf"),
) -> tuple[tuple[float, float], ...]:
    """(start_s, end_s) of each stretch of speech, in order and apart; empty where nobody speaks.

    Pauses shorter than `min_silence_s` stay inside a stretch; each is widened by `pad_s` at both ends, within the
    audio, and cut where it would be longer than `max_speech_s`. Speech shorter than 0.1 s is left out.
    """
    samples = at_recognition_rate(audio)
    if not len(samples):
        return ()
    options = VadOptions(
        threshold=THRESHOLD,
        min_speech_duration_ms=round(_MIN_SPEECH_S * 1000),
        min_silence_duration_ms=round(min_silence_s * 1000),
        speech_pad_ms=round(pad_s * 1000),
        max_speech_duration_s=max_speech_s,
    )
    found = get_speech_timestamps(_raised(samples), options)
    return tuple(
        (span["start"] / RECOGNITION_RATE_HZ, min(span["end"] / RECOGNITION_RATE_HZ, audio.duration_s))
        for span in found
    )


def at_recognition_rate(audio: Audio) -> FloatArray:
    """The samples at 16 kHz, by soxr at its high quality (linear phase: no shift in time)."""
    if audio.rate_hz == RECOGNITION_RATE_HZ or not len(audio.samples):
        return np.ascontiguousarray(audio.samples, np.float32)
    return np.asarray(soxr.resample(audio.samples, audio.rate_hz, RECOGNITION_RATE_HZ), np.float32)


def _raised(samples: FloatArray) -> FloatArray:
    loud = float(np.quantile(np.abs(samples), _LOUD_QUANTILE))
    gain = min(_MOST_GAIN, max(1.0, _LEVEL / max(loud, 1e-9)))
    return np.asarray(np.clip(samples * np.float32(gain), -1.0, 1.0), np.float32)
