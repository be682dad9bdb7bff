"""The vault as every other room uses it."""

from __future__ import annotations

import io
import os
import resource
from pathlib import Path

import pytest

from clinic.database import new_id
from clinic.patients.tables import Patient
from clinic.settings import Settings, get_settings
from clinic.vault import Vault, VaultError, create_keyring, get_vault
from clinic.vault.cache import KeyCache
from clinic.vault.keyring import Keyring, keyring_path
from clinic.voices.tables import Voice


@pytest.fixture
def patient_id(home: Path) -> str:
    """A patient with a key."""
    patient_id = new_id()
    get_vault().create_key(patient_id)
    return patient_id


def code(caught: pytest.ExceptionInfo[VaultError]) -> str:
    """The error's code."""
    return caught.value.code


def test_a_row_gives_back_what_was_put_into_it(patient_id: str) -> None:
    patient = Patient(id=patient_id)
    voice = Voice(id=new_id(), patient_id=patient_id)
    vault = get_vault()
    vault.put(patient, "name_sealed", "Zoë Müller")
    vault.put(patient, "baseline_sealed", {"pitch_hz": 118.5, "said": ["ü", None]})
    vault.put(voice, "vectors_sealed", b"\x00\xff" * 100, binding="kokoro-82m@r1")
    assert vault.get_text(patient, "name_sealed") == "Zoë Müller"
    assert vault.get_json(patient, "baseline_sealed") == {"pitch_hz": 118.5, "said": ["ü", None]}
    assert vault.get_bytes(voice, "vectors_sealed", binding="kokoro-82m@r1") == b"\x00\xff" * 100


def test_a_voice_does_not_open_for_another_model_or_revision_or_in_another_row(patient_id: str) -> None:
    vault, voice = get_vault(), Voice(id=new_id(), patient_id=patient_id)
    vault.put(voice, "vectors_sealed", b"style", binding="kokoro-82m@r2")
    other = Voice(id=new_id(), patient_id=patient_id, vectors_sealed=voice.vectors_sealed)
    for row, binding in ((voice, "kokoro-82m@r1"), (voice, ""), (other, "kokoro-82m@r2")):
        with pytest.raises(VaultError) as caught:
            vault.get_bytes(row, "vectors_sealed", binding=binding)
        assert code(caught) == "tampered"


def test_one_patients_things_do_not_open_as_anothers(patient_id: str) -> None:
    vault, somebody_else = get_vault(), new_id()
    vault.create_key(somebody_else)
    voice = Voice(id=new_id(), patient_id=patient_id)
    vault.put(voice, "vectors_sealed", b"style")
    blob_id = vault.put_blob(patient_id, b"sound")
    voice.patient_id = somebody_else
    with pytest.raises(VaultError) as caught:
        vault.get_bytes(voice, "vectors_sealed")
    assert code(caught) == "tampered"
    with pytest.raises(VaultError) as caught:
        vault.get_blob(somebody_else, blob_id)
    assert code(caught) == "tampered"


def test_a_row_needs_its_id_first(patient_id: str) -> None:
    with pytest.raises(ValueError, match="id"):
        get_vault().put(Voice(patient_id=patient_id), "vectors_sealed", b"style")


def test_nothing_opens_after_a_patient_was_erased_nor_is_anything_sealed(patient_id: str) -> None:
    vault, patient = get_vault(), Patient(id=patient_id)
    vault.put(patient, "name_sealed", "somebody")
    blob_id = vault.put_blob(patient_id, b"sound")
    vault.shred(patient_id)
    assert not vault.has_key(patient_id)
    for attempt in (
        lambda: vault.get_text(patient, "name_sealed"),
        lambda: vault.get_blob(patient_id, blob_id),
        lambda: vault.put(patient, "name_sealed", "somebody"),
        lambda: vault.put_blob(patient_id, b"sound"),
    ):
        with pytest.raises(VaultError) as caught:
            attempt()
        assert code(caught) == "erased"


def test_a_key_made_again_after_an_erasure_does_not_open_what_was_before(patient_id: str) -> None:
    vault, patient = get_vault(), Patient(id=patient_id)
    vault.put(patient, "name_sealed", "somebody")
    vault.shred(patient_id)
    vault.create_key(patient_id)
    with pytest.raises(VaultError) as caught:
        vault.get_text(patient, "name_sealed")
    assert code(caught) == "tampered"


def test_making_a_key_twice_keeps_the_first(patient_id: str) -> None:
    vault, patient = get_vault(), Patient(id=patient_id)
    vault.put(patient, "name_sealed", "somebody")
    vault.create_key(patient_id)
    assert vault.get_text(patient, "name_sealed") == "somebody"


def test_an_erasure_in_another_process_takes_effect_within_the_caches_time(patient_id: str) -> None:
    clock = [0.0]
    here = Vault(get_settings(), cache=KeyCache(keep_s=60.0, clock=lambda: clock[0]))
    blob_id = here.put_blob(patient_id, b"sound")
    Vault(get_settings()).shred(patient_id)
    clock[0] = 59.0
    assert here.get_blob(patient_id, blob_id) == b"sound"
    clock[0] = 60.0
    with pytest.raises(VaultError) as caught:
        here.get_blob(patient_id, blob_id)
    assert code(caught) == "erased"


def test_the_cache_is_bounded() -> None:
    cache = KeyCache(limit=3)
    for number in range(10):
        cache.put(str(number), 1, bytes(32))
    assert len(cache) == 3
    assert cache.get("9", 1) is not None
    assert cache.get("0", 1) is None


def test_the_wrong_keyring_opens_nothing_and_says_so(patient_id: str) -> None:
    blob_id = get_vault().put_blob(patient_id, b"sound")
    right = get_settings()
    for ring in (Keyring.new(), Keyring(2, {2: os.urandom(32)})):  # same version, other key; version not held
        wrong = Vault(right.model_copy(update={"kek": ring.to_json()}))
        with pytest.raises(VaultError) as caught:
            wrong.get_blob(patient_id, blob_id)
        assert code(caught) == "wrong_key"
        assert "keyring" in caught.value.message
    assert Vault(right).get_blob(patient_id, blob_id) == b"sound"


def test_a_keyring_is_never_made_while_patients_keys_need_the_lost_one(patient_id: str) -> None:
    path = keyring_path(get_settings())
    kept = path.read_bytes()
    path.unlink()
    get_vault.cache_clear()
    for attempt in (create_keyring, lambda: get_vault().create_key(new_id())):
        with pytest.raises(VaultError) as caught:
            attempt()
        assert code(caught) == "no_keyring"
        assert not path.exists()
    path.write_bytes(kept)
    assert create_keyring() is False
    assert path.read_bytes() == kept


def test_keys_are_for_their_owner_alone(home: Path) -> None:
    get_vault().signing_key_pem()
    for name in ("kek.json", "provenance.pem"):
        assert (home / "keys" / name).stat().st_mode & 0o777 == 0o600


def test_the_signing_key_is_made_once(home: Path) -> None:
    first = get_vault().signing_key_pem()
    assert first.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert Vault(get_settings()).signing_key_pem() == first
    assert (home / "keys" / "provenance.pub.pem").read_bytes() == get_vault().verifying_key_pem()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", '{"active": 1, "keys": {}}', '{"active": 1, "keys": {"1": "c2hvcnQ="}}', '{"active": "x"}'],
)
def test_a_damaged_keyring_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(VaultError) as caught:
        Keyring.from_json(text)
    assert code(caught) == "no_keyring"
    assert "c2hvcnQ" not in caught.value.message


def test_a_keyring_does_not_show_its_keys() -> None:
    ring = Keyring(1, {1: b"k" * 32})
    assert "kkkk" not in repr(ring)


def test_a_keystore_that_is_not_there_is_said_plainly(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, keystore_url="postgresql+psycopg://nobody:secret@127.0.0.1:1/none")
    with pytest.raises(VaultError) as caught:
        Vault(settings).has_key("p")
    assert code(caught) == "keystore_unavailable"
    assert "secret" not in caught.value.message


# Blobs


def test_a_blob_is_a_file_that_can_be_sought(patient_id: str) -> None:
    content = os.urandom(200_000)
    blob_id = get_vault().put_blob(patient_id, io.BytesIO(content))
    with get_vault().open_blob(patient_id, blob_id) as file:
        file.seek(-100, os.SEEK_END)
        assert file.read() == content[-100:]
        file.seek(0)
        assert file.read(10) == content[:10]


def test_a_blob_that_is_gone_says_so(patient_id: str, home: Path) -> None:
    blob_id = get_vault().put_blob(patient_id, b"sound")
    get_vault().delete_blob(blob_id)
    get_vault().delete_blob(blob_id)
    for missing in (blob_id, "../../keys/kek.json", "", blob_id.upper() + "/"):
        with pytest.raises(VaultError) as caught:
            get_vault().get_blob(patient_id, missing)
        assert code(caught) == "blob_missing"


def test_a_full_disk_keeps_nothing_half_and_harms_nothing_before(patient_id: str, home: Path) -> None:
    vault = get_vault()
    before = vault.put_blob(patient_id, b"kept before")
    # The kernel itself refuses to let a file grow, as a full disk does.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        with pytest.raises(VaultError) as caught:
            vault.put_blob(patient_id, io.BytesIO(bytes(1_000_000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (code(caught), caught.value.status) == ("disk_full", 507)
    assert [path.name for path in (home / "blobs").rglob("*") if path.is_file()] == [before]
    assert vault.get_blob(patient_id, before) == b"kept before"
    assert vault.get_blob(patient_id, vault.put_blob(patient_id, bytes(1_000_000))) == bytes(1_000_000)


def test_an_upload_that_breaks_off_leaves_nothing(patient_id: str, home: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 100_000:
                raise ConnectionResetError
            return super().read(size)

    with pytest.raises(ConnectionResetError):
        get_vault().put_blob(patient_id, Broken(bytes(500_000)))
    assert not [path for path in (home / "blobs").rglob("*") if path.is_file()]


def test_many_threads_seal_and_open_at_once(patient_id: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def there_and_back(number: int) -> bool:
        content = bytes([number]) * 70_000
        return get_vault().get_blob(patient_id, get_vault().put_blob(patient_id, content)) == content

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(there_and_back, range(24)))
