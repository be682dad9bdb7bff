"""A plan to sound, stretch by stretch. What is cheap is made once for the whole clause, and only the rest is cut.

Once: the decoder's early blocks (80 frames a second and less) with their norms over the whole clause, and the source
that the generator shapes: harmonics of F0 in one running phase, and noise. So neither pitch nor phase can jump at a
join. The generator then sounds any stretch, and gives what it would give in one go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from workers.contracts import SPEECH_RATE_HZ, FloatArray
from workers.speak.acoustics import Acoustics, Modulated
from workers.speak.generator import REACH, SAMPLES_A_CONTOUR_FRAME, SOURCE_STEPS, Generator
from workers.speak.norm_statistics import LengthStatistics, fitted
from workers.speak.plan import Plan

#: The same plan is to give the same sound, whatever else draws random numbers in this process.
_SEED = 20_260


@dataclass(frozen=True)
class Prepared:
    """A clause on the threshold of the generator: features (1, 512, 2n), source (1, 22, 120n + 1), for n frames.

    statistics: as `LengthStatistics` gives them; None: the clause's own, which only its whole can tell.
    """

    features: Tensor
    source: Tensor
    modulation: Tensor
    statistics: Tensor | None


class Renderer:
    """Sounds plans with the weights of `acoustics`."""

    def __init__(self, acoustics: Acoustics) -> None:
        self._decoder: Any = acoustics.decoder
        self._device = acoustics.device
        self._generator = Generator(self._decoder.generator)

    def statistics(self, plans: Sequence[Plan]) -> LengthStatistics:
        """What the generator's norms meet in clauses as long as they may be, told from these."""
        met = [self._generator(self._features(plan), self._source(plan), plan.modulation, None)[1] for plan in plans]
        return fitted([plan.spoken_s for plan in plans], met, self.is_variance)

    @cached_property
    def is_variance(self) -> Tensor:
        """(modulation_size,): in statistics a norm's variances lie where its shifts do in the modulation."""
        norms = [layer for layer in self._decoder.modules() if isinstance(layer, Modulated)]
        found = torch.zeros(2 * sum(norm.channels for norm in norms), dtype=torch.bool, device=self._device)
        for norm in norms:
            found[norm.start + norm.channels : norm.start + 2 * norm.channels] = True
        return found

    def prepared(self, plan: Plan, statistics: Tensor | None) -> Prepared:
        """All that is made for a clause as a whole."""
        return Prepared(self._features(plan), self._source(plan), plan.modulation, statistics)

    def sound(self, prepared: Prepared, start: int, stop: int) -> FloatArray:
        """The samples of alignment frames `start` up to `stop`, 600 a frame."""
        first, last = 2 * start, 2 * stop
        left, right = 0, prepared.features.shape[2]
        if prepared.statistics is not None:
            left, right = max(left, first - REACH), min(right, last + REACH)
        sound, _ = self._generator(
            prepared.features[..., left:right],
            prepared.source[..., left * SOURCE_STEPS : right * SOURCE_STEPS + 1],
            prepared.modulation,
            prepared.statistics,
        )
        inner = sound[(first - left) * SAMPLES_A_CONTOUR_FRAME : (last - left) * SAMPLES_A_CONTOUR_FRAME]
        samples: FloatArray = inner.cpu().numpy()
        return samples

    def _features(self, plan: Plan) -> Tensor:
        """Upstream's decoder up to its generator."""
        decoder, text = self._decoder, plan.frames.text
        contours = torch.cat([decoder.F0_conv(plan.f0_hz[:, None]), decoder.N_conv(plan.energy[:, None])], dim=1)
        x: Tensor = decoder.encode(torch.cat([text, contours], dim=1), plan.modulation)
        beside = torch.cat([decoder.asr_res(text), contours], dim=1)
        for block in decoder.decode:
            x = block(torch.cat([x, beside], dim=1), plan.modulation)
        return x

    def _source(self, plan: Plan) -> Tensor:
        """Upstream's harmonic source with noise of our own seed, as magnitudes and phases."""
        module = self._decoder.generator.m_source
        sines = module.l_sin_gen
        f0_hz = plan.f0_hz[:, :, None]
        harmonics = f0_hz * torch.arange(1, sines.dim + 1, device=f0_hz.device)
        turns = torch.cumsum((harmonics / SPEECH_RATE_HZ).double() % 1, dim=1) * SAMPLES_A_CONTOUR_FRAME
        turns = functional.interpolate(turns.transpose(1, 2), scale_factor=SAMPLES_A_CONTOUR_FRAME, mode="linear")
        waves = torch.sin(2 * torch.pi * (turns % 1)).float().transpose(1, 2) * sines.sine_amp
        voiced = (f0_hz > sines.voiced_threshold).float().repeat_interleave(SAMPLES_A_CONTOUR_FRAME, dim=1)
        chance = torch.Generator(device=waves.device).manual_seed(_SEED)
        noise = torch.randn(waves.shape, generator=chance, device=waves.device)
        noise *= voiced * sines.noise_std + (1 - voiced) * sines.sine_amp / 3
        excitation = torch.tanh(module.l_linear(waves * voiced + noise))[..., 0]
        return torch.cat(self._decoder.generator.stft.transform(excitation), dim=1)
