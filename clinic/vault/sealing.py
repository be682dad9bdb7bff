"""The byte formats: a wrapped data key and a sealed value. docs/vault-format.md says the same in a table.

AES-256-GCM (NIST SP 800-38D) from `cryptography`, nonces of 96 random bits. A data key never encrypts anything itself:
each use has a key of its own, derived with HKDF-SHA256 (RFC 5869), so that no two uses can meet under one key.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from clinic.vault import errors

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16

WRAPPED_MAGIC = b"SVK\x01"
VALUE_MAGIC = b"SVV\x01"
_VALUE_HEADER = struct.Struct(">4sI")


@dataclass(frozen=True)
class Place:
    """Where a sealed value belongs. `binding` ties it to more, such as 'model@revision' for a voice."""

    patient_id: str
    table: str
    row_id: str
    column: str
    binding: str = ""


def fields(*parts: str | int) -> bytes:
    """Parts one after the other, each with its length in four bytes before it: no two lists give the same bytes."""
    encoded = [str(part).encode() for part in parts]
    return b"".join(struct.pack(">I", len(part)) + part for part in encoded)


def derive(data_key: bytes, purpose: str, salt: bytes = b"") -> bytes:
    """A key of 32 bytes for one purpose (HKDF-SHA256)."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt or None, info=purpose.encode()).derive(data_key)


def wrap(kek: bytes, kek_version: int, data_key: bytes, patient_id: str, key_version: int) -> bytes:
    """A data key under a key-encryption key, bound to its patient and to both versions: magic, nonce, ciphertext."""
    nonce = os.urandom(NONCE_BYTES)
    about = fields("samevoice data key 1", patient_id, key_version, kek_version)
    return WRAPPED_MAGIC + nonce + AESGCM(kek).encrypt(nonce, data_key, about)


def unwrap(kek: bytes, kek_version: int, wrapped: bytes, patient_id: str, key_version: int) -> bytes:
    """The data key again. Raises VaultError 'wrong_key' when this key-encryption key did not wrap it for this place."""
    start = len(WRAPPED_MAGIC)
    if len(wrapped) != start + NONCE_BYTES + KEY_BYTES + TAG_BYTES or wrapped[:start] != WRAPPED_MAGIC:
        raise errors.wrong_key()
    nonce, ciphertext = wrapped[start : start + NONCE_BYTES], wrapped[start + NONCE_BYTES :]
    about = fields("samevoice data key 1", patient_id, key_version, kek_version)
    try:
        return AESGCM(kek).decrypt(nonce, ciphertext, about)
    except InvalidTag:
        raise errors.wrong_key() from None


def seal(data_key: bytes, key_version: int, plaintext: bytes, place: Place) -> bytes:
    """A sealed value: magic, data-key version, nonce, ciphertext with tag."""
    nonce = os.urandom(NONCE_BYTES)
    cipher = AESGCM(derive(data_key, "samevoice value 1"))
    header = _VALUE_HEADER.pack(VALUE_MAGIC, key_version)
    return header + nonce + cipher.encrypt(nonce, plaintext, _about(place, key_version))


def value_key_version(sealed: bytes) -> int:
    """Which version of the patient's data key sealed this. Raises VaultError 'tampered' when it is no sealed value."""
    if len(sealed) < _VALUE_HEADER.size + NONCE_BYTES + TAG_BYTES:
        raise errors.tampered()
    magic, version = _VALUE_HEADER.unpack_from(sealed)
    if magic != VALUE_MAGIC:
        raise errors.tampered()
    return int(version)


def unseal(data_key: bytes, sealed: bytes, place: Place) -> bytes:
    """The plaintext. Raises VaultError 'tampered' when a bit differs or it was sealed for another place."""
    about = _about(place, value_key_version(sealed))
    start = _VALUE_HEADER.size
    nonce, ciphertext = sealed[start : start + NONCE_BYTES], sealed[start + NONCE_BYTES :]
    try:
        return AESGCM(derive(data_key, "samevoice value 1")).decrypt(nonce, ciphertext, about)
    except InvalidTag:
        raise errors.tampered() from None


def _about(place: Place, key_version: int) -> bytes:
    return fields(
        "samevoice value 1", place.patient_id, place.table, place.row_id, place.column, key_version, place.binding
    )
