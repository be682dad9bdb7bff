"""The key that signs provenance records: Ed25519, made once."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from clinic.vault.files import write_once


def signing_key_pem(folder: Path) -> bytes:
    """PKCS#8 PEM of the private key in `folder`/provenance.pem, made (0600) if there is none."""
    path = folder / "provenance.pem"
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        write_once(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path.read_bytes()


def verifying_key_pem(folder: Path) -> bytes:
    """PEM of the public half, kept as `folder`/provenance.pub.pem to be given to whoever wants to verify."""
    key = load_pem_private_key(signing_key_pem(folder), password=None)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    write_once(folder / "provenance.pub.pem", public, mode=0o644)
    return public
