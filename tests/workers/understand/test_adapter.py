"""What was learned of a patient is added to the very weights that are served, or refused by name."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from whisperx.audio import log_mel_spectrogram

from bench import measure, two_cities
from workers import models
from workers.contracts import SpokenError
from workers.understand import adapter, whisper_file, whisper_net
from workers.understand.adapter import Adapter
from workers.understand.recogniser import Recogniser
from workers.understand.whisper_file import WhisperFile

BASE = "of these weights"


@pytest.fixture(scope="module")
def folder() -> Path:
    return models.path("whisper-base")


@pytest.fixture(scope="module")
def file(folder: Path) -> WhisperFile:
    with (folder / "model.bin").open("rb") as stream:
        return whisper_file.read(stream)


def _adapter(file: WhisperFile, scale: float = 0.0) -> Adapter:
    random = np.random.default_rng(0)
    down, up = {}, {}
    for part in whisper_net.parts(file):
        columns = file.tensors[f"{part.name}/weight"].shape[1]
        down[part.layer] = random.standard_normal((2, columns)).astype(np.float32)
        up[part.layer] = scale * random.standard_normal((part.stop - part.start, 2)).astype(np.float32)
    return Adapter(BASE, down, up, {"utterances": 5})


def test_the_file_is_written_as_it_was_read(folder: Path, file: WhisperFile) -> None:
    assert whisper_file.written(file) == (folder / "model.bin").read_bytes()


@pytest.mark.parametrize("data", [b"", b"\x06\0\0\0", struct.pack("<IH", 6, 8) + b"BertSpe\0", b"\xff" * 64])
def test_another_file_is_refused(data: bytes) -> None:
    with pytest.raises(SpokenError) as refused:
        whisper_file.read(io.BytesIO(data))
    assert refused.value.code == "recogniser_unreadable"


def test_the_network_hears_what_the_served_weights_hear(folder: Path, file: WhisperFile) -> None:
    """Encoded by both, in the short window: the served one in float32 too."""
    import ctranslate2

    clip = measure.resample(two_cities.enrolment()[0].audio, 16_000)
    mel = log_mel_spectrogram(clip.samples, 80, padding=14 * 16_000 - len(clip.samples))[:, :1400]
    with torch.inference_mode():
        ours = whisper_net.build(file, 14.0).model.encoder(mel[None]).last_hidden_state.numpy()
    served = ctranslate2.models.Whisper(str(folder), compute_type="float32")
    theirs = np.array(served.encode(ctranslate2.StorageView.from_array(mel[None].numpy())))
    assert np.abs(ours - theirs).max() < 0.01 * np.abs(theirs).max()


def test_nothing_learned_changes_nothing(file: WhisperFile) -> None:
    same = _adapter(file).onto(file, BASE)
    assert list(same.tensors) == list(file.tensors) and same.aliases == file.aliases
    assert all(np.array_equal(same.tensors[name], array) for name, array in file.tensors.items())


def test_a_move_lands_in_the_layer_that_it_is_for(file: WhisperFile) -> None:
    moved = _adapter(file, 0.01)
    net, other = whisper_net.build(file, 14.0), whisper_net.build(moved.onto(file, BASE), 14.0)
    for name, weight in other.state_dict().items():
        layer = name.removesuffix(".weight")
        if layer in moved.down:
            wanted = net.state_dict()[name].numpy() + moved.up[layer] @ moved.down[layer]
            assert np.allclose(weight.numpy(), wanted, atol=2e-3), name  # float16 in between
        else:
            assert torch.equal(weight, net.state_dict()[name]), name
    assert len(moved.down) == 6 * 6 + 6 * 10


def test_it_comes_back_from_its_bytes(file: WhisperFile) -> None:
    made = _adapter(file, 0.01)
    back = adapter.from_bytes(made.to_bytes())
    assert back.base == made.base and back.about == made.about and back.up.keys() == made.up.keys()
    assert all(np.allclose(back.up[name], made.up[name], atol=1e-3) for name in made.up)


def test_another_models_is_refused(folder: Path, file: WhisperFile) -> None:
    with pytest.raises(SpokenError) as refused:
        Recogniser(folder, adapter=_adapter(file))
    assert refused.value.code == "foreign_adapter" and "Learn it anew" in refused.value.message


def _truncated(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _flipped(data: bytes) -> bytes:
    return data[:20] + bytes([data[20] ^ 0xFF]) + data[21:]


@pytest.mark.parametrize("damage", [_truncated, _flipped, lambda _: b"", lambda _: b"{}" * 40])
def test_a_damaged_one_is_refused(file: WhisperFile, damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(SpokenError) as refused:
        adapter.from_bytes(damage(_adapter(file).to_bytes()))
    assert refused.value.code == "damaged_adapter"


def test_one_that_does_not_fit_is_refused(file: WhisperFile) -> None:
    made = _adapter(file, 0.01)
    layer = next(iter(made.up))
    for up in (made.up[layer][:-1], np.full_like(made.up[layer], np.nan)):
        with pytest.raises(SpokenError) as refused:
            replace(made, up={**made.up, layer: up}).onto(file, BASE)
        assert refused.value.code == "damaged_adapter"


def test_a_newer_ones_is_refused(file: WhisperFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "FORMAT", 2)
    data = _adapter(file).to_bytes()
    monkeypatch.undo()
    with pytest.raises(SpokenError) as refused:
        adapter.from_bytes(data)
    assert refused.value.code == "newer_adapter"
