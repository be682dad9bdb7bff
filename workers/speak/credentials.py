"""Content credentials: a C2PA manifest in the WAV, beside our own signed record, for tools that know only C2PA.

It says that the sound was created by trained algorithms, and names our record by its sha256. It is put in last, in a
chunk `C2PA`, and covers every other byte of the file, the record included; our record covers the samples alone, so that
both verify in one file. Signed by the installation's own authority (`clinic/vault/certificates.py`), a stranger's
verifier says 'untrusted issuer'. No time-stamp authority is asked, and nothing is fetched.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import c2pa

from workers.contracts import SpokenError
from workers.speak import provenance
from workers.speak.riff import read_riff

#: IPTC's word for media made by a trained model alone; C2PA 2 names it for `c2pa.created`.
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
RECORD_LABEL = "org.samevoice.record"
_MIME = "audio/wav"
_LARGEST_FILE = 512 * 1024 * 1024
#: What the library would otherwise ask the network for is off, and it draws no thumbnails.
_SETTINGS: dict[str, Any] = {
    "verify": {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
    "builder": {"thumbnail": {"enabled": False}},
}


@dataclass(frozen=True)
class Credentials:
    """What a file's C2PA manifest is worth.

    present: there is one. valid: its signature holds and no byte of the file differs. trusted: its issuer is one of the
    authorities that were given. synthetic: it says that trained algorithms made the sound.
    """

    present: bool
    valid: bool
    trusted: bool
    synthetic: bool
    summary: str


def attach(wav: bytes, signer_pem: bytes) -> bytes:
    """`wav`, which carries our record, with a manifest beside it.

    signer_pem: private key, then its chain. Raises SpokenError 'no_credentials' when key or chain do not serve.
    """
    begins = signer_pem.find(b"-----BEGIN CERTIFICATE-----")
    record = _chunk(wav, provenance.CHUNK)
    manifest = {
        "claim_generator_info": [{"name": "Same Voice"}],
        "title": "Restored speech",
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE}]},
            },
            {"label": RECORD_LABEL, "data": {"sha256": hashlib.sha256(record).hexdigest()}},
        ],
    }
    target = io.BytesIO()
    try:
        info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, signer_pem[begins:], signer_pem[:begins], None)
        with (
            c2pa.Context.from_dict(_SETTINGS) as context,
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder(manifest, context=context) as builder,
        ):
            builder.sign(signer, _MIME, io.BytesIO(wav), target)
    except c2pa.C2paError as error:
        raise SpokenError(
            "no_credentials",
            "Content credentials could not be signed. Check that home/keys/c2pa.pem holds an ES256 key and its chain, "
            "and that they are still valid.",
        ) from error
    return target.getvalue()


def verify_file(path: Path, authorities_pem: bytes = b"") -> Credentials:
    """What the manifest in a file is worth. A bad file raises nothing."""
    settings = dict(_SETTINGS)
    if authorities_pem:
        settings["trust"] = {"trust_anchors": authorities_pem.decode("ascii", "replace")}
    try:
        if path.stat().st_size > _LARGEST_FILE:
            return _nothing("This file is larger than any that is made here.")
        wav = path.read_bytes()
        record = _chunk(wav, provenance.CHUNK)
        with (
            c2pa.Context.from_dict(settings) as context,
            c2pa.Reader(_MIME, io.BytesIO(wav), context=context) as reader,
        ):
            found = json.loads(reader.json())
            state = reader.get_validation_state()
    except c2pa.C2paError.ManifestNotFound:
        return _nothing("This file carries no content credentials (C2PA).")
    except (c2pa.C2paError, OSError, ValueError):
        return Credentials(True, False, False, False, "The content credentials in this file cannot be read.")
    said = {part["label"]: part.get("data", {}) for part in _assertions(found)}
    named = said.get(RECORD_LABEL, {}).get("sha256")
    synthetic = any(
        action.get("digitalSourceType") == SOURCE_TYPE for action in said.get("c2pa.actions.v2", {}).get("actions", [])
    )
    if state not in ("Valid", "Trusted"):
        return Credentials(True, False, False, synthetic, "The file was changed after its credentials were signed.")
    if named is not None and named != hashlib.sha256(record).hexdigest():
        return Credentials(True, False, False, synthetic, "The credentials name another signed record.")
    if state == "Trusted":
        return Credentials(True, True, True, synthetic, "Signed by a known issuer, and unchanged since.")
    return Credentials(True, True, False, synthetic, "Unchanged since it was signed, by an issuer not known here.")


def _assertions(found: dict[str, Any]) -> list[dict[str, Any]]:
    manifest = found.get("manifests", {}).get(found.get("active_manifest"), {})
    return [part for part in manifest.get("assertions", []) if isinstance(part.get("data", {}), dict)]


def _chunk(wav: bytes, name: bytes) -> bytes:
    """A chunk of a WAV by its name; nothing where there is none or the file is not a whole one."""
    try:
        return read_riff(io.BytesIO(wav)).others.get(name, b"")
    except ValueError:
        return b""


def _nothing(summary: str) -> Credentials:
    return Credentials(False, False, False, False, summary)
