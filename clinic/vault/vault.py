"""The vault: everything that could identify or imitate a patient passes through here on its way to a disk."""

from __future__ import annotations

import io
import json
import os
from functools import lru_cache
from typing import Any, BinaryIO, cast

from clinic.database import new_id
from clinic.settings import Settings, get_settings
from clinic.vault import certificates, errors, keyring, sealing, signing, stream
from clinic.vault.blobs import BlobStore, FileBlobs
from clinic.vault.cache import KeyCache
from clinic.vault.keyring import Keyring
from clinic.vault.keystore import Keystore, Wrapped


class Vault:
    """Envelope encryption: a key-encryption key wraps one data key a patient; that one seals their things.

    One a process (`get_vault`), safe to use from many threads. Methods that open something raise VaultError:
    'no_keyring', 'wrong_key', 'erased', 'tampered', 'keystore_unavailable'; those of blobs also 'blob_missing' and
    'disk_full'.
    """

    def __init__(self, settings: Settings, *, blobs: BlobStore | None = None, cache: KeyCache | None = None) -> None:
        self._settings = settings
        self._keys_folder = settings.path("keys")
        self.keystore = Keystore(settings.keystore)
        self._blobs = FileBlobs(settings.path("blobs")) if blobs is None else blobs
        self._cache = KeyCache() if cache is None else cache  # an empty one is falsy
        self._ring: Keyring | None = None

    # Keys

    def create_key(self, patient_id: str) -> None:
        """Make the patient's data key. One that is there stays: it may have sealed something already."""
        if self.keystore.newest(patient_id) is None:
            # Read anew: a key that was retired while this process ran must not wrap anything again.
            data_key, ring = os.urandom(sealing.KEY_BYTES), self._keyring(fresh=True)
            wrapped = sealing.wrap(ring.keys[ring.active], ring.active, data_key, patient_id, 1)
            self.keystore.add(Wrapped(patient_id, 1, ring.active, wrapped))

    def has_key(self, patient_id: str) -> bool:
        """True when the patient has a data key. Does not say whether this keyring opens it."""
        return self.keystore.newest(patient_id) is not None

    def shred(self, patient_id: str) -> None:
        """Destroy the patient's data key: whatever it sealed, anywhere, stays closed for good."""
        self._cache.forget(patient_id)
        self.keystore.delete(patient_id)
        self._cache.forget(patient_id)  # another thread may have opened it in between

    # Values

    def seal(
        self, patient_id: str, plaintext: bytes, *, table: str, row_id: str, column: str, binding: str = ""
    ) -> bytes:
        """Seal bytes for one place; they open in no other."""
        version, key = self._newest_key(patient_id)
        return sealing.seal(key, version, plaintext, sealing.Place(patient_id, table, row_id, column, binding))

    def open(self, patient_id: str, sealed: bytes, *, table: str, row_id: str, column: str, binding: str = "") -> bytes:
        """Open what was sealed for this very place."""
        key = self._key(patient_id, sealing.value_key_version(sealed))
        return sealing.unseal(key, sealed, sealing.Place(patient_id, table, row_id, column, binding))

    def put(self, row: Any, column: str, value: bytes | str | list[Any] | dict[str, Any], *, binding: str = "") -> None:
        """Seal `value` into a row's attribute. The row needs its id already: `Patient(id=new_id(), …)`."""
        if isinstance(value, str):
            value = value.encode()
        elif not isinstance(value, bytes):
            value = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        table, row_id, patient_id = _place(row)
        sealed = self.seal(patient_id, value, table=table, row_id=row_id, column=column, binding=binding)
        setattr(row, column, sealed)

    def get_bytes(self, row: Any, column: str, *, binding: str = "") -> bytes:
        """Open a row's attribute. Raises ValueError when nothing was ever put there."""
        sealed = getattr(row, column)
        if sealed is None:
            raise ValueError(f"nothing is sealed in {column}")
        table, row_id, patient_id = _place(row)
        return self.open(patient_id, sealed, table=table, row_id=row_id, column=column, binding=binding)

    def get_text(self, row: Any, column: str, *, binding: str = "") -> str:
        """Open a row's attribute that holds text."""
        return self.get_bytes(row, column, binding=binding).decode()

    def get_json(self, row: Any, column: str, *, binding: str = "") -> Any:
        """Open a row's attribute that holds a list or a dict."""
        return json.loads(self.get_bytes(row, column, binding=binding))

    # Blobs

    def put_blob(self, patient_id: str, data: bytes | BinaryIO) -> str:
        """Seal bytes, or a file of any length, into the blob store; its id. All of it is kept, or nothing."""
        blob_id = new_id()
        version, key = self._newest_key(patient_id)
        source = io.BytesIO(data) if isinstance(data, bytes) else data
        self._blobs.write(blob_id, stream.sealed_chunks(key, version, patient_id, blob_id, source))
        return blob_id

    def get_blob(self, patient_id: str, blob_id: str) -> bytes:
        """A whole blob. For long ones see `open_blob`."""
        with self.open_blob(patient_id, blob_id) as file:
            return file.read()

    def open_blob(self, patient_id: str, blob_id: str) -> BinaryIO:
        """A blob as a seekable file of plaintext, opened chunk by chunk; the caller closes it."""
        file = self._blobs.read(blob_id)
        try:
            reader = stream.BlobReader(file, patient_id, blob_id, lambda version: self._key(patient_id, version))
        except BaseException:
            file.close()
            raise
        return cast(BinaryIO, io.BufferedReader(reader, stream.CHUNK_BYTES))

    def delete_blob(self, blob_id: str) -> None:
        """Remove a blob; one that is not there is no error."""
        self._blobs.delete(blob_id)

    # Provenance

    def signing_key_pem(self) -> bytes:
        """Private Ed25519 key that signs provenance records, PKCS#8 PEM; made once."""
        signing.verifying_key_pem(self._keys_folder)
        return signing.signing_key_pem(self._keys_folder)

    def verifying_key_pem(self) -> bytes:
        """Public Ed25519 key that verifies them, PEM."""
        return signing.verifying_key_pem(self._keys_folder)

    def claim_signer_pem(self) -> bytes:
        """Private ES256 key that signs C2PA manifests, and its chain, PEM; made once, or the hospital's."""
        return certificates.claim_signer_pem(self._keys_folder)

    # Inside

    def _keyring(self, *, fresh: bool = False) -> Keyring:
        if self._ring is None or fresh:
            self._ring = keyring.load(self._settings)
        return self._ring

    def _newest_key(self, patient_id: str) -> tuple[int, bytes]:
        row = self.keystore.newest(patient_id)
        if row is None:
            self._cache.forget(patient_id)
            raise errors.erased()
        return row.version, self._unwrapped(row)

    def _key(self, patient_id: str, version: int) -> bytes:
        cached = self._cache.get(patient_id, version)
        if cached is not None:
            return cached
        row = self.keystore.get(patient_id, version)
        if row is None:
            # The version stands in the sealed bytes, where anybody may have written it.
            raise errors.tampered() if self.has_key(patient_id) else errors.erased()
        return self._unwrapped(row)

    def _unwrapped(self, row: Wrapped) -> bytes:
        cached = self._cache.get(row.patient_id, row.version)
        if cached is not None:
            return cached
        ring = self._keyring()
        if row.kek_version not in ring.keys:
            ring = self._keyring(fresh=True)  # a key that was distributed while this process ran
        if row.kek_version not in ring.keys:
            raise errors.wrong_key()
        kek = ring.keys[row.kek_version]
        key = sealing.unwrap(kek, row.kek_version, row.wrapped, row.patient_id, row.version)
        self._cache.put(row.patient_id, row.version, key)
        return key


def _place(row: Any) -> tuple[str, str, str]:
    """(table, row id, patient id) of a mapped row. A patient's row is its own patient."""
    if row.id is None:
        raise ValueError("give the row its id before sealing into it: id=new_id()")
    patient_id = row.id if row.__tablename__ == "patient" else row.patient_id
    return row.__tablename__, row.id, patient_id


@lru_cache
def get_vault() -> Vault:
    """The vault of this process. Tests call `get_vault.cache_clear()`."""
    return Vault(get_settings())


def create_keyring() -> bool:
    """Make the first keyring, on set-up only; True when it was made now.

    Where there is one it is checked and kept. Raises VaultError 'no_keyring' when patients' keys exist that the
    missing keyring had wrapped: a fresh one would hide that loss until somebody needs their voice.
    """
    settings = get_settings()
    if settings.kek or keyring.keyring_path(settings).exists():
        keyring.load(settings)
        return False
    if Keystore(settings.keystore).any():
        raise errors.no_keyring("The keyring is missing, but patients' keys exist that it had wrapped.")
    return keyring.save_new(settings, Keyring.new())
