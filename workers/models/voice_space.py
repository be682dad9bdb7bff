"""The space that Kokoro's public voices span: where a patient's voice is looked for.

A Kokoro style is 256 numbers: the decoder's half (timbre), then the prosody half. The published voices hold one style
for every length of text, 1 to 510 phones. Here they are as a mean and principal axes at 61 phones (an ordinary
sentence), and, apart from that, as how a style drifts when the text is shorter or longer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from workers.contracts import SpokenError
from workers.models import store

FloatArray = NDArray[np.float32]

STYLE_SIZE = 256
#: The decoder's half of a style; the rest is the prosody predictor's.
TIMBRE_SIZE = 128
#: The length of text, in phones, at which mean, axes and coordinates hold.
REFERENCE_PHONES = 61
LONGEST_PHONES = 510


@dataclass(frozen=True)
class VoiceSpace:
    """Voices × styles, all float32.

    mean: (256,). axes: (53, 256), orthonormal, widest first. sd: (53,), the voices' spread along each axis. names: 54
    public voices, sorted (the first letter is the accent's, the second 'f' or 'm'). coords: (54, 53), so that
    `mean + coords[i] @ axes` is voice i. length_basis: (8, 510) and drifts: (54, 8, 256) hold how each voice's style
    changes with length; drift_mean: (8, 256) and drift_map: (16, 8, 256) predict that for a voice that is none of them.
    """

    mean: FloatArray
    axes: FloatArray
    sd: FloatArray
    names: tuple[str, ...]
    coords: FloatArray
    length_basis: FloatArray
    drifts: FloatArray
    drift_mean: FloatArray
    drift_map: FloatArray

    def style(self, name: str, phones: int = REFERENCE_PHONES) -> FloatArray:
        """The (256,) style of a public voice for a text of `phones` phones. Raises SpokenError ('unknown_voice')."""
        if name not in self.names:
            raise SpokenError("unknown_voice", f"There is no public voice called '{name}'.")
        index = self.names.index(name)
        style: FloatArray = self.at(self.coords[index]) + self._along(phones) @ self.drifts[index]
        return style

    def at(self, coords: FloatArray) -> FloatArray:
        """The (256,) style at the first `len(coords)` coordinates (at most 53), at the reference length."""
        style: FloatArray = self.mean + coords @ self.axes[: len(coords)]
        return style

    def coordinates(self, style: FloatArray) -> FloatArray:
        """The (53,) coordinates of the point of the space that is nearest to a (256,) style."""
        coords: FloatArray = ((style - self.mean) @ self.axes.T).astype(np.float32)
        return coords

    def drift(self, style: FloatArray, phones: int) -> FloatArray:
        """What to add to a fitted (256,) style for a text of `phones` phones; nothing at the reference length.

        A ridge regression from the first 16 coordinates. On public voices left out of it, it explains 70 % of the drift
        (the other voices' mean drift: 47 %).
        """
        coords = self.coordinates(style)[: len(self.drift_map)]
        predicted = self.drift_mean.reshape(-1) + coords @ self.drift_map.reshape(len(self.drift_map), -1)
        drift: FloatArray = (self._along(phones) @ predicted.reshape(self.drift_mean.shape)).astype(np.float32)
        return drift

    def _along(self, phones: int) -> FloatArray:
        """The (8,) weights of the length basis, zero at the reference length."""
        row = min(max(phones, 1), LONGEST_PHONES) - 1
        return np.subtract(self.length_basis[:, row], self.length_basis[:, REFERENCE_PHONES - 1], dtype=np.float32)


def open_voice_space() -> VoiceSpace:
    """The verified voice space. Raises SpokenError: 'missing_weights', 'damaged_weights'."""
    file = store.path("kokoro-voices")
    with safe_open(str(file), framework="numpy") as opened:
        names = tuple(opened.metadata()["names"].split())
        tensors: Mapping[str, FloatArray] = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    return VoiceSpace(names=names, **tensors)
