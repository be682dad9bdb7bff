"""CAM++: a second, very different encoder of who is speaking, for the fit to listen through.

A densely connected time-delay network with context-aware masking over 80 Kaldi mel bands (Wang et al. 2023, 'CAM++: A
Fast and Efficient Network for Speaker Verification Using Context-Aware Masking'), with 3D-Speaker's weights, trained on
about 200,000 Chinese and English speakers. It hears silences, channels and pitch less than GE2E does, so what pleases
both is more likely to be the voice. Module names are those of the published weights.
"""

from __future__ import annotations

from typing import cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from workers import models
from workers.contracts import RECOGNITION_RATE_HZ, FloatArray

SIZE = 192
_MELS = 80
_GROWTH, _BOTTLENECK = 32, 128
#: Layers of each dense block, and their dilation.
_BLOCKS = ((12, 1), (24, 2), (16, 2))
#: Frames over which the context of a mask is taken.
_SEGMENT = 100


class CamPlusPlus(nn.Module):
    """(samples,) at 16 kHz to (192,), unit norm; gradients flow."""

    def __init__(self, device: str = "cpu") -> None:
        super().__init__()
        self.head = _Head()
        layers: dict[str, nn.Module] = {"tdnn": _Unit(_Head.channels, 128, 5, stride=2)}
        channels = 128
        for number, (depth, dilation) in enumerate(_BLOCKS, start=1):
            layers[f"block{number}"] = _Dense(channels, depth, dilation)
            channels += depth * _GROWTH
            layers[f"transit{number}"] = _Transit(channels)
            channels //= 2
        layers["out_nonlinear"] = _norm(channels)
        layers["dense"] = _Embedding(2 * channels)
        self.xvector = nn.ModuleDict(layers)
        self.load_state_dict(load_file(models.path("campplus")), strict=True)
        self.requires_grad_(False).eval().to(device)

    def embed(self, samples: FloatArray) -> FloatArray:
        """(samples,) float32 at 16 kHz, of 0.2 s and more, to (192,) float32 of unit norm, without gradients."""
        with torch.inference_mode():
            return cast(FloatArray, self(torch.from_numpy(samples)).numpy())

    def forward(self, samples: Tensor) -> Tensor:
        """See the class. At least 0.2 s, else nan."""
        from torchaudio.compliance import kaldi

        bands = kaldi.fbank(samples[None], num_mel_bins=_MELS, sample_frequency=RECOGNITION_RATE_HZ, dither=0.0)
        x = self.head((bands - bands.mean(0, keepdim=True)).T[None])
        for name, layer in self.xvector.items():
            if name == "dense":
                x = torch.cat([x.mean(-1), x.std(-1)], dim=-1)[..., None]
            x = layer(x)
        embedding: Tensor = functional.normalize(x.flatten(), dim=0)
        return embedding


class _Head(nn.Module):
    """Two-dimensional convolutions over (bands, frames), which leave the frames and take the bands to a tenth."""

    channels = 32 * _MELS // 8

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.layer1 = nn.Sequential(_Residual(2), _Residual(1))
        self.layer2 = nn.Sequential(_Residual(2), _Residual(1))
        self.conv2 = nn.Conv2d(32, 32, 3, stride=(2, 1), padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(32)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(x[:, None])))
        x = functional.relu(self.bn2(self.conv2(self.layer2(self.layer1(x)))))
        return x.flatten(1, 2)


class _Residual(nn.Module):
    def __init__(self, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(32, 32, 3, stride=(stride, 1), padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(32, 32, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(32)
        self.shortcut = nn.Sequential()
        if stride != 1:
            self.shortcut = nn.Sequential(nn.Conv2d(32, 32, 1, stride=(stride, 1), bias=False), nn.BatchNorm2d(32))

    def forward(self, x: Tensor) -> Tensor:
        inner = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(inner + self.shortcut(x))


def _norm(channels: int, *, affine: bool = True) -> nn.Sequential:
    """Batch norm, and a rectifier behind it where it is affine."""
    layers = nn.Sequential()
    layers.add_module("batchnorm", nn.BatchNorm1d(channels, affine=affine))
    if affine:
        layers.add_module("relu", nn.ReLU())
    return layers


class _Unit(nn.Module):
    def __init__(self, into: int, out: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(into, out, kernel, stride=stride, padding=kernel // 2, bias=False)
        self.nonlinear = _norm(out)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.nonlinear(self.linear(x)))


class _Masked(nn.Module):
    """A convolution whose output is weighed by what is around it: the whole, and the second that it lies in."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(_BOTTLENECK, _GROWTH, 3, padding=dilation, dilation=dilation, bias=False)
        self.linear1 = nn.Conv1d(_BOTTLENECK, _BOTTLENECK // 2, 1)
        self.linear2 = nn.Conv1d(_BOTTLENECK // 2, _GROWTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        near = functional.avg_pool1d(x, _SEGMENT, _SEGMENT, ceil_mode=True).repeat_interleave(_SEGMENT, -1)
        context = x.mean(-1, keepdim=True) + near[..., : x.shape[-1]]
        mask = torch.sigmoid(self.linear2(functional.relu(self.linear1(context))))
        return cast(Tensor, self.linear_local(x) * mask)


class _Layer(nn.Module):
    def __init__(self, into: int, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = _norm(into)
        self.linear1 = nn.Conv1d(into, _BOTTLENECK, 1, bias=False)
        self.nonlinear2 = _norm(_BOTTLENECK)
        self.cam_layer = _Masked(dilation)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.cam_layer(self.nonlinear2(self.linear1(self.nonlinear1(x)))))


class _Dense(nn.ModuleDict):
    """Each layer hears the block's input and all the layers before it."""

    def __init__(self, into: int, depth: int, dilation: int) -> None:
        super().__init__({f"tdnnd{n + 1}": _Layer(into + n * _GROWTH, dilation) for n in range(depth)})

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.values():
            x = torch.cat([x, layer(x)], dim=1)
        return x


class _Transit(nn.Module):
    def __init__(self, into: int) -> None:
        super().__init__()
        self.nonlinear = _norm(into)
        self.linear = nn.Conv1d(into, into // 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.linear(self.nonlinear(x)))


class _Embedding(nn.Module):
    def __init__(self, into: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(into, SIZE, 1, bias=False)
        self.nonlinear = _norm(SIZE, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.nonlinear(self.linear(x)))
