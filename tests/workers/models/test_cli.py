"""`samevoice models …` as an administrator meets it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from workers import models
from workers.contracts import SpokenError
from workers.models.cli import models as command


@pytest.fixture
def run(world):
    def invoke(*arguments: str):
        return CliRunner().invoke(command, arguments)

    return invoke


def test_fetch_verify_list(run, world):
    fetched = run("fetch", "--from", str(world.carried), "--json")
    assert fetched.exit_code == 0
    assert json.loads(fetched.stdout) == {"ok": True, "folder": str(world.folder), "fetched": ["tiny"]}
    assert "Getting tiny-model" in fetched.stderr

    verified = run("verify", "--json")
    assert verified.exit_code == 0
    assert {a["id"]: a["state"] for a in json.loads(verified.stdout)["artefacts"]} == {
        "tiny": "ok",
        "brought": "absent",
    }

    listed = json.loads(run("list", "--json").stdout)["artefacts"]
    tiny = next(artefact for artefact in listed if artefact["id"] == "tiny")
    assert tiny["licence"] == "Apache-2.0" and tiny["size"] == sum(f["size"] for f in tiny["files"].values())
    assert "Stands for a model" in run("list").stdout


def test_verify_fails_where_a_byte_is_wrong(run, world):
    run("fetch", "--from", str(world.carried))
    file = world.folder / "tiny" / "model.bin"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    outcome = run("verify", "--json")
    assert outcome.exit_code == 1
    document = json.loads(outcome.stdout)
    assert document["ok"] is False and "damaged" in {a["state"] for a in document["artefacts"]}
    spoken = run("verify")
    assert spoken.exit_code == 1 and "DAMAGED" in spoken.stdout and str(file) in spoken.stderr


def test_verify_fails_where_something_needed_is_missing(run):
    outcome = run("verify")
    assert outcome.exit_code == 1 and "samevoice models fetch tiny" in outcome.stderr


def test_errors_are_one_json_object_too(run, world):
    world.archive.unlink()
    outcome = run("fetch", "--from", str(world.carried), "--json")
    assert outcome.exit_code == 1
    assert json.loads(outcome.stdout)["error"]["code"] == "archive_not_found"
    assert run("verify", "nothing-like-it").exit_code == 1


def test_the_list_of_archives_to_carry_can_be_checked_with_sha256sum(run, world):
    line = run("fetch", "--archives").stdout.strip()
    digest, name = line.split("  ")
    assert name == world.archive.name and len(digest) == 64


def test_a_hospital_brings_its_own_and_it_is_guarded_like_ours(run, world, tmp_path):
    brought = tmp_path / "snapshot"
    (brought / "deep").mkdir(parents=True)
    (brought / "deep" / "encoder.ckpt").write_bytes(b"weights of theirs")
    # A hub's cache holds links.
    (brought / "hyperparams.yaml").symlink_to(brought / "deep" / "encoder.ckpt")
    outcome = run("adopt", "brought", "--from", str(brought), "--revision", "abc123", "--json")
    assert outcome.exit_code == 0, outcome.stderr
    assert set(json.loads(outcome.stdout)["files"]) == {"deep/encoder.ckpt", "hyperparams.yaml"}
    home = models.path("brought")
    assert not (home / "hyperparams.yaml").is_symlink()
    assert models.manifest().artefacts["brought"].revision == "abc123"

    (home / "deep" / "encoder.ckpt").write_bytes(b"weights of others")
    with pytest.raises(SpokenError) as refused:
        models.path("brought")
    assert refused.value.code == "damaged_weights" and "adopt brought" in refused.value.message


def test_an_own_model_under_an_id_of_ours_replaces_it(run, world, tmp_path):
    brought = tmp_path / "own"
    brought.mkdir()
    (brought / "model.bin").write_bytes(b"a better one")
    assert run("adopt", "tiny", "--from", str(brought), "--revision", "2").exit_code == 0
    assert (models.path("tiny") / "model.bin").read_bytes() == b"a better one"
    assert "(pinned here)" in run("list").stdout
    assert run("fetch").exit_code == 0, "nothing is left to fetch"


def test_a_pin_must_say_what_it_is(run, tmp_path):
    outcome = run("adopt", "mystery", "--from", str(tmp_path), "--revision", "1")
    assert outcome.exit_code == 1 and "purpose" in outcome.stderr
    empty = tmp_path / "empty"
    empty.mkdir()
    assert run("adopt", "brought", "--from", str(empty), "--revision", "1").exit_code == 1
