"""Kokoro's generator, nearly all of what speech costs, so that any stretch of a clause can be sounded by itself.

Upstream's instance norms take mean and variance over all that they are given, so a piece decoded alone is normalised
otherwise than in its clause: heard as a jump in level and timbre. Here the statistics come from outside, one set for a
voice. What is left are convolutions of short reach: a stretch, with `REACH` frames on either side, comes out sample for
sample as it would in the whole.

Tensors are laid out channels last, and a norm and the Snake after it are three passes over memory instead of ten. Given
the same statistics, the sound is upstream's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.speak.acoustics import Modulated

#: How far a sample can see, rounded up: contour frames of 12.5 ms. Measured: at 8 the error is 1.5e-5, at 10 2e-6.
REACH = 10
SAMPLES_A_CONTOUR_FRAME = 300
#: Steps of the source's spectrogram in a contour frame.
SOURCE_STEPS = 60
_EPSILON = 1e-5
_SPECTRUM = 11  # log magnitudes, then as many phases: an inverse transform of 20 points


@dataclass(frozen=True)
class _Conv:
    """A one-dimensional convolution as a flat two-dimensional one: that is what can be laid out channels last."""

    weight: Tensor
    bias: Tensor
    stride: int
    padding: int
    dilation: int
    transposed: bool

    @classmethod
    def of(cls, layer: Any) -> _Conv:
        weight = layer.weight[:, :, None, :].contiguous(memory_format=torch.channels_last)
        transposed = isinstance(layer, nn.ConvTranspose1d)
        return cls(weight, layer.bias, layer.stride[0], layer.padding[0], layer.dilation[0], transposed)

    def __call__(self, x: Tensor) -> Tensor:
        stride, padding, dilation = (1, self.stride), (0, self.padding), (1, self.dilation)
        if self.transposed:
            return functional.conv_transpose2d(x, self.weight, self.bias, stride, padding, dilation=dilation)
        return functional.conv2d(x, self.weight, self.bias, stride, padding, dilation)


class _Norms:
    """One run's norms: their statistics are given, or measured as the norms are met.

    `statistics` is laid out as the modulation is: a norm's means where its scales are, its variances at its shifts.
    """

    def __init__(self, modulation: Tensor, statistics: Tensor | None) -> None:
        self._modulation, self._given = modulation[0], statistics is not None
        self.statistics = torch.zeros_like(self._modulation) if statistics is None else statistics

    def affine(self, norm: Modulated, x: Tensor) -> tuple[Tensor, Tensor]:
        """Factor and offset, each (channels,), that norm and modulation come down to."""
        scales = slice(norm.start, norm.start + norm.channels)
        shifts = slice(scales.stop, scales.stop + norm.channels)
        if not self._given:
            self.statistics[shifts], self.statistics[scales] = torch.var_mean(x, dim=(0, 2, 3), correction=0)
        factor = (1 + self._modulation[scales]) * torch.rsqrt(self.statistics[shifts] + _EPSILON)
        return factor, self._modulation[shifts] - self.statistics[scales] * factor


@dataclass(frozen=True)
class _Bent:
    """A norm and the Snake behind it: z + sin²(a·z) / a, which is z + c − c·cos(2a·z) with c = 1 / 2a."""

    norm: Modulated
    twice_alpha: Tensor

    def __call__(self, x: Tensor, norms: _Norms) -> Tensor:
        factor, offset = norms.affine(self.norm, x)
        swing = 1 / self.twice_alpha
        angle = torch.addcmul(_wide(self.twice_alpha * offset), x, _wide(self.twice_alpha * factor)).cos_()
        return torch.addcmul(_wide(offset + swing), x, _wide(factor)).addcmul_(angle, _wide(-swing))


class _Block:
    """Three residual steps of two convolutions each (upstream's AdaINResBlock1)."""

    def __init__(self, block: Any) -> None:
        self._steps = [
            (_Bent(one, 2 * alpha.flatten()), _Conv.of(first), _Bent(other, 2 * beta.flatten()), _Conv.of(second))
            for one, alpha, first, other, beta, second in zip(
                block.adain1, block.alpha1, block.convs1, block.adain2, block.alpha2, block.convs2, strict=True
            )
        ]

    def __call__(self, x: Tensor, norms: _Norms) -> Tensor:
        for one, first, other, second in self._steps:
            x = second(other(first(one(x, norms)), norms)) + x
        return x


class Generator:
    """Features and source to sound, with given statistics or with those of the very stretch."""

    def __init__(self, generator: Any) -> None:
        self._stft = generator.stft
        self._into = [_Conv.of(layer) for layer in generator.noise_convs]
        self._source_blocks = [_Block(block) for block in generator.noise_res]
        self._up = [_Conv.of(layer) for layer in generator.ups]
        blocks = [_Block(block) for block in generator.resblocks]
        self._blocks = [blocks[: len(blocks) // 2], blocks[len(blocks) // 2 :]]
        self._out = _Conv.of(generator.conv_post)

    def __call__(
        self, features: Tensor, source: Tensor, modulation: Tensor, statistics: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Sound at 24 kHz, (300·m,), and the statistics that were used, (modulation_size,).

        features: (1, 512, m) for m contour frames; source: (1, 22, 60·m + 1), magnitudes and phases.
        """
        x, statistics = self.spectrum(features, source, modulation, statistics)
        sound: Tensor = self._stft.inverse(torch.exp(x[:, :_SPECTRUM]), torch.sin(x[:, _SPECTRUM:]))
        return sound.flatten(), statistics

    def spectrum(
        self, features: Tensor, source: Tensor, modulation: Tensor, statistics: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Log magnitudes and what phases are the sines of, (1, 22, 60·m + 1), before they become sound."""
        norms = _Norms(modulation, statistics)
        x, source = _flat(features), _flat(source)
        for stage, blocks in enumerate(self._blocks):
            below = self._source_blocks[stage](self._into[stage](source), norms)
            x = self._up[stage](functional.leaky_relu(x, 0.1))
            if stage == len(self._blocks) - 1:  # one step more than the frames hold: upstream mirrors it in
                x = torch.cat([x[..., 1:2], x], dim=-1).contiguous(memory_format=torch.channels_last)
            x = _mean(blocks, x + below, norms)
        return self._out(functional.leaky_relu(x))[:, :, 0], norms.statistics


def _mean(blocks: list[_Block], x: Tensor, norms: _Norms) -> Tensor:
    together = blocks[0](x, norms)
    for block in blocks[1:]:
        together += block(x, norms)
    return together.div_(len(blocks))


def _flat(x: Tensor) -> Tensor:
    return x[:, :, None, :].contiguous(memory_format=torch.channels_last)


def _wide(of_channels: Tensor) -> Tensor:
    return of_channels[None, :, None, None]
