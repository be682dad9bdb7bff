"""A patient's sealed things, opened into what the rooms understand, and sealed again."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.database import now
from clinic.patients.tables import Consent, Patient, Pronunciation
from clinic.vault import VaultError, get_vault
from clinic.voices.speaking import speaking
from clinic.voices.tables import Voice as VoiceRow
from clinic.voices.tables import binding as binding
from workers.contracts import SpokenError, Voice
from workers.tasks.codec import pack_arrays, unpack_arrays


def seal_voice(row: VoiceRow, voice: Voice) -> None:
    """Put a built voice into its row. The row's own state is the caller's matter."""
    row.engine, row.model, row.revision = voice.engine, voice.model, voice.revision
    row.measures = {name: float(value) for name, value in voice.measures.items()}
    get_vault().put(row, "vectors_sealed", pack_arrays(voice.vectors), binding=binding(voice.model, voice.revision))


def open_voice(session: Session, patient_id: str) -> tuple[str, Voice]:
    """The version that speaks for a patient (`clinic.voices.speaking`): its row's id and the voice.

    Raises SpokenError 'no_voice' when there is none; VaultError when it cannot be opened. Never another voice.
    """
    row = speaking(session, patient_id)
    if row is None:
        raise _no_voice()
    return row.id, open_version(row)


def open_version(row: VoiceRow) -> Voice:
    """The voice in a row. Raises SpokenError 'no_voice' for a row without one, VaultError when it does not open."""
    if row.vectors_sealed is None or row.engine is None or row.model is None or row.revision is None:
        raise _no_voice()
    data = get_vault().get_bytes(row, "vectors_sealed", binding=binding(row.model, row.revision))
    return Voice(row.engine, row.model, row.revision, unpack_arrays(data), row.measures or {})


def pronunciations(session: Session, patient_id: str) -> dict[str, str]:
    """Words of this patient, and how they are said; see `Engine.say`.

    One that does not open is left out: its word is said as it is written, which is better than silence.
    """
    vault = get_vault()
    found: dict[str, str] = {}
    for row in session.scalars(select(Pronunciation).where(Pronunciation.patient_id == patient_id)):
        with suppress(VaultError):
            found[vault.get_text(row, "word_sealed")] = vault.get_text(row, "say_sealed")
    return found


def consents(session: Session, patient_id: str) -> frozenset[str]:
    """The scopes that the patient agrees to at this moment."""
    rows = session.scalars(select(Consent).where(Consent.patient_id == patient_id, Consent.withdrawn_at.is_(None)))
    return frozenset(row.scope for row in rows if row.expires_at is None or row.expires_at > now())


def patient_of(session: Session, patient_id: str) -> Patient:
    """The patient, who is neither gone nor erased."""
    patient = session.get(Patient, patient_id)
    if patient is None or patient.erased_at is not None:
        raise SpokenError("erased", "This patient's records were erased.")
    return patient


def _no_voice() -> SpokenError:
    return SpokenError("no_voice", "Your voice has not been built yet. Ask your clinician to build it.")
