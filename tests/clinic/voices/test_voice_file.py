"""The voice file's format, against vectors that were made without this code; most of them must fail."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from clinic.errors import PlainError
from clinic.voices import voice_file

VECTORS = json.loads(Path(__file__).with_name("voice_file_vectors.json").read_text(encoding="utf-8"))
ABOUT: dict[str, Any] = {
    "engine": "kokoro", "model": "kokoro-82m", "revision": "r1", "measures": {"similarity": 0.4}, "voice": "v",
    "version": 1, "recordings": 2, "built_at": "2026-01-01", "exported_at": "2026-01-02", "patient": "Zoë",
}  # fmt: skip


@pytest.fixture(scope="module")
def key() -> bytes:
    """An installation's signing key, PEM."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("vector", VECTORS["files"], ids=lambda vector: vector["name"])
def test_vectors(vector: dict[str, Any]) -> None:
    data, phrase = base64.b64decode(vector["file"]), vector["pass_phrase"]

    def taken_in() -> voice_file.Opened:
        opened = voice_file.unseal(data, phrase)
        voice_file.require_made_for(opened.about, *VECTORS["engine"])
        return opened

    if vector["error"] is not None:
        with pytest.raises(PlainError) as refused:
            taken_in()
        assert refused.value.code == vector["error"]
        return
    opened = taken_in()
    assert opened.fingerprint == VECTORS["fingerprint"]
    assert hashlib.sha256(opened.vectors).hexdigest() == VECTORS["vectors_sha256"]
    assert opened.sample == b"RIFF-not-really" and opened.about["patient"] == "Margit Lindqvist"


def test_most_vectors_fail() -> None:
    failing = [vector for vector in VECTORS["files"] if vector["error"]]
    assert len(failing) > 20 and len({vector["error"] for vector in failing}) == 7


def test_what_was_sealed_opens_again_and_shows_nothing_outside(key: bytes) -> None:
    data = voice_file.seal(ABOUT, b"vectors" * 40, b"", "seven grey herons", key)
    opened = voice_file.unseal(data, "seven grey herons")
    assert opened.vectors == b"vectors" * 40 and opened.sample == b""
    assert {name: opened.about[name] for name in ABOUT} == ABOUT
    assert opened.key == voice_file.public_key_of(key)
    for needle in (b"vectors", b"kokoro", "Zoë".encode(), opened.key):
        assert needle not in data
    assert voice_file.seal(ABOUT, b"v", b"", "x", key) != voice_file.seal(ABOUT, b"v", b"", "x", key)


def test_a_pass_phrase_is_the_same_however_its_letters_are_written(key: bytes) -> None:
    data = voice_file.seal(ABOUT, b"v", b"", "caf\u00e9 au lait", key)
    assert voice_file.unseal(data, "cafe\u0301 au lait").vectors == b"v"


@pytest.mark.parametrize("at", range(0, 64, 5))
def test_no_bit_of_the_header_can_be_changed(key: bytes, at: int) -> None:
    changed = bytearray(voice_file.seal(ABOUT, b"v", b"", "seven grey herons", key))
    changed[at] ^= 0x10
    with pytest.raises(PlainError):
        voice_file.unseal(bytes(changed), "seven grey herons")
