"""A voice as one file: sealed under a pass phrase, signed by the installation that built it. docs/voice-file.md says
the same in tables.

Pure bytes in and out; who may export or import what is `clinic.voices.carrying`'s matter.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
import unicodedata
from dataclasses import dataclass
from typing import Any

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from clinic.errors import PlainError
from clinic.vault.sealing import derive

MAGIC, FORMAT = b"SVX", 1
#: magic, format; memory in KiB, passes, lanes; salt, check, nonce; length of what follows.
HEADER = struct.Struct(">3sBIII16s16s12sI")
#: RFC 9106's second recommendation: 64 MiB, 3 passes, 4 lanes; about 0.2 s.
MEMORY_KIB, PASSES, LANES = 64 * 1024, 3, 4
#: A stranger's file may ask for any amount of work; more than this is refused unread.
MOST_MEMORY_KIB, MOST_PASSES, MOST_LANES = 1024 * 1024, 16, 16
LARGEST_FILE = 16 * 1024 * 1024
SIGNED = b"samevoice voice file 1\0"
_KEY, _SIGNATURE, _TAG = 32, 64, 16
_LENGTH = struct.Struct(">I")
_TEXTS = {"engine": 32, "model": 64, "revision": 80, "voice": 64, "built_at": 40, "exported_at": 40, "patient": 400}


@dataclass(frozen=True)
class Opened:
    """What was in a file. The signature fits `key`; whether that key is known is for the caller to judge."""

    about: dict[str, Any]
    vectors: bytes
    sample: bytes
    key: bytes

    @property
    def fingerprint(self) -> str:
        """Of the key that signed it."""
        return fingerprint(self.key)


def fingerprint(public_key: bytes) -> str:
    """SHA-256 of a raw Ed25519 public key: 64 hexadecimal digits."""
    return hashlib.sha256(public_key).hexdigest()


def in_groups(digits: str) -> str:
    """A fingerprint as two people compare it over the telephone."""
    return " ".join(digits[place : place + 4] for place in range(0, len(digits), 4))


def public_key_of(private_key_pem: bytes) -> bytes:
    """The raw public half of an installation's signing key."""
    return _private(private_key_pem).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def seal(about: dict[str, Any], vectors: bytes, sample: bytes, pass_phrase: str, private_key_pem: bytes) -> bytes:
    """The whole file. `about`: the texts, `version`, `measures` and so on of docs/voice-file.md, without the parts."""
    parts = {"vectors": _part(vectors), "sample": _part(sample)}
    signed = json.dumps({**about, **parts}, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    key = _private(private_key_pem)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    plaintext = _LENGTH.pack(len(signed)) + signed + public + key.sign(SIGNED + signed) + vectors + sample
    salt, nonce = os.urandom(16), os.urandom(12)
    root = _root(pass_phrase, salt, MEMORY_KIB, PASSES, LANES)
    header = HEADER.pack(
        MAGIC, FORMAT, MEMORY_KIB, PASSES, LANES, salt, _check(root), nonce, len(plaintext) + _TAG
    )  # fmt: skip
    return header + AESGCM(_cipher_key(root)).encrypt(nonce, plaintext, header)


def unseal(data: bytes, pass_phrase: str) -> Opened:
    """What is in a file.

    Raises PlainError 'not_a_voice_file', 'newer_format', 'truncated', 'wrong_pass_phrase', 'damaged' or
    'bad_signature'. Nothing of the file is used before all of it has been authenticated.
    """
    if data[:3] != MAGIC or len(data) < 4:
        raise PlainError(
            "not_a_voice_file", "This is not a voice file of Same Voice. Choose the file that was exported."
        )
    if data[3] != FORMAT:
        message = (
            f"This file has format {data[3]}, and format {FORMAT} is what can be read here. Update Same Voice first."
        )
        raise PlainError("newer_format", message)
    if len(data) < HEADER.size:
        raise _truncated()
    _, _, memory_kib, passes, lanes, salt, check, nonce, length = HEADER.unpack_from(data)
    if len(data) < HEADER.size + length:
        raise _truncated()
    within = 8 * lanes <= memory_kib <= MOST_MEMORY_KIB and 1 <= passes <= MOST_PASSES and 1 <= lanes <= MOST_LANES
    if not within or len(data) > HEADER.size + length:
        raise _damaged()
    root = _root(pass_phrase, salt, memory_kib, passes, lanes)
    if _check(root) != check:
        raise PlainError("wrong_pass_phrase", "This pass phrase does not open the file. Type it exactly as it was set.")
    header, ciphertext = data[: HEADER.size], data[HEADER.size :]
    try:
        return _parsed(AESGCM(_cipher_key(root)).decrypt(nonce, ciphertext, header))
    except InvalidTag:
        raise _damaged() from None


def require_made_for(about: dict[str, Any], engine: str, model: str, revision: str) -> None:
    """Raises PlainError 'other_engine', by name, unless the voice was built for exactly these weights."""
    theirs, ours = (about["engine"], about["model"], about["revision"]), (engine, model, revision)
    if theirs != ours:
        message = (
            f"This voice was built for {theirs[0]}, {theirs[1]}, revision {theirs[2]}. Here {ours[0]}, {ours[1]}, "
            f"revision {ours[2]} speaks, in which it would be somebody else's voice. Install those weights, or build "
            "the voice anew."
        )
        raise PlainError("other_engine", message, 409)


def _parsed(plaintext: bytes) -> Opened:
    try:
        (length,) = _LENGTH.unpack_from(plaintext)
        at = _LENGTH.size + length
        signed, key = plaintext[_LENGTH.size : at], plaintext[at : at + _KEY]
        signature, rest = plaintext[at + _KEY : at + _KEY + _SIGNATURE], plaintext[at + _KEY + _SIGNATURE :]
        public = Ed25519PublicKey.from_public_bytes(key)
    except (struct.error, ValueError):
        raise _damaged() from None
    try:
        public.verify(signature, SIGNED + signed)
    except InvalidSignature:
        raise _bad_signature() from None
    about = _about(signed)
    size = about["vectors"]["bytes"]
    vectors, sample = rest[:size], rest[size:]
    if _part(vectors) != about["vectors"] or _part(sample) != about["sample"] or not vectors:
        raise _bad_signature()
    return Opened(about, vectors, sample, key)


def _about(signed: bytes) -> dict[str, Any]:
    """The signed description, with everything in it of the kind that it has to be. Raises PlainError 'damaged'."""
    try:
        about = json.loads(signed, object_pairs_hook=_each_once)
        whole = all(isinstance(about[name], str) and len(about[name]) <= most for name, most in _TEXTS.items())
        whole = whole and all(
            0 <= _whole_number(about[part]["bytes"]) <= LARGEST_FILE for part in ("vectors", "sample")
        )
        whole = whole and all(isinstance(about[part]["sha256"], str) for part in ("vectors", "sample"))
        whole = whole and _whole_number(about["version"]) >= 1 and _whole_number(about["recordings"]) >= 0
        measures = about["measures"]
        whole = whole and len(measures) <= 64
        whole = whole and all(len(name) <= 40 and _is_number(value) for name, value in measures.items())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _damaged() from None
    if not whole:
        raise _damaged()
    return dict(about)


def _whole_number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("not a whole number")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Readers differ on which of two equal names counts, so that one signature could stand under two claims."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _part(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _root(pass_phrase: str, salt: bytes, memory_kib: int, passes: int, lanes: int) -> bytes:
    secret = unicodedata.normalize("NFC", pass_phrase).encode()  # two keyboards write one letter in two ways
    return hash_secret_raw(secret, salt, passes, memory_kib, lanes, 32, Type.ID)


def _check(root: bytes) -> bytes:
    """Tells a wrong pass phrase from a damaged file, which are two different things to do about."""
    return derive(root, "samevoice voice file check 1")[:16]


def _cipher_key(root: bytes) -> bytes:
    return derive(root, "samevoice voice file key 1")


def _private(pem: bytes) -> Ed25519PrivateKey:
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise PlainError("wrong_key", "The signing key is not an Ed25519 key. Restore home/keys/provenance.pem.", 500)
    return key


def _truncated() -> PlainError:
    return PlainError("truncated", "This file breaks off before its end. Copy it again from where it came from.")


def _damaged() -> PlainError:
    return PlainError("damaged", "This file was damaged or changed on its way, so it was not opened. Copy it again.")


def _bad_signature() -> PlainError:
    message = "The signature in this file does not fit what it holds: somebody changed it. It was not taken in."
    return PlainError("bad_signature", message)
