"""Sound as bytes, for blobs."""

from __future__ import annotations

import io
import wave

import numpy as np
import soxr

from workers.contracts import Audio
from workers.tasks.codec import pcm16


def wav_bytes(audio: Audio) -> bytes:
    """A 16-bit mono WAV file of `audio`."""
    return _wav(pcm16(audio.samples), audio.rate_hz)


def original_wav(audio: Audio) -> bytes:
    """The same for decoded sound, with the decoder's scale of 32768: a 16-bit recording comes out bit by bit."""
    steps = np.clip(np.round(audio.samples * 32768.0), -32768.0, 32767.0)
    return _wav(steps.astype("<i2").tobytes(), audio.rate_hz)


def _wav(pcm: bytes, rate_hz: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate_hz)
        writer.writeframes(pcm)
    return file.getvalue()


def at_rate(audio: Audio, rate_hz: int) -> Audio:
    """`audio` at another rate; a watermark in it stays readable."""
    if audio.rate_hz == rate_hz:
        return audio
    return Audio(np.asarray(soxr.resample(audio.samples, audio.rate_hz, rate_hz), np.float32), rate_hz)
