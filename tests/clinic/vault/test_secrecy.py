"""What the vault writes tells nothing: not the database, not the keystore, not the blobs, not the log."""

from __future__ import annotations

import base64
import logging
from pathlib import Path

import pytest

from clinic.audit import record
from clinic.database import get_engine, new_id, transaction
from clinic.events import get_stream
from clinic.patients.tables import Patient
from clinic.settings import get_settings
from clinic.vault import VaultError, get_vault, sealing
from clinic.vault.keyring import load
from clinic.vault.keystore import DataKey

CANARY = "Nachtigall-Quitte-7391"
SOUND = bytes(range(256)) * 400


def written(home: Path) -> dict[str, bytes]:
    """Every byte below home, but for the keyring itself, which may of course hold its keys."""
    files = {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}
    return {name: content for name, content in files.items() if name != "keys/kek.json"}


def rows() -> bytes:
    """Every value of both databases, for where they are not files."""
    found = []
    for metadata, engine in (
        (Patient.metadata, get_engine()),
        (DataKey.metadata, get_vault().keystore.engine),
    ):
        with engine.connect() as connection:
            for table in metadata.sorted_tables:
                found += [value for row in connection.execute(table.select()) for value in row]
    return b"".join(value if isinstance(value, bytes) else str(value).encode() for value in found)


def spell(secret: bytes) -> list[bytes]:
    """How a secret may be written by mistake."""
    return [secret, base64.b64encode(secret)[:40], secret.hex().encode()[:60]]


def test_no_name_word_sound_or_key_can_be_found_in_what_was_written(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vault, patient_id = get_vault(), new_id()
    vault.create_key(patient_id)
    with transaction() as session:
        patient = Patient(id=patient_id)
        session.add(patient)
        vault.put(patient, "name_sealed", CANARY)
        vault.put(patient, "baseline_sealed", {"said": CANARY})
        record(session, "system", "patient.create", patient_id, count=1)
    blob_id = vault.put_blob(patient_id, SOUND + CANARY.encode())
    get_stream().publish("session:x", patient_id, {"type": "words", "text": CANARY}, SOUND)

    wrapped = vault.keystore.newest(patient_id)
    assert wrapped is not None
    ring = load(get_settings())
    data_key = sealing.unwrap(ring.keys[1], 1, wrapped.wrapped, patient_id, 1)

    everything = {**written(home), "rows": rows(), "log": caplog.text.encode()}
    assert any(blob_id in name for name in everything)
    assert patient_id.encode() in everything["rows"]  # the search does find what is there
    for secret in (CANARY.encode(), SOUND[:64], data_key, ring.keys[1]):
        for spelling in spell(secret):
            assert [name for name, content in everything.items() if spelling in content] == []


def test_the_bytes_of_a_shredded_key_are_gone_from_the_keystores_files(home: Path) -> None:
    if get_settings().keystore_url:
        pytest.skip("PostgreSQL keeps old rows until it vacuums: docs/operations.md says what to do")
    vault, patient_id = get_vault(), new_id()
    vault.create_key(patient_id)
    wrapped = vault.keystore.newest(patient_id)
    assert wrapped is not None

    def found() -> list[str]:
        return [name for name, content in written(home).items() if wrapped.wrapped[4:] in content]

    assert found()
    vault.shred(patient_id)
    assert found() == []


def test_an_old_copy_of_the_database_and_blobs_stays_closed_after_an_erasure(home: Path) -> None:
    vault, patient = get_vault(), Patient(id=new_id())
    vault.create_key(patient.id)
    vault.put(patient, "name_sealed", CANARY)
    backup = Patient(id=patient.id, name_sealed=patient.name_sealed)
    vault.shred(patient.id)
    get_vault.cache_clear()
    with pytest.raises(VaultError) as caught:
        get_vault().get_text(backup, "name_sealed")
    assert caught.value.code == "erased"


def test_errors_and_logs_of_what_fails_to_open_quote_nothing(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    vault, patient = get_vault(), Patient(id=new_id())
    vault.create_key(patient.id)
    vault.put(patient, "name_sealed", CANARY)
    patient.name_sealed = patient.name_sealed[:-1] + bytes([patient.name_sealed[-1] ^ 1])
    with pytest.raises(VaultError) as caught:
        vault.get_text(patient, "name_sealed")
    assert CANARY not in f"{caught.value} {caught.getrepr(showlocals=False)} {caplog.text}"
    assert caught.value.__cause__ is None
