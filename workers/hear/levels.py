"""Loudness, noise, clipping and bandwidth of a recording: measures on samples, no model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import stft

from workers.contracts import Audio, BoolArray, FloatArray

Spans = Sequence[tuple[float, float]]

_FRAME_S = 0.02
_EDGE_S = 0.15  # a stretch of speech fades into what is around it: neither speech nor noise
_LEAST_NOISE_S = 0.3
_FLOOR_POWER = 10 ** (-96 / 10)  # one step of 16 bits; quieter is digital silence, not a quiet room
_MOST_SNR_DB = 80.0

_CLIP_NEAR_PEAK = 0.99
_CLIP_LEAST_PEAK = 0.1

_BANDWIDTH_WINDOW_S = 0.04
_BANDWIDTH_BELOW_PEAK_DB = 60.0
_BANDWIDTH_OVER_NOISE_DB = 3.0
_BANDWIDTH_SMOOTH_HZ = 250.0


def snr_db(audio: Audio, speech: Spans) -> float:
    """Level of speech over level of noise, 0 to 80 dB; nan where there is no speech.

    Noise is the median frame away from speech; where there is under 0.3 s of that, the quietest twentieth of the frames
    within speech (its shortest pauses), after the idea of minimum statistics (Martin 2001). The noise's power is
    taken off the speech's. Median and quantile, so that a cough or a slammed door between sentences is no noise floor.
    """
    power = _frame_power(audio)
    inside, outside = _inside(speech, len(power), 0.0), ~_inside(speech, len(power), _EDGE_S)
    if not inside.any():
        return float("nan")
    if outside.sum() * _FRAME_S >= _LEAST_NOISE_S:
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


def bandwidth_hz(audio: Audio, speech: Spans) -> float:
    """The highest frequency that speech still reaches, at most half the rate; nan where there is no speech.

    From the mean spectrum of speech, smoothed over 250 Hz: the last band that is within 60 dB of the strongest, and
    3 dB over the mean spectrum of the noise between the speech, so that hiss does not pass for sound.
    """
    window = round(_BANDWIDTH_WINDOW_S * audio.rate_hz)
    if len(audio.samples) < window or not speech:
        return float("nan")
    hz, times_s, spectrum = stft(audio.samples, audio.rate_hz, nperseg=window, boundary=None, padded=False)
    power = np.abs(spectrum) ** 2
    inside, outside = _covered(times_s, speech, 0.0), ~_covered(times_s, speech, _EDGE_S)
    if not inside.any():
        return float("nan")
    of_speech = _smooth_db(power[:, inside].mean(axis=1), hz)
    heard = of_speech > of_speech.max() - _BANDWIDTH_BELOW_PEAK_DB
    if outside.sum() * _BANDWIDTH_WINDOW_S / 2 >= _LEAST_NOISE_S:
        heard &= of_speech > _smooth_db(power[:, outside].mean(axis=1), hz) + _BANDWIDTH_OVER_NOISE_DB
    return float(hz[np.flatnonzero(heard)[-1]]) if heard.any() else float("nan")


def _frame_power(audio: Audio) -> NDArray[np.float64]:
    size = max(1, round(_FRAME_S * audio.rate_hz))
    frames = audio.samples[: len(audio.samples) // size * size].reshape(-1, size).astype(np.float64)
    return np.asarray((frames**2).mean(axis=1))


def _inside(speech: Spans, frames: int, margin_s: float) -> BoolArray:
    return _covered(np.asarray((np.arange(frames) + 0.5) * _FRAME_S, np.float64), speech, margin_s)


def _covered(times_s: NDArray[np.float64], speech: Spans, margin_s: float) -> BoolArray:
    covered = np.zeros(len(times_s), bool)
    for start_s, end_s in speech:
        covered |= (times_s >= start_s - margin_s) & (times_s <= end_s + margin_s)
    return covered


def _cut(audio: Audio, start_s: float, end_s: float) -> FloatArray:
    return audio.samples[round(start_s * audio.rate_hz) : round(end_s * audio.rate_hz)]


def _smooth_db(power: NDArray[np.float64], hz: NDArray[np.float64]) -> NDArray[np.float64]:
    width = max(1, round(_BANDWIDTH_SMOOTH_HZ / (hz[1] - hz[0])))
    smooth = np.convolve(np.pad(power, width // 2, mode="edge"), np.full(width, 1 / width), mode="valid")[: len(power)]
    return np.asarray(10 * np.log10(smooth + 1e-20))
