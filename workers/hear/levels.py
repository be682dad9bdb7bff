"""Loudness, noise and clipping of a recording: measures on samples, no model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.bandwidth import EDGE_S, LEAST_NOISE_S, Spans, covered
from workers.contracts import Audio, BoolArray, FloatArray

_FRAME_S = 0.02
_FLOOR_POWER = 10 ** (-96 / 10)  # one step of 16 bits; quieter is digital silence, not a quiet room
_MOST_SNR_DB = 80.0

_CLIP_NEAR_PEAK = 0.99
_CLIP_LEAST_PEAK = 0.1


def snr_db(audio: Audio, speech: Spans) -> float:
    """Level of speech over level of noise, 0 to 80 dB; nan where there is no speech.

    Noise is the median frame away from speech; where there is under 0.3 s of that, the quietest twentieth of the frames
    within speech (its shortest pauses), after the idea of minimum statistics (Martin 2001). The noise's power is
    taken off the speech's. Median and quantile, so that a cough or a slammed door between sentences is no noise floor.
    """
    power = _frame_power(audio)
    inside, outside = _inside(speech, len(power), 0.0), ~_inside(speech, len(power), EDGE_S)
    if not inside.any():
        return float("nan")
    if outside.sum() * _FRAME_S >= LEAST_NOISE_S:
        noise = float(np.median(power[outside]))
    else:
        noise = float(np.quantile(power[inside], 0.05))
    noise = max(noise, _FLOOR_POWER)
    speech_power = max(float(power[inside].mean()) - noise, noise)
    return float(np.clip(10 * np.log10(speech_power / noise), 0.0, _MOST_SNR_DB))


def clipped_share(audio: Audio, speech: Spans) -> float:
    """The share (0..1) of the samples within speech that lie within 1 % of the recording's own peak.

    Speech comes close to its peak in one sample of 100,000; sound that was cut off, at whatever level, lies there
    all the time. Found also where it was turned down afterwards.
    """
    inside = np.concatenate([_cut(audio, start_s, end_s) for start_s, end_s in speech] or [np.zeros(0, np.float32)])
    peak = float(np.abs(audio.samples).max(initial=0.0))
    if peak < _CLIP_LEAST_PEAK or not len(inside):
        return 0.0
    return float((np.abs(inside) >= _CLIP_NEAR_PEAK * peak).mean())


def _frame_power(audio: Audio) -> NDArray[np.float64]:
    size = max(1, round(_FRAME_S * audio.rate_hz))
    frames = audio.samples[: len(audio.samples) // size * size].reshape(-1, size).astype(np.float64)
    return np.asarray((frames**2).mean(axis=1))


def _inside(speech: Spans, frames: int, margin_s: float) -> BoolArray:
    return covered(np.asarray((np.arange(frames) + 0.5) * _FRAME_S, np.float64), speech, margin_s)


def _cut(audio: Audio, start_s: float, end_s: float) -> FloatArray:
    return audio.samples[round(start_s * audio.rate_hz) : round(end_s * audio.rate_hz)]
