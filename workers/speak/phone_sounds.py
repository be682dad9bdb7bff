"""What phones sound like, whoever says them: a cheap ear, to find them again in a recording.

Sound becomes a frame of cepstra every 12.5 ms, each laid beside its neighbours and projected to those directions in
which phones differ more than speakers do. What a phone in its context should give there is a linear map of Kokoro's
own encoding of the text: reduced-rank regression (Izenman 1975), scaled by its residuals as linear discriminant
analysis is, so that a squared distance is a log-likelihood. Nothing is decoded, so listening costs next to nothing.
`workers.speak.build_phone_sounds` makes the maps from the public voices, whose durations are known to the frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import librosa
import numpy as np
from safetensors.numpy import load_file
from scipy.fft import dct

from workers.contracts import RECOGNITION_RATE_HZ, BoolArray, FloatArray

FILE = Path(__file__).parent / "data" / "phone_sounds.safetensors"
#: Two to Kokoro's alignment frame, as its contours are.
FRAME_S = 0.0125
#: A phone is predicted in this many parts, one after the other.
PARTS = 4
_HOP = round(FRAME_S * RECOGNITION_RATE_HZ)
_WINDOW = 400
_FFT = 512
_MELS = 26
_CEPSTRA = 14
_BESIDE = 3  # frames on either side: 0.1 s in all
_SPEECH_DB = 30.0  # under the loudest: what the recording is normalised over


@dataclass(frozen=True)
class PhoneSounds:
    """projection: (stacked cepstra, d). maps: (PARTS, 512 + 1, d), from an encoded phone and a constant."""

    projection: FloatArray
    maps: FloatArray

    def heard(self, samples: FloatArray) -> tuple[FloatArray, BoolArray]:
        """(frames, d) of sound at 16 kHz, and (frames,) where it is loud enough to be speech."""
        cepstra, loud = cepstra_of(samples)
        return (stacked(cepstra) @ self.projection).astype(np.float32), loud

    def expected(self, encoded: FloatArray) -> FloatArray:
        """(phones, PARTS, d) of (phones, 512) encoded phones."""
        with_one = np.concatenate([encoded, np.ones((len(encoded), 1), np.float32)], axis=1)
        return np.asarray(np.einsum("pe,ked->pkd", with_one, self.maps), np.float32)


@cache
def open_phone_sounds() -> PhoneSounds:
    """The maps in the tree, and what listening needs besides."""
    arrays = load_file(FILE)
    _mel()
    return PhoneSounds(arrays["projection"].astype(np.float32), arrays["maps"].astype(np.float32))


def cepstra_of(samples: FloatArray) -> tuple[FloatArray, BoolArray]:
    """(frames, 15) cepstra and voicing, normalised to mean 0 and deviation 1 over speech; (frames,) where speech is.

    `samples` at 16 kHz; frame i is about (i + ½) · 12.5 ms.
    """
    frames = max(1, len(samples) // _HOP)
    padded = np.pad(np.nan_to_num(samples), (_FFT // 2, _FFT))
    starts = np.arange(frames) * _HOP + _HOP // 2
    windows = padded[starts[:, None] + np.arange(_FFT)] * _window()
    power = np.abs(np.fft.rfft(windows)) ** 2 @ _mel().T
    level_db = 10 * np.log10(power.sum(axis=1) + 1e-10)
    loud = level_db > level_db.max() - _SPEECH_DB
    # A floor well under speech: the digital silence of one recording is the hiss of another.
    log_mel = np.log(power + 1e-4 * power[loud].mean() + 1e-12)
    cepstra = np.column_stack([dct(log_mel, axis=1, norm="ortho")[:, :_CEPSTRA], _periodic(windows)])
    normed = (cepstra - cepstra[loud].mean(axis=0)) / (cepstra[loud].std(axis=0) + 1e-6)
    return normed.astype(np.float32), np.asarray(loud)


def _periodic(windows: FloatArray) -> FloatArray:
    """(frames,) how alike a frame is to itself one pitch period on (60 to 400 Hz), 0..1: whether a voice sounds."""
    spectrum = np.abs(np.fft.rfft(windows, 2 * _FFT)) ** 2
    alike = np.fft.irfft(spectrum)[:, :_FFT]
    of_window = np.fft.irfft(np.abs(np.fft.rfft(_window(), 2 * _FFT)) ** 2)[:_FFT]
    lags = np.arange(RECOGNITION_RATE_HZ // 400, RECOGNITION_RATE_HZ // 60)
    shares = alike[:, lags] / of_window[lags] * of_window[0] / (alike[:, :1] + 1e-9)
    return np.asarray(shares.max(axis=1).clip(0, 1), np.float32)


def stacked(cepstra: FloatArray) -> FloatArray:
    """(frames, 7 · 15): each frame between its neighbours."""
    padded = np.pad(cepstra, ((_BESIDE, _BESIDE), (0, 0)), mode="edge")
    return np.concatenate([padded[place : place + len(cepstra)] for place in range(2 * _BESIDE + 1)], axis=1)


@cache
def _mel() -> FloatArray:
    return np.asarray(librosa.filters.mel(sr=RECOGNITION_RATE_HZ, n_fft=_FFT, n_mels=_MELS, fmin=80, fmax=7600))


@cache
def _window() -> FloatArray:
    window = np.zeros(_FFT, np.float32)
    begin = (_FFT - _WINDOW) // 2
    window[begin : begin + _WINDOW] = np.hanning(_WINDOW)
    return window
