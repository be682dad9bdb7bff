"""How high and low a recording reaches: for the room that judges recordings and the one that learns a voice of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import stft

from workers.contracts import Audio, BoolArray

Spans = Sequence[tuple[float, float]]

_WINDOW_S = 0.04
_BELOW_PEAK_DB = 60.0
_OVER_NOISE_DB = 3.0
_SMOOTH_HZ = 250.0
#: Voices reach within this of their strongest at 100 Hz and less; a telephone's lower edge falls by more.
_LOWS_BELOW_PEAK_DB = 25.0
#: Shared with the other measures of a recording.
EDGE_S = 0.15  # a stretch of speech fades into what is around it: neither speech nor noise
LEAST_NOISE_S = 0.3


def bandwidth_hz(audio: Audio, speech: Spans) -> float:
    """The highest frequency that speech still reaches, at most half the rate; nan where there is no speech.

    From the mean spectrum of speech, smoothed over 250 Hz: the last band that is within 60 dB of the strongest, and
    3 dB over the mean spectrum of the noise between the speech, so that hiss does not pass for sound.
    """
    spectra = _spectra(audio, speech)
    if spectra is None:
        return float("nan")
    hz, speaking, silent = spectra
    of_speech = _smooth_db(speaking, hz)
    heard = of_speech > of_speech.max() - _BELOW_PEAK_DB
    if silent is not None:
        heard &= of_speech > _smooth_db(silent, hz) + _OVER_NOISE_DB
    return float(hz[np.flatnonzero(heard)[-1]]) if heard.any() else float("nan")


def lowest_hz(audio: Audio, speech: Spans) -> float:
    """The lowest frequency that speech still has, to 25 Hz; nan where there is no speech.

    From its mean spectrum, not smoothed, since a band of 250 Hz would reach over a telephone's edge: the first
    frequency within 25 dB of the strongest and 3 dB over the noise, so that hum does not pass for sound. Of four
    readers: 0 to 100 Hz, and 275 to 300 Hz once cut at 300.
    """
    spectra = _spectra(audio, speech)
    if spectra is None:
        return float("nan")
    hz, speaking, silent = spectra
    heard = _db(speaking) > _db(speaking).max() - _LOWS_BELOW_PEAK_DB
    if silent is not None:
        heard &= _db(speaking) > _db(silent) + _OVER_NOISE_DB
    return float(hz[np.flatnonzero(heard)[0]]) if heard.any() else float("nan")


def covered(times_s: NDArray[np.float64], speech: Spans, margin_s: float) -> BoolArray:
    """(times,) which of them lie in speech, or no further than `margin_s` from it."""
    covered = np.zeros(len(times_s), bool)
    for start_s, end_s in speech:
        covered |= (times_s >= start_s - margin_s) & (times_s <= end_s + margin_s)
    return covered


def _spectra(
    audio: Audio, speech: Spans
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64] | None] | None:
    """Frequencies in Hz, the mean power of speech at each, and that of the noise where there is enough of it."""
    window = round(_WINDOW_S * audio.rate_hz)
    if len(audio.samples) < window or not speech:
        return None
    hz, times_s, spectrum = stft(audio.samples, audio.rate_hz, nperseg=window, boundary=None, padded=False)
    power = np.abs(spectrum) ** 2
    inside, outside = covered(times_s, speech, 0.0), ~covered(times_s, speech, EDGE_S)
    if not inside.any():
        return None
    noise = power[:, outside].mean(axis=1) if outside.sum() * _WINDOW_S / 2 >= LEAST_NOISE_S else None
    return hz, power[:, inside].mean(axis=1), noise


def _smooth_db(power: NDArray[np.float64], hz: NDArray[np.float64]) -> NDArray[np.float64]:
    width = max(1, round(_SMOOTH_HZ / (hz[1] - hz[0])))
    smooth = np.convolve(np.pad(power, width // 2, mode="edge"), np.full(width, 1 / width), mode="valid")[: len(power)]
    return _db(smooth)


def _db(power: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(10 * np.log10(power + 1e-20))
