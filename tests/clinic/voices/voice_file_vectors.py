"""Makes voice_file_vectors.json from docs/voice-file.md, with none of the product's code: `python -m` this module."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
from pathlib import Path
from typing import Any

from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PASS_PHRASE = "seven grey herons by the weir"
KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"vectors: signer").digest())
PUBLIC = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
VECTORS, SAMPLE = bytes(range(256)) * 2, b"RIFF-not-really"


def hkdf(root: bytes, info: bytes) -> bytes:
    """RFC 5869 with SHA-256, no salt, 32 bytes."""
    extracted = hmac.new(b"\0" * 32, root, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


def described(**changes: Any) -> bytes:
    about = {
        "engine": "kokoro", "model": "kokoro-82m", "revision": "0123456789abcdef", "measures": {"similarity": 0.5},
        "voice": "0" * 32, "version": 2, "recordings": 3, "built_at": "2026-01-02T03:04:05+00:00",
        "exported_at": "2026-02-03T04:05:06+00:00", "patient": "Margit Lindqvist",
        "vectors": {"bytes": len(VECTORS), "sha256": hashlib.sha256(VECTORS).hexdigest()},
        "sample": {"bytes": len(SAMPLE), "sha256": hashlib.sha256(SAMPLE).hexdigest()},
        **changes,
    }  # fmt: skip
    return json.dumps({name: value for name, value in about.items() if value is not None}).encode()


def content(about: bytes, vectors: bytes = VECTORS, signed: bytes | None = None) -> bytes:
    signature = KEY.sign(b"samevoice voice file 1\0" + (about if signed is None else signed))
    return struct.pack(">I", len(about)) + about + PUBLIC + signature + vectors + SAMPLE


def file(inside: bytes, memory_kib: int = 65536, passes: int = 3, lanes: int = 4, says: int | None = None) -> bytes:
    salt, nonce = hashlib.sha256(b"salt").digest()[:16], hashlib.sha256(b"nonce").digest()[:12]
    root = hash_secret_raw(PASS_PHRASE.encode(), salt, passes, min(memory_kib, 65536), lanes, 32, Type.ID)
    check = hkdf(root, b"samevoice voice file check 1")[:16]
    length = len(inside) + 16 if says is None else says
    header = b"SVX\x01" + struct.pack(">III", memory_kib, passes, lanes) + salt + check + nonce
    header += struct.pack(">I", length)
    return header + AESGCM(hkdf(root, b"samevoice voice file key 1")).encrypt(nonce, inside, header)


def flipped(data: bytes, at: int) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 0x01
    return bytes(changed)


def vectors() -> list[dict[str, Any]]:
    good = file(content(described()))
    other = described(revision="fedcba9876543210")
    return [
        one(name, data, error, phrase)
        for name, data, error, phrase in (
            ("opens", good, None, PASS_PHRASE),
            ("less work, as a reader has to take it", file(content(described()), 64, 1, 1), None, PASS_PHRASE),
            ("a name that is not known yet is signed too", file(content(described(more=1))), None, PASS_PHRASE),
            ("wrong pass phrase", good, "wrong_pass_phrase", "seven grey herons by the wier"),
            ("empty pass phrase", good, "wrong_pass_phrase", ""),
            ("a bit of the ciphertext", flipped(good, 200), "damaged", PASS_PHRASE),
            ("a bit of the tag", flipped(good, len(good) - 1), "damaged", PASS_PHRASE),
            ("a bit of the nonce", flipped(good, 48), "damaged", PASS_PHRASE),
            ("a bit of the salt", flipped(good, 16), "wrong_pass_phrase", PASS_PHRASE),
            ("the last byte is missing", good[:-1], "truncated", PASS_PHRASE),
            ("half of it is missing", good[: len(good) // 2], "truncated", PASS_PHRASE),
            ("only the first four bytes", good[:4], "truncated", PASS_PHRASE),
            ("something behind the end", good + b"\0", "damaged", PASS_PHRASE),
            ("a newer format", good[:3] + b"\x02" + good[4:], "newer_format", PASS_PHRASE),
            ("no voice file", b"RIFF" + good[4:], "not_a_voice_file", PASS_PHRASE),
            ("nothing", b"", "not_a_voice_file", PASS_PHRASE),
            ("too much memory", file(content(described()), 2**31), "damaged", PASS_PHRASE),
            ("no lanes", good[:12] + struct.pack(">I", 0) + good[16:], "damaged", PASS_PHRASE),
            ("description changed after signing", file(content(described(version=3), signed=described())),
             "bad_signature", PASS_PHRASE),
            ("other vectors than were signed", file(content(described(), VECTORS[::-1])), "bad_signature", PASS_PHRASE),
            ("no vectors", file(content(described(), b"")), "bad_signature", PASS_PHRASE),
            ("no model", file(content(described(model=None))), "damaged", PASS_PHRASE),
            ("a version that is no number", file(content(described(version="2"))), "damaged", PASS_PHRASE),
            ("a measure that is no number", file(content(described(measures={"x": "y"}))), "damaged", PASS_PHRASE),
            ("a description that is no object", file(content(b"[]")), "damaged", PASS_PHRASE),
            ("a description that nests for ever", file(content(b"[" * 50_000)), "damaged", PASS_PHRASE),
            ("an engine of 5,000 letters", file(content(described(engine="k" * 5000))), "damaged", PASS_PHRASE),
            ("an empty content", file(b""), "damaged", PASS_PHRASE),
            ("another revision", file(content(other)), "other_engine", PASS_PHRASE),
            ("another model", file(content(described(model="kokoro-90m"))), "other_engine", PASS_PHRASE),
            ("another engine", file(content(described(engine="other"))), "other_engine", PASS_PHRASE),
        )
    ]  # fmt: skip


def one(name: str, data: bytes, error: str | None, phrase: str) -> dict[str, Any]:
    return {"name": name, "pass_phrase": phrase, "file": base64.b64encode(data).decode(), "error": error}


if __name__ == "__main__":
    made = {
        "fingerprint": hashlib.sha256(PUBLIC).hexdigest(),
        "engine": ["kokoro", "kokoro-82m", "0123456789abcdef"],
        "vectors_sha256": hashlib.sha256(VECTORS).hexdigest(),
        "files": vectors(),
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
