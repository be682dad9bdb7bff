"""Nothing is opened whose bytes are not those of the manifest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workers import models
from workers.contracts import SpokenError
from workers.models import catalogue, store


def test_what_is_not_there_is_said_with_what_to_do(world):
    with pytest.raises(SpokenError) as refused:
        models.path("tiny")
    assert refused.value.code == "missing_weights"
    assert "model.bin" in refused.value.message and "samevoice models fetch tiny" in refused.value.message


def test_an_unknown_id_is_refused_by_name(world):
    with pytest.raises(SpokenError) as refused:
        models.path("tinny")
    assert refused.value.code == "unknown_artefact" and "tiny" in refused.value.message


def test_one_flipped_bit_is_refused_and_the_file_named(world):
    models.fetch(source=world.carried)
    file = models.path("tiny") / "model.bin"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(SpokenError) as refused:
        models.path("tiny")
    assert refused.value.code == "damaged_weights"
    assert str(file) in refused.value.message and "samevoice models fetch tiny" in refused.value.message
    assert [status.state for status in models.verify(["tiny"])] == ["damaged"]


def test_a_flip_that_keeps_size_and_time_is_found_by_verify(world):
    """`path` trusts size and time of change within a process; `verify` reads every byte again."""
    models.fetch(source=world.carried)
    file = models.path("tiny") / "model.bin"
    before = file.stat()
    content = bytearray(file.read_bytes())
    content[0] ^= 0x80
    file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert models.verify(["tiny"])[0].state == "damaged"
    with pytest.raises(SpokenError):
        models.path("tiny")


def test_a_file_cut_short_is_refused(world):
    models.fetch(source=world.carried)
    file = models.path("tiny") / "model.bin"
    os.truncate(file, 100)
    with pytest.raises(SpokenError, match="100 bytes") as refused:
        models.path("tiny")
    assert refused.value.code == "damaged_weights"


def test_a_file_is_hashed_once_a_process(world, monkeypatch):
    models.fetch(source=world.carried)
    models.path("tiny")
    monkeypatch.setattr(store.hashlib, "file_digest", lambda *_: pytest.fail("hashed again"))
    models.path("tiny")


def test_the_folder_follows_the_xdg_rules(monkeypatch):
    monkeypatch.delenv("SAMEVOICE_MODELS_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere/cache")
    assert models.folder() == Path("/somewhere/cache/samevoice/models")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert models.folder() == Path.home() / ".cache/samevoice/models"


@pytest.mark.parametrize("name", ["../outside.bin", "/etc/passwd"])
def test_a_manifest_cannot_write_outside_its_folder(world, name):
    world.manifest.write_text(world.manifest.read_text().replace('"config.json"', f'"{name}"', 1))
    with pytest.raises(catalogue.ManifestError, match="leaves its folder"):
        catalogue.load(world.manifest)


def test_every_shipped_artefact_says_what_it_is_and_what_it_weighs():
    manifest = catalogue.load(catalogue.MANIFEST)
    needed = {"whisper-base", "kokoro-int8", "kokoro", "kokoro-voices", "ge2e", "dvector", "perth", "dnsmos"}
    assert needed | {"two-cities", "other-readers", "silero"} <= set(manifest.artefacts)
    for item in manifest.artefacts.values():
        assert item.purpose and item.licence, item.id
        for file in item.files:
            assert file.size > 0 and len(set(file.sha256)) > 8, (item.id, file.path)
        if item.fetched:
            assert item.parts(), f"{item.id} comes from nowhere"
        if not item.files:
            assert item.kind == "hub" and item.optional and item.origin, item.id
    used = {part.archive for item in manifest.artefacts.values() for part in item.parts()}
    assert set(manifest.archives) <= used


def test_model_cards_cover_every_artefact():
    cards = (Path(__file__).parents[3] / "docs" / "models.md").read_text(encoding="utf-8")
    for artefact_id in catalogue.load(catalogue.MANIFEST).artefacts:
        assert f"`{artefact_id}`" in cards, artefact_id


def test_opening_the_room_brings_no_model_library():
    code = "import sys, workers.models.cli; print({'torch', 'onnx', 'transformers', 'kokoro'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
