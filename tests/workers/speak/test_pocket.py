"""The second engine on a small network with random weights of Kyutai's own layout: the mechanics, not the sound."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split

from workers import models
from workers.contracts import Audio, Clip, Manner, SpokenError, Stopped, Voice
from workers.models.cli import models as models_command
from workers.models.pocket_net import PocketNet, configured
from workers.speak.pocket import FIRST_FRAMES, PocketEngine

LETTERS = ["[UNK]", *"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,!?'-"]
FRAME = 1920  # 80 ms at 24 kHz
TEXT = "I am here. Please call my daughter, and tell her that I am well."


def _config() -> dict[str, object]:
    """Kyutai's layout in small: 12.5 frames a second, Mimi's ratios over two convolutions fewer."""
    seanet = {
        "dimension": 16, "channels": 1, "n_filters": 4, "n_residual_layers": 1, "ratios": [6, 5, 4], "kernel_size": 7,
        "residual_kernel_size": 3, "last_kernel_size": 3, "dilation_base": 2, "pad_mode": "constant", "compress": 2,
    }  # fmt: skip
    transformer = {
        "d_model": 16, "num_heads": 2, "num_layers": 1, "layer_scale": 0.01, "context": 250, "dim_feedforward": 32,
        "input_dimension": 16, "output_dimensions": [16],
    }  # fmt: skip
    return {
        "weights_path": "hf://kyutai/pocket-tts/never-asked-for.safetensors@0",
        "flow_lm": {
            "dtype": "float32",
            "insert_bos_before_voice": True,
            "flow": {"dim": 16, "depth": 1},
            "transformer": {
                "hidden_scale": 2, "max_period": 10_000, "d_model": 32, "num_heads": 2, "num_layers": 2
            },
            "lookup_table": {
                "dim": 32, "n_bins": len(LETTERS), "tokenizer": "tokenizers",
                "tokenizer_path": "hf://kyutai/pocket-tts/never-asked-for.json@0",
            },
        },
        "mimi": {
            "dtype": "float32", "sample_rate": 24_000, "inner_dim": 8, "outer_dim": 16, "channels": 1,
            "frame_rate": 12.5, "seanet": seanet, "transformer": transformer,
            "quantizer": {"dimension": 8, "output_dimension": 16},
        },
    }  # fmt: skip


def _release(folder: Path, *, ends: bool = True) -> None:
    """Three files as a hospital would have them. `ends`: the network ends a sentence as soon as it may, or never."""
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(_config()), encoding="utf-8")
    tokenizer = Tokenizer(WordLevel({letter: place for place, letter in enumerate(LETTERS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Split("", "isolated")
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(1)
    net = PocketNet(configured(folder / "config.yaml", folder / "tokenizer.json"))
    with torch.no_grad():
        net.flow_lm.speaker_proj_weight.normal_()
        net.flow_lm.out_eos.weight.zero_()
        net.flow_lm.out_eos.bias.fill_(10.0 if ends else -10.0)
    save_file({name: tensor.contiguous() for name, tensor in net.state_dict().items()}, folder / "model.safetensors")


def _adopt(folder: Path) -> None:
    done = CliRunner().invoke(models_command, ["adopt", "pocket-tts", "--from", str(folder), "--revision", "test"])
    assert done.exit_code == 0, done.output


@pytest.fixture
def hospital(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for a release; the weights' own folder is empty."""
    monkeypatch.setenv("SAMEVOICE_MODELS_DIR", str(tmp_path / "weights"))
    yield tmp_path / "release"


@pytest.fixture
def pocket(hospital: Path) -> PocketEngine:
    """The engine on adopted weights."""
    _release(hospital)
    _adopt(hospital)
    return PocketEngine()


@pytest.fixture
def patient(pocket: PocketEngine) -> Voice:
    """A voice from ten seconds of sound."""
    return pocket.fit(_clips()[:5])


def _clips() -> list[Clip]:
    """Noise in place of the reading: these tests need no fetched weights, and nothing here judges sound."""
    random = np.random.default_rng(2)
    return [Clip(Audio((0.1 * random.standard_normal(48_000)).astype(np.float32), 24_000), "") for _ in range(20)]


def test_without_weights_the_error_names_the_file_and_says_how_to_adopt(hospital: Path) -> None:
    with pytest.raises(SpokenError) as refused:
        PocketEngine()
    assert refused.value.code == "missing_weights"
    assert "pocket-tts" in refused.value.message and "models adopt pocket-tts" in refused.value.message


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.yaml"])
def test_a_release_that_lacks_a_file_is_named(hospital: Path, name: str) -> None:
    _release(hospital)
    (hospital / name).unlink()
    _adopt(hospital)
    with pytest.raises(SpokenError) as refused:
        PocketEngine()
    assert refused.value.code == "missing_weights" and name in refused.value.message


def test_a_tensor_too_few_or_too_many_is_refused(hospital: Path) -> None:
    _release(hospital)
    weights = load_file(hospital / "model.safetensors")
    first = next(iter(weights))
    for changed in ({**weights, "added": torch.zeros(1)}, {name: weights[name] for name in weights if name != first}):
        save_file(changed, hospital / "model.safetensors")
        _adopt(hospital)
        with pytest.raises(SpokenError) as refused:
            PocketEngine()
        assert refused.value.code == "damaged_weights"


def test_the_release_without_cloning_is_refused(hospital: Path) -> None:
    _release(hospital)
    weights = load_file(hospital / "model.safetensors")
    weights["flow_lm.speaker_proj_weight"] = torch.zeros_like(weights["flow_lm.speaker_proj_weight"])
    save_file(weights, hospital / "model.safetensors")
    _adopt(hospital)
    with pytest.raises(SpokenError) as refused:
        PocketEngine()
    assert refused.value.code == "no_cloning"


def test_changed_weights_are_not_opened(pocket: PocketEngine) -> None:
    file = models.folder() / "pocket-tts" / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(SpokenError) as refused:
        PocketEngine()
    assert refused.value.code == "damaged_weights"


def test_a_voice_is_the_patients_own_clips_and_nothing_else(pocket: PocketEngine, patient: Voice) -> None:
    assert (patient.engine, patient.model, patient.revision) == ("pocket-tts", "pocket-tts", pocket.revision)
    frames, width = patient.vectors["latents"].shape
    assert width == 8 and frames == pytest.approx(10.0 * 12.5, abs=3)
    longest = pocket.fit(_clips())
    assert longest.vectors["latents"].shape[0] <= 30.2 * 12.5


def test_speech_comes_in_pieces_at_24_khz_and_depends_on_the_voice(pocket: PocketEngine, patient: Voice) -> None:
    torch.manual_seed(5)
    spoken = list(pocket.say(TEXT, patient))
    assert [piece.last for piece in spoken] == [False] * (len(spoken) - 1) + [True]
    assert " ".join(piece.text for piece in spoken if piece.text) == TEXT
    assert all(piece.audio.rate_hz == 24_000 and len(piece.audio.samples) % FRAME == 0 for piece in spoken)
    assert len(spoken[0].audio.samples) == FIRST_FRAMES * FRAME
    assert all(np.isfinite(piece.audio.samples).all() and np.abs(piece.audio.samples).max() > 0 for piece in spoken)
    other = replace(patient, vectors={"latents": patient.vectors["latents"] + 1})
    torch.manual_seed(5)
    assert not np.allclose(next(pocket.say(TEXT, other)).audio.samples, spoken[0].audio.samples, atol=1e-4)


def test_sound_in_pieces_is_the_sound_in_one(pocket: PocketEngine, patient: Voice) -> None:
    from workers.speak.pocket import _Decoder

    latents = torch.randn(1, 12, 8)
    with torch.inference_mode():
        whole = _Decoder(pocket._net).sound(latents)
        pieces = _Decoder(pocket._net)
        streamed = np.concatenate([pieces.sound(latents[:, start : start + 4]) for start in (0, 4, 8)])
    np.testing.assert_allclose(streamed, whole, atol=1e-5)


def test_loudness_can_be_steered(pocket: PocketEngine, patient: Voice) -> None:
    torch.manual_seed(3)
    usual = next(pocket.say("I am here.", patient)).audio.samples
    torch.manual_seed(3)
    quiet = next(pocket.say("I am here.", patient, Manner(gain_db=-12.0))).audio.samples
    assert np.abs(quiet).max() < 0.4 * np.abs(usual).max()


def test_cancelling_stops_within_a_piece(hospital: Path) -> None:
    _release(hospital, ends=False)
    _adopt(hospital)
    engine = PocketEngine()
    voice = engine.fit(_clips()[:5])
    asked: list[None] = []
    spoken = engine.say(TEXT, voice, cancelled=lambda: len(asked) > 4 or asked.append(None) is not None)
    with pytest.raises(Stopped):
        next(spoken)


def test_a_network_that_does_not_end_is_stopped_and_said(hospital: Path) -> None:
    _release(hospital, ends=False)
    _adopt(hospital)
    engine = PocketEngine()
    with pytest.raises(SpokenError) as refused:
        list(engine.say("Yes.", engine.fit(_clips()[:5])))
    assert refused.value.code == "ran_on"


@pytest.mark.parametrize("change", [{"revision": "0" * 16}, {"model": "other"}, {"engine": "kokoro"}])
def test_a_voice_of_another_engine_is_refused(pocket: PocketEngine, patient: Voice, change: dict[str, str]) -> None:
    with pytest.raises(SpokenError) as refused:
        next(pocket.say(TEXT, replace(patient, **change)))
    assert refused.value.code == "wrong_voice"


@pytest.mark.parametrize("text", ["", "😀", "<break time='1s'/>", "水", "word " * 1_000])
def test_what_cannot_be_spoken_is_refused_in_the_same_words(pocket: PocketEngine, patient: Voice, text: str) -> None:
    with pytest.raises(SpokenError) as refused:
        next(pocket.say(text, patient))
    assert refused.value.code in ("nothing_to_say", "other_script", "text_too_long")


def test_bad_material_and_another_engines_checkpoint_are_refused(pocket: PocketEngine) -> None:
    silence = [Clip(Audio(np.zeros(240_000, np.float32), 24_000), "")]
    for clips in ([], _clips()[:1], silence):
        with pytest.raises(SpokenError) as refused:
            pocket.fit(clips)
        assert refused.value.code == "too_little_speech"
    with pytest.raises(SpokenError) as refused:
        pocket.fit(_clips(), checkpoint=b"x")
    assert refused.value.code == "wrong_checkpoint"
    with pytest.raises(Stopped):
        pocket.fit(_clips(), cancelled=lambda: True)


def test_no_predefined_voice_and_no_downloader_is_ever_imported() -> None:
    code = (
        "import sys, torch; before = torch.get_num_threads(); "
        "from workers.models.pocket_net import layers; layers('models.flow_lm'); layers('models.mimi'); "
        "bad = {'pocket_tts.models.tts_model', 'pocket_tts.main', 'requests', 'huggingface_hub'} & set(sys.modules); "
        "voices = sys.modules['pocket_tts.utils.utils']._ORIGINS_OF_PREDEFINED_VOICES; "
        "sys.exit(f'{bad} {voices}' if bad or any(voices.values()) or torch.get_num_threads() != before else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
