"""Rotating the key-encryption key by hand, as hospital IT does it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from clinic.database import new_id
from clinic.settings import get_settings
from clinic.vault import Vault, VaultError, get_vault, rotation
from clinic.vault.cli import keys
from clinic.vault.keyring import keyring_path


def run(*arguments: str) -> Any:
    """`samevoice keys … --json`: what it prints, read back."""
    result = CliRunner().invoke(keys, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(*arguments: str) -> str:
    """`samevoice keys …` that fails: what it says."""
    result = CliRunner().invoke(keys, [*arguments])
    assert result.exit_code == 1
    return result.output


@pytest.fixture
def blobs(home: Path) -> dict[str, str]:
    """Three patients, each with something sealed."""
    made = {}
    for _ in range(3):
        patient_id = new_id()
        get_vault().create_key(patient_id)
        made[patient_id] = get_vault().put_blob(patient_id, patient_id.encode())
    return made


def all_open(vault: Vault, blobs: dict[str, str]) -> bool:
    """True when every patient's blob opens."""
    return all(vault.get_blob(patient, blob) == patient.encode() for patient, blob in blobs.items())


def test_a_rotation_from_the_first_step_to_the_last(blobs: dict[str, str]) -> None:
    old_worker = Vault(get_settings())
    assert all_open(old_worker, blobs)
    before = keyring_path(get_settings()).read_text()

    assert run("add") == {"added": 2}
    assert run("promote", "2") == {"active": 2}
    newcomer = new_id()
    old_worker.create_key(newcomer)  # a process from before the rotation uses the key that is active now
    blobs[newcomer] = old_worker.put_blob(newcomer, newcomer.encode())
    assert [(key["version"], key["data_keys"]) for key in run("status")["keys"]] == [(1, 3), (2, 1)]
    assert "still wraps" in refused("retire", "1")

    assert run("rewrap") == {"rewrapped": 3, "active": 2}
    assert run("rewrap") == {"rewrapped": 0, "active": 2}
    assert all_open(Vault(get_settings()), blobs)
    assert run("retire", "1") == {"retired": 1}
    assert all_open(Vault(get_settings()), blobs)

    only_old = Vault(get_settings().model_copy(update={"kek": before}))
    with pytest.raises(VaultError) as caught:
        all_open(only_old, blobs)
    assert caught.value.code == "wrong_key"


def test_a_worker_that_runs_through_a_rotation_opens_everything(blobs: dict[str, str]) -> None:
    from clinic.vault.cache import KeyCache

    worker = Vault(get_settings(), cache=KeyCache(keep_s=0.0))  # never from the cache
    assert all_open(worker, blobs)
    rotation.promote(get_settings(), rotation.add(get_settings()))
    assert all_open(worker, blobs)
    rotation.rewrap(get_settings(), worker.keystore)
    assert all_open(worker, blobs)
    rotation.retire(get_settings(), worker.keystore, 1)
    assert all_open(worker, blobs)


def test_a_patient_erased_while_keys_are_rewrapped_stays_erased(blobs: dict[str, str]) -> None:
    rotation.promote(get_settings(), rotation.add(get_settings()))
    erased: list[str] = []

    def erase_the_last() -> None:
        if not erased:
            left = get_vault().keystore.not_under(2)
            erased.append(left[-1].patient_id)
            get_vault().shred(erased[0])

    assert rotation.rewrap(get_settings(), get_vault().keystore, erase_the_last) == 2
    assert not get_vault().has_key(erased[0])


def test_mistakes_are_said_plainly_and_change_nothing(blobs: dict[str, str]) -> None:
    path = keyring_path(get_settings())
    before = path.read_bytes()
    assert "holds no key 9" in refused("promote", "9")
    assert "active" in refused("retire", "1")
    assert path.read_bytes() == before
    path.unlink()
    assert "There is no keyring" in refused("status")


def test_a_key_that_is_missing_is_shown(blobs: dict[str, str]) -> None:
    before = keyring_path(get_settings()).read_bytes()
    run("add")
    run("promote", "2")
    run("rewrap")
    keyring_path(get_settings()).write_bytes(before)
    result = CliRunner().invoke(keys, ["status"])
    assert "MISSING" in result.output
    assert "=" not in result.output  # no key in base64


def test_a_keyring_that_containers_may_read_stays_readable(blobs: dict[str, str]) -> None:
    """deploy/make-secrets makes it 0444 in a closed folder: a rotation must not lock the services out."""
    path = keyring_path(get_settings())
    run("add")
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o444)
    run("promote", "2")
    assert path.stat().st_mode & 0o777 == 0o444
    assert [file.name for file in path.parent.iterdir() if file.name.startswith(".")] == []
