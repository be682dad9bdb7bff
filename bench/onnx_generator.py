"""The generator in ONNX Runtime, to be timed beside PyTorch. It is measured, not used: see docs/streaming.md."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from workers import models
from workers.contracts import FloatArray
from workers.speak.generator import Generator


class _Spectrum(nn.Module):
    """The generator up to its inverse transform, which ONNX's exporter does not take."""

    def __init__(self, generator: Generator, modulation: Tensor, statistics: Tensor) -> None:
        super().__init__()
        self._generator, self._modulation, self._statistics = generator, modulation, statistics

    def forward(self, features: Tensor, source: Tensor) -> Tensor:
        return self._generator.spectrum(features, source, self._modulation, self._statistics)[0]


class OnnxGenerator:
    """One voice's generator, exported with its statistics and opened on two threads."""

    def __init__(self, generator: Generator, modulation: Tensor, statistics: Tensor, threads: int) -> None:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file = Path(folder) / "generator.onnx"
            example = (torch.zeros(1, 512, 24), torch.zeros(1, 22, 1441))
            torch.onnx.export(
                _Spectrum(generator, modulation.clone(), statistics.clone()), example, str(file),
                input_names=["features", "source"], output_names=["spectrum"], opset_version=17, dynamo=False,
                dynamic_axes={"features": {2: "frames"}, "source": {2: "steps"}, "spectrum": {2: "steps"}},
            )  # fmt: skip
            self._session = onnxruntime.InferenceSession(
                file.read_bytes(), _options(threads), providers=["CPUExecutionProvider"]
            )

    def __call__(self, features: Tensor, source: Tensor) -> FloatArray:
        given = {"features": features.numpy(), "source": source.numpy()}
        spectrum: FloatArray = self._session.run(None, given)[0]
        return spectrum


class PublishedInt8:
    """Kokoro as published for ONNX Runtime, 8-bit: the whole network, phones to sound."""

    def __init__(self, threads: int) -> None:
        path = models.path("kokoro-int8") / "kokoro.int8.onnx"
        self._session = onnxruntime.InferenceSession(str(path), _options(threads), providers=["CPUExecutionProvider"])

    def __call__(self, tokens: list[int], style: FloatArray) -> FloatArray:
        given = {"tokens": np.array([[0, *tokens, 0]]), "style": style[None], "speed": np.ones(1, np.float32)}
        sound: FloatArray = self._session.run(None, given)[0].ravel()
        return sound


def _options(threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    return options
