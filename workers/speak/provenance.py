"""A signed record of how a piece of speech was made, carried inside its own WAV file.

The record (canonical JSON: sorted keys, no spaces, UTF-8) names the sound by the sha256 of its 16-bit samples and is
signed with
Ed25519. It travels in a RIFF chunk `svpr` behind the samples, which other players skip.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from workers.contracts import Audio, SpokenError
from workers.speak.riff import Riff, read_riff, write_riff

FORMAT = 1
CHUNK = b"svpr"
WATERMARK_SCHEME = "perth-implicit-1"
_LARGEST_RECORD = 64 * 1024


@dataclass(frozen=True)
class Verdict:
    """What can be said of a file. `valid`: signed by a known key, and not one sample differs."""

    valid: bool
    summary: str
    record: Mapping[str, Any] | None = None
    audio: Audio | None = None


def sign(
    audio: Audio,
    *,
    private_key_pem: bytes,
    utterance_id: str,
    voice_id: str,
    engine: str,
    model: str,
    revision: str,
    created_at: datetime,
) -> dict[str, Any]:
    """The signed record of `audio`. Nobody's name or word is in it, only identifiers."""
    key = serialization.load_pem_private_key(private_key_pem, password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise SpokenError("wrong_key", "The signing key is not an Ed25519 key. Restore home/keys/provenance.pem.")
    data = _pcm16(audio)
    record: dict[str, Any] = {
        "format": FORMAT,
        "synthetic": True,
        "utterance": utterance_id,
        "voice": voice_id,
        "engine": engine,
        "model": model,
        "revision": revision,
        "created_at": created_at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "rate_hz": audio.rate_hz,
        "samples": len(data) // 2,
        "pcm_sha256": hashlib.sha256(data).hexdigest(),
        "watermark": WATERMARK_SCHEME,
        "key": _key_id(key.public_key()),
    }
    record["signature"] = base64.b64encode(key.sign(_canonical(record))).decode("ascii")
    return record


def write_wav(target: BinaryIO, audio: Audio, record: Mapping[str, Any]) -> None:
    """A 16-bit mono WAV of `audio` that carries `record`."""
    write_riff(target, Riff(audio.rate_hz, _pcm16(audio), {CHUNK: _json(record)}))


def verify_file(path: Path, public_key_pems: Sequence[bytes]) -> Verdict:
    """Whether a file's record is signed by one of the keys and fits the sound. A bad file raises nothing."""
    try:
        riff = read_riff(path)
    except (OSError, ValueError) as error:
        return Verdict(False, f"This cannot be read as a WAV file ({error}).")
    audio = Audio(np.frombuffer(riff.pcm16, "<i2").astype(np.float32) / 32768.0, riff.rate_hz)
    raw = riff.others.get(CHUNK)
    if raw is None:
        return Verdict(False, "This file carries no provenance record.", None, audio)
    record = _parsed(raw)
    if record is None:
        return Verdict(False, "The provenance record in this file is damaged.", None, audio)
    key = next(
        (key for key in map(_public, public_key_pems) if key is not None and _key_id(key) == record["key"]), None
    )
    if key is None:
        return Verdict(False, "The record is signed with a key that is not known here.", record, audio)
    unsigned = {name: value for name, value in record.items() if name != "signature"}
    try:
        key.verify(base64.b64decode(record["signature"], validate=True), _canonical(unsigned))
    except (InvalidSignature, ValueError):
        return Verdict(False, "The record was changed after it was signed.", record, audio)
    same = (record["rate_hz"], record["samples"]) == (riff.rate_hz, len(riff.pcm16) // 2)
    if not same or hashlib.sha256(riff.pcm16).hexdigest() != record["pcm_sha256"]:
        return Verdict(False, "The sound is not the sound that was signed: it was changed.", record, audio)
    return Verdict(True, "Signed, and unchanged since it was made.", record, audio)


def _pcm16(audio: Audio) -> bytes:
    return np.round(np.clip(audio.samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()


def _canonical(record: Mapping[str, Any]) -> bytes:
    return b"same-voice-provenance\x00" + _json(record)


def _json(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def _parsed(raw: bytes) -> dict[str, Any] | None:
    if len(raw) > _LARGEST_RECORD:
        return None
    try:
        record = json.loads(raw, object_pairs_hook=_each_once)
    except (ValueError, RecursionError):  # a stranger's file may nest as deep as it likes
        return None
    texts = ("key", "signature", "pcm_sha256")
    whole = isinstance(record, dict) and record.get("format") == FORMAT
    return record if whole and all(isinstance(record.get(name), str) for name in texts) else None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Readers differ on which of two equal names counts, so that one signature could stand under two claims."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _public(pem: bytes) -> Ed25519PublicKey | None:
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, Ed25519PublicKey) else None


def _key_id(key: Ed25519PublicKey) -> str:
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:16]
