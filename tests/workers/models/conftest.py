"""A small world of weights: a package archive, a manifest that names it, and an empty weights folder."""

from __future__ import annotations

import hashlib
import textwrap
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from workers.models import catalogue, store


def sha256(content: bytes) -> str:
    """Of some bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


FIRST, SECOND, SETTINGS = b"first half, " * 500, b"second half." * 300, b'{"layers": 6}'


@dataclass
class World:
    """Where things are. `archive` holds a model in two parts and its settings."""

    folder: Path
    carried: Path
    archive: Path
    manifest: Path
    model: bytes = field(default=FIRST + SECOND)

    def write_manifest(self, *, model_sha256: str = "", archive_sha256: str = "") -> None:
        """The truth, unless another hash is asked for."""
        whole = self.archive.read_bytes()
        self.manifest.write_text(
            textwrap.dedent(f"""
            [archives.tiny-model]
            version = "1.0"
            wheel = "tiny_model-1.0-py3-none-any.whl"
            size = {len(whole)}
            sha256 = "{archive_sha256 or sha256(whole)}"

            [[artefact]]
            id = "tiny"
            purpose = "Stands for a model"
            licence = "Apache-2.0"
            kind = "package"
              [[artefact.file]]
              path = "model.bin"
              size = {len(self.model)}
              sha256 = "{model_sha256 or sha256(self.model)}"
              parts = [
                {{ archive = "tiny-model", member = "tiny_model/part1" }},
                {{ archive = "tiny-model", member = "tiny_model/part2" }},
              ]
              [[artefact.file]]
              path = "config.json"
              size = {len(SETTINGS)}
              sha256 = "{sha256(SETTINGS)}"
              parts = [{{ archive = "tiny-model", member = "tiny_model/config.json" }}]

            [[artefact]]
            id = "brought"
            purpose = "Stands for what a hospital brings"
            licence = "MIT"
            kind = "hub"
            origin = "somebody/something"
            optional = true
            """),
            encoding="utf-8",
        )


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The small world; SAMEVOICE_MODELS_DIR points into it."""
    carried = tmp_path / "carried"
    carried.mkdir()
    archive = carried / "tiny_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("tiny_model/part1", FIRST)
        opened.writestr("tiny_model/part2", SECOND)
        opened.writestr("tiny_model/config.json", SETTINGS)
        opened.writestr("tiny_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
        opened.writestr("tiny_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        opened.writestr("tiny_model-1.0.dist-info/RECORD", "")
        # A package's own code: if it is ever run, a test says so.
        opened.writestr("tiny_model/__init__.py", "raise SystemExit('the package was imported')")
    made = World(tmp_path / "weights", carried, archive, tmp_path / "manifest.toml")
    made.write_manifest()
    monkeypatch.setenv("SAMEVOICE_MODELS_DIR", str(made.folder))
    monkeypatch.setattr(catalogue, "MANIFEST", made.manifest)
    assert store.folder() == made.folder
    yield made
