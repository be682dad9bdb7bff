"""What our own code makes out of fetched weights is pinned before and after."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.workers.models.conftest import sha256
from workers import models
from workers.contracts import SpokenError
from workers.models import converters
from workers.models.kokoro_weights import ConversionError
from workers.models.tensors import write_tensors


def loud(sources: Path, target: Path) -> None:
    (target / "loud.bin").write_bytes((sources / "model.bin").read_bytes().upper())


def forgetful(sources: Path, target: Path) -> None:
    (target / "loud.bin").write_bytes((sources / "model.bin").read_bytes().upper()[:-1])


def failing(sources: Path, target: Path) -> None:
    (target / "loud.bin").write_bytes(b"half")
    raise ConversionError("decoder.weight is missing")


@pytest.fixture
def derived(world):
    """The small world, and an artefact made from its model."""
    made, source = world.model.upper(), world.model
    with world.manifest.open("a", encoding="utf-8") as stream:
        stream.write(f"""
[[artefact]]
id = "loud"
purpose = "Stands for a converted model"
licence = "Apache-2.0"
kind = "derived"
converter = "loud"
entry = "loud.bin"
  [[artefact.source]]
  path = "model.bin"
  size = {len(source)}
  sha256 = "{sha256(source)}"
  parts = [{{ artefact = "tiny", member = "model.bin" }}]
  [[artefact.file]]
  path = "loud.bin"
  size = {len(made)}
  sha256 = "{sha256(made)}"
""")
    return world


def test_asked_for_by_itself_it_brings_what_it_is_made_from(derived, monkeypatch):
    monkeypatch.setitem(converters.CONVERTERS, "loud", loud)
    assert models.fetch(["loud"], source=derived.carried) == ["tiny", "loud"]
    assert models.path("loud").read_bytes() == derived.model.upper()


@pytest.mark.parametrize("converter", [forgetful, failing])
def test_what_comes_out_otherwise_is_not_installed(derived, monkeypatch, converter):
    monkeypatch.setitem(converters.CONVERTERS, "loud", converter)
    with pytest.raises(SpokenError) as refused:
        models.fetch(source=derived.carried)
    assert refused.value.code == "conversion_failed"
    assert not (derived.folder / "loud").exists()
    with pytest.raises(SpokenError, match="samevoice models fetch loud"):
        models.path("loud")


def test_tensors_are_written_in_the_common_format_and_always_alike(tmp_path):
    first = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.array([1, 2], np.int64)}
    write_tensors(tmp_path / "one", first, {"names": "x y"})
    write_tensors(tmp_path / "two", dict(reversed(first.items())), {"names": "x y"})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    read = load_file(tmp_path / "one")
    assert all(np.array_equal(read[name], first[name]) for name in first)
    # A view in another memory order is written by its values.
    write_tensors(tmp_path / "three", {"b": np.asfortranarray(first["b"])})
    assert np.array_equal(load_file(tmp_path / "three")["b"], first["b"])


def test_an_unforeseen_dtype_is_an_error_and_not_a_guess(tmp_path):
    with pytest.raises(KeyError):
        write_tensors(tmp_path / "half", {"a": np.zeros(3, np.float16)})
