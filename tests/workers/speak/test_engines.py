"""A voice is spoken by the engine that built it, or not at all; engines are found by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from clinic.settings import get_settings
from workers.contracts import SpokenError, Voice
from workers.speak import engines
from workers.tasks import rooms


class _Named:
    """Stands for an engine; only its name is asked for."""

    def __init__(self, name: str) -> None:
        self.name = name


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """Which engines were opened. Kokoro opens at once here; Pocket TTS has no weights."""
    names: list[str] = []
    real = engines.open_engine

    def opening(name: str, device: str = "cpu") -> object:
        if name != "kokoro" or device != "cpu":
            return real(name, device)
        names.append(name)
        return _Named(name)

    monkeypatch.setattr(engines, "open_engine", opening)
    monkeypatch.setenv("SAMEVOICE_MODELS_DIR", str(tmp_path))
    rooms._engine.cache_clear()
    get_settings.cache_clear()
    yield names
    rooms._engine.cache_clear()
    get_settings.cache_clear()


def _voice(engine: str) -> Voice:
    return Voice(engine, "m", "r", {"style": np.zeros(1, np.float32)}, {})


def test_kokoro_is_the_engine_unless_another_is_set(opened: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert rooms.engine().name == "kokoro" and rooms.engine() is rooms.engine("kokoro") and opened == ["kokoro"]
    monkeypatch.setenv("SAMEVOICE_ENGINE", "pocket-tts")
    get_settings.cache_clear()
    with pytest.raises(SpokenError) as refused:
        rooms.engine()
    assert refused.value.code == "missing_weights" and "models adopt pocket-tts" in refused.value.message


def test_a_voice_keeps_the_engine_it_was_built_with(opened: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMEVOICE_ENGINE", "pocket-tts")
    get_settings.cache_clear()
    assert rooms.engine_of(_voice("kokoro")).name == "kokoro"


@pytest.mark.parametrize(("engine", "why"), [("pocket-tts", "models adopt"), ("gone", "There is no engine called")])
def test_a_voice_whose_engine_is_not_here_is_not_spoken_in_another(opened: list[str], engine: str, why: str) -> None:
    with pytest.raises(SpokenError) as refused:
        rooms.engine_of(_voice(engine))
    assert refused.value.code == "engine_missing" and engine in refused.value.message and why in refused.value.message
    assert opened == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="here is a GPU")
def test_a_gpu_that_is_asked_for_and_not_there_is_said_and_nothing_else_is_used(
    opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMEVOICE_DEVICE", "cuda")
    get_settings.cache_clear()
    with pytest.raises(SpokenError) as refused:
        rooms.engine()
    assert refused.value.code == "no_gpu" and "SAMEVOICE_DEVICE" in refused.value.message and opened == []
