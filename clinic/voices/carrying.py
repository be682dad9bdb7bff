"""A voice from one hospital to another: exported sealed and signed, imported only from signers that are known here."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.accounts import passwords
from clinic.audit import record
from clinic.database import new_id, now
from clinic.errors import PlainError
from clinic.patients.service import get_patient, named
from clinic.queue import send
from clinic.vault import get_vault
from clinic.voices import voice_file
from clinic.voices.service import get_voice, require_consent
from clinic.voices.tables import READY, Signer, Voice, binding

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_LONGEST_LABEL = 80


@dataclass(frozen=True)
class Exported:
    """A file to be handed on. Its name says nothing about the patient."""

    filename: str
    data: bytes


def own_fingerprint() -> str:
    """Of the key that signs what leaves here."""
    return voice_file.fingerprint(voice_file.public_key_of(get_vault().signing_key_pem()))


def export(session: Session, actor: str, voice_id: str, pass_phrase: str, *, sample: bool) -> Exported:
    """Seal a version under `pass_phrase`. Raises PlainError 'no_consent', 'not_ready' or 'weak_password'."""
    voice = get_voice(session, voice_id)
    require_consent(session, voice.patient_id)
    if voice.state != READY or not (voice.engine and voice.model and voice.revision):
        raise PlainError("not_ready", "This version is not ready, so there is nothing to export.", 409)
    passwords.check_strength(pass_phrase, "samevoice")
    vault = get_vault()
    vectors = vault.get_bytes(voice, "vectors_sealed", binding=binding(voice.model, voice.revision))
    sound = b""
    if sample and voice.sample_blob_id is not None:
        sound = vault.get_blob(voice.patient_id, voice.sample_blob_id)
    about: dict[str, Any] = {
        "engine": voice.engine,
        "model": voice.model,
        "revision": voice.revision,
        "measures": voice.measures or {},
        "voice": voice.id,
        "version": voice.version,
        "recordings": len(voice.recording_ids),
        "built_at": (voice.finished_at or voice.created_at).isoformat(timespec="seconds"),
        "exported_at": now().isoformat(timespec="seconds"),
        "patient": named(get_patient(session, voice.patient_id)).name,
    }
    data = voice_file.seal(about, vectors, sound, pass_phrase, vault.signing_key_pem())
    record(
        session, actor, "voice.export", voice.id, patient=voice.patient_id, version=voice.version,
        sample=bool(sound), bytes=len(data), key=own_fingerprint(),
    )  # fmt: skip
    return Exported(f"voice-{voice.id[:8]}-version-{voice.version}.svx", data)


def take_in(
    session: Session,
    actor: str,
    patient_id: str,
    data: bytes,
    pass_phrase: str,
    *,
    same_person: bool = False,
    queue: bool = True,
) -> Voice:
    """A file as a new version, that a worker still has to try (`voices.adopt`) before it is ready.

    Raises PlainError: what `voice_file.unseal` raises, 'no_consent', 'unknown_key', or 'other_name' when the file was
    exported for somebody of another name and nobody said that it is the same person.
    """
    require_consent(session, patient_id)
    opened = voice_file.unseal(data, pass_phrase)
    if not is_known(session, opened.fingerprint):
        message = (
            "This file was signed by an installation that is not known here. Ask the other hospital for its "
            "fingerprint, by telephone. If it is the one below, let an administrator confirm it under “Other "
            f"hospitals”, then try again. {voice_file.in_groups(opened.fingerprint)}"
        )
        raise PlainError("unknown_key", message, 403)
    about = opened.about
    name = named(get_patient(session, patient_id)).name
    if _folded(about["patient"]) != _folded(name) and not same_person:
        message = (
            "This voice was exported for somebody of another name. Another person's voice is never given to a patient. "
            "If it is the same person, say so below and send it again."
        )
        raise PlainError("other_name", message, 409)
    newest = session.scalar(select(func.max(Voice.version)).where(Voice.patient_id == patient_id)) or 0
    voice = Voice(id=new_id(), patient_id=patient_id, version=newest + 1, recording_ids=[], progress_text="")
    voice.engine, voice.model, voice.revision = about["engine"], about["model"], about["revision"]
    voice.measures = {measure: float(value) for measure, value in about["measures"].items()}
    voice.imported_from = {
        "key": opened.fingerprint,
        **{name: about[name] for name in ("voice", "version", "recordings", "built_at", "exported_at")},
    }
    vault = get_vault()
    vault.put(voice, "vectors_sealed", opened.vectors, binding=binding(voice.model, voice.revision))
    if opened.sample:
        voice.sample_blob_id = vault.put_blob(patient_id, opened.sample)
    session.add(voice)
    session.flush()
    record(
        session, actor, "voice.import", voice.id, patient=patient_id, version=voice.version,
        key=opened.fingerprint, came_as=about["voice"], same_person=same_person,
    )  # fmt: skip
    if queue:
        send(session, "voices.adopt", voice.id)
    return voice


def is_known(session: Session, fingerprint: str) -> bool:
    """True for our own key, and for those that an administrator confirmed."""
    found = session.scalars(select(Signer.id).where(Signer.fingerprint == fingerprint)).first()
    return fingerprint == own_fingerprint() or found is not None


def signers(session: Session) -> list[Signer]:
    """Whose voices are taken in, by label."""
    return list(session.scalars(select(Signer).order_by(Signer.label)))


def trust(session: Session, actor: str, typed: str, label: str) -> Signer:
    """Confirm a fingerprint. Raises PlainError 'bad_fingerprint', 'no_label'."""
    fingerprint = re.sub(r"[\s:]", "", typed[:200]).lower()
    if not _FINGERPRINT.fullmatch(fingerprint):
        message = (
            "A fingerprint has 64 digits, 0 to 9 and a to f. Compare it with the other hospital, then type it all."
        )
        raise PlainError("bad_fingerprint", message)
    label = " ".join("".join(letter if letter.isprintable() else " " for letter in label).split())
    if not label or len(label) > _LONGEST_LABEL:
        raise PlainError("no_label", f"Type whose key this is, in up to {_LONGEST_LABEL} characters.")
    row = session.scalars(select(Signer).where(Signer.fingerprint == fingerprint)).first()
    if row is None:
        row = Signer(id=new_id(), fingerprint=fingerprint)
        session.add(row)
    row.label, row.confirmed_by = label, actor
    session.flush()
    record(session, actor, "signer.trust", row.id, key=fingerprint)
    return row


def distrust(session: Session, actor: str, signer_id: str) -> None:
    """Take nothing from this signer any more; what came from it stays. Raises PlainError 'no_signer'."""
    row = session.get(Signer, signer_id)
    if row is None:
        raise PlainError("no_signer", "There is no such key in the list.", 404)
    session.delete(row)
    record(session, actor, "signer.distrust", signer_id, key=row.fingerprint)


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
