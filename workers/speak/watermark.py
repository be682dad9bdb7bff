"""Every sample that leaves is marked as synthetic: Perth's implicit watermark (Resemble AI), over verified weights.

The network is perth's own; its weights come from the manifest as safetensors, so that nothing pickled is ever opened.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr
import torch
import yaml
from safetensors.torch import load_file

from workers import models
from workers.contracts import Audio, FloatArray
from workers.speak.level import faded

SCHEME = "perth-implicit-1"
#: Shorter sound is padded with silence to mark it, and is too short to read a mark back from.
SHORTEST_S = 0.5
_FADE_S = 0.005
#: From here on a mark can be read at all: half a second tells nothing (unmarked 0.74, marked 0.97).
READABLE_S = 1.0
#: From here on a weak mark counts.
CERTAIN_S = 2.0
#: Thresholds on the network's mean bit, for sound of 1 to 2 s and for longer sound. At the second 2 of 425 looks at
#: unmarked sound passed, as at 0.9: people sped up by a tenth with the pitch moved (`samevoice bench watermark`).
#: Undoing other speeds was tried and left out: twelve looks at one reader gave up to 0.999 where there was no mark.
DETECTED_SHORT, DETECTED_LONG = 0.9, 0.7


@dataclass(frozen=True)
class Detection:
    """Whether a mark was read back.

    confidence: the network's mean bit (0 to 1; a mark is all ones). duration_s: of the sound.
    """

    detected: bool
    confidence: float
    duration_s: float = 0.0

    @property
    def words(self) -> str:
        """What this is worth, in a sentence or two for whoever has the file in hand."""
        if self.duration_s < READABLE_S and not self.detected:
            return "This is too short to say whether there is a watermark: it takes a second of sound."
        if not self.detected:
            return (
                "No watermark was found. That does not show that a person spoke: noise, another speed, or somebody who "
                "wants it gone, removes it."
            )
        if self.confidence < DETECTED_SHORT:
            return "The watermark was read back, but weakly: the sound was compressed, telephoned or mixed with noise."
        return "The watermark was read back clearly."


class Watermark:
    """Marks sound, and reads the mark back. Raises what `models.path` raises when the weights are not right."""

    def __init__(self) -> None:
        folder = models.path("perth")
        # perth prints as it is imported and built, and warns of pkg_resources.
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from perth.perth_net.perth_net_implicit.config import PerthConfig
            from perth.perth_net.perth_net_implicit.model.perth_net import PerthNet

            settings = yaml.safe_load((folder / "hparams.yaml").read_text(encoding="utf-8"))
            self._net: Any = PerthNet(PerthConfig(**settings))
        self._net.load_state_dict(load_file(folder / "perth.safetensors"))
        self._net.eval().requires_grad_(False)
        self._rate_hz = int(self._net.hp.sample_rate)

    def mark(self, audio: Audio) -> Audio:
        """The same sound, marked: as many samples at the same rate, at the same level."""
        wanted = len(audio.samples)
        least = int(SHORTEST_S * audio.rate_hz)
        samples = np.pad(audio.samples, (0, max(0, least - wanted)))
        inner = self._inner(samples, audio.rate_hz)
        with torch.inference_mode():
            magnitude, phase = self._net.ap.signal_to_magphase(torch.from_numpy(inner))
            marked, _ = self._net.encoder(magnitude[None])
            sound = self._net.ap.magphase_to_signal(marked[0], phase).numpy()
        # Only what the mark adds is resampled: the voice itself keeps every sample above the mark's band.
        unmarked = self._round_trip(inner, magnitude, phase)
        added = _fitted(np.asarray(soxr.resample(sound - unmarked, self._rate_hz, audio.rate_hz), np.float32), wanted)
        # What is added ends at nothing: speech is marked piece by piece, and a step between two pieces would click.
        added = faded(added, int(_FADE_S * audio.rate_hz))
        return Audio(np.clip(audio.samples + added, -1.0, 1.0).astype(np.float32), audio.rate_hz)

    def detect(self, audio: Audio) -> Detection:
        """Read the mark back, from any rate."""
        confidence = self.score(audio)
        needed = DETECTED_LONG if audio.duration_s >= CERTAIN_S else DETECTED_SHORT
        detected = confidence >= needed and audio.duration_s >= SHORTEST_S
        return Detection(detected, confidence, audio.duration_s)

    def score(self, audio: Audio) -> float:
        """The network's mean bit (0 to 1); of little worth under a second of sound."""
        if not np.abs(audio.samples).max(initial=0.0) > 0:
            return 0.0
        inner = self._inner(audio.samples, audio.rate_hz)
        with torch.inference_mode():
            magnitude, _ = self._net.ap.signal_to_magphase(torch.from_numpy(inner))
            bits = self._net.decoder(magnitude[None])[0].clip(0.0, 1.0)
        return float(bits.mean())

    def _round_trip(self, inner: FloatArray, magnitude: torch.Tensor, phase: torch.Tensor) -> FloatArray:
        with torch.inference_mode():
            return np.asarray(self._net.ap.magphase_to_signal(magnitude, phase).numpy(), np.float32)

    def _inner(self, samples: FloatArray, rate_hz: int) -> FloatArray:
        least = int(SHORTEST_S * self._rate_hz)
        inner = np.asarray(soxr.resample(samples, rate_hz, self._rate_hz), np.float32)
        return np.pad(inner, (0, max(0, least - len(inner))))


def _fitted(samples: FloatArray, length: int) -> FloatArray:
    return np.pad(samples[:length], (0, max(0, length - len(samples))))
