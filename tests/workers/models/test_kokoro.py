"""Kokoro in PyTorch is the network that was published, weight for weight, and says the same as ONNX Runtime."""

from __future__ import annotations

import re
import subprocess
import sys

import librosa
import loguru
import numpy as np
import onnxruntime
import pytest
import torch
from safetensors import safe_open

from workers import models
from workers.models import kokoro_net, kokoro_weights
from workers.models.voice_space import open_voice_space

# espeak's phones of 'I would like some water.'
PHONES = "aɪ wʊd lˈaɪk sˌʌm wˈɔːɾɚ."


@pytest.fixture(scope="module")
def kokoro():
    return kokoro_net.open_kokoro()


def log_mel(samples: np.ndarray) -> np.ndarray:
    mel = librosa.feature.melspectrogram(y=samples, sr=24_000, n_fft=1024, hop_length=256, n_mels=80)
    return np.log(mel + 1e-5)


def test_it_says_what_onnx_runtime_says(kokoro):
    style = open_voice_space().style("am_michael", len(PHONES))[None]
    tokens = np.array([[0, *(kokoro.vocab[phone] for phone in PHONES), 0]])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(
        str(models.path("kokoro-int8") / "kokoro.int8.onnx"), options, providers=["CPUExecutionProvider"]
    )
    published = session.run(None, {"tokens": tokens, "style": style, "speed": np.ones(1, np.float32)})[0].ravel()
    with torch.inference_mode():
        ours, durations = kokoro.forward_with_tokens(torch.from_numpy(tokens), torch.from_numpy(style), 1.0)
    assert durations.shape == (tokens.shape[1],)
    assert len(ours) == len(published)
    # Not 1: ONNX Runtime rounds activations to 8 bits on the way, and the breath of the source is random.
    correlation = np.corrcoef(log_mel(ours.numpy()).ravel(), log_mel(published).ravel())[0, 1]
    assert correlation > 0.98


def test_gradients_reach_the_style_and_leave_the_weights(kokoro):
    style = torch.zeros(1, 256, requires_grad=True)
    kokoro.predictor.F0Ntrain(torch.randn(1, 640, 8), style[:, 128:])[0].sum().backward()
    assert style.grad is not None and style.grad[:, 128:].abs().sum() > 0
    assert not any(parameter.requires_grad for parameter in kokoro.parameters())
    assert not kokoro.training


def test_phones_are_never_logged(kokoro):
    """Upstream logs what is to be said at level DEBUG, which loguru prints unless told otherwise."""
    heard: list[str] = []
    sink = loguru.logger.add(heard.append, level=0)
    with torch.inference_mode():
        kokoro("ˈoʊ", torch.from_numpy(open_voice_space().style("af_heart")[None]))
    loguru.logger.remove(sink)
    assert heard == []


def shapes_of(file: str) -> dict[str, tuple[int, ...]]:
    with safe_open(file, framework="numpy") as opened:
        return {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118


def test_every_tensor_of_the_network_is_in_the_file_and_none_besides(kokoro):
    expected = {name: tuple(tensor.shape) for name, tensor in kokoro.state_dict().items()}
    assert shapes_of(str(models.path("kokoro") / kokoro_net.WEIGHTS)) == expected


def test_a_missing_a_misshapen_and_a_foreign_tensor_are_all_listed():
    weights = {"a.weight": np.zeros((2, 3), np.float32), "c.weight": np.zeros(1, np.float32)}
    with pytest.raises(kokoro_weights.ConversionError) as refused:
        kokoro_weights.strict(weights, {"a.weight": (3, 2), "b.weight": (1,)})
    message = str(refused.value)
    assert re.search(r"a\.weight is \(2, 3\), should be \(3, 2\)", message)
    assert "b.weight is missing" in message and "c.weight has no place" in message


def test_importing_touches_no_device_and_no_text_pipeline():
    code = (
        "import sys, torch; from workers.models import kokoro_net; kokoro_net._kokoro('model');"
        "print(torch.cuda.is_initialized(), {'misaki', 'spacy', 'kokoro.pipeline'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False set()"
