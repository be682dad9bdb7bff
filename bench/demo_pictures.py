"""Pictures of sound for the report: mel spectrograms and pitch curves, as data that an HTML file carries itself."""

from __future__ import annotations

import base64
import io

import librosa
import matplotlib as mpl
import numpy as np

from bench.measure import resample
from workers.contracts import Audio
from workers.feel import prosody

mpl.use("Agg")

PICTURE_RATE_HZ = 16_000
WIDTH, HEIGHT = 720, 150
F0_LOW_HZ, F0_HIGH_HZ = 60.0, 400.0


def spectrogram(audio: Audio) -> str:
    """A log-mel spectrogram (80 bands to 8 kHz) as a PNG data address, transparent where it is quiet."""
    from matplotlib.image import imsave

    samples = resample(audio, PICTURE_RATE_HZ).samples
    mel = librosa.feature.melspectrogram(y=samples, sr=PICTURE_RATE_HZ, n_fft=512, hop_length=128, n_mels=80)
    level = np.clip(librosa.power_to_db(mel, ref=np.max) / 70.0 + 1.0, 0.0, 1.0)
    strength = level[::-1]
    # One warm ink, with the energy in its opacity: the page's own light or dark ground shows through.
    picture = np.empty((*strength.shape, 4))
    picture[..., 0], picture[..., 1], picture[..., 2] = 0.78, 0.36, 0.22
    picture[..., 3] = strength**1.6
    file = io.BytesIO()
    imsave(file, picture, format="png")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def pitch_path(audio: Audio) -> str:
    """The F0 contour as an SVG path in a box of WIDTH × HEIGHT, on a logarithmic axis; empty if nothing is voiced."""
    measured = prosody.measure(resample(audio, PICTURE_RATE_HZ), ())
    f0_hz = np.asarray(measured.f0_hz, float)
    if len(f0_hz) < 2:
        return ""
    x = np.linspace(0, WIDTH, len(f0_hz))
    span = np.log(F0_HIGH_HZ / F0_LOW_HZ)
    parts: list[str] = []
    down = False
    for place, value in zip(x, f0_hz, strict=True):
        if value <= 0:
            down = False
            continue
        y = HEIGHT * (1 - np.clip(np.log(value / F0_LOW_HZ) / span, 0.0, 1.0))
        parts.append(f"{'L' if down else 'M'}{place:.1f} {y:.1f}")
        down = True
    return " ".join(parts)
