"""Patients: made, found by name, set up, erased. Names are unsealed in memory only, for one page."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.accounts.service import disable
from clinic.accounts.tables import Account
from clinic.audit import record
from clinic.database import new_id, now
from clinic.errors import PlainError
from clinic.learning import tables as learning
from clinic.live.tables import Utterance
from clinic.messages.tables import Message
from clinic.patients import modes
from clinic.patients.modes import LANGUAGES as LANGUAGES
from clinic.patients.tables import Patient, Pronunciation
from clinic.speaker import keeping
from clinic.vault import VaultError, get_vault
from clinic.voices.tables import BUILDING, QUEUED, Recording, Sample, Voice

_LONGEST_NAME, _LONGEST_NUMBER = 120, 40

#: Setting → (least, most).
RANGES = {"pause_s": (0.4, 4.0), "sure_at": (0.3, 0.95), "manner_strength": (0.0, 1.0), "pace": (0.6, 1.4)}


@dataclass(frozen=True)
class Named:
    """A patient with their name unsealed; `problem` says why it could not be opened."""

    patient: Patient
    name: str
    number: str
    problem: str = ""


def get_patient(session: Session, patient_id: str) -> Patient:
    """The patient. Raises PlainError 'no_patient' or 'erased'."""
    patient = session.get(Patient, patient_id)
    if patient is None:
        raise PlainError("no_patient", "There is no such patient. Look for them in the list of patients.", 404)
    if patient.erased_at is not None:
        raise PlainError("erased", "This patient's records were erased. Nobody can open them again.", 410)
    return patient


def create_patient(session: Session, actor: str, name: str, hospital_number: str = "", language: str = "en") -> Patient:
    """A new patient with a key of their own. Raises PlainError 'no_name', 'name_too_long' or 'language'."""
    name, hospital_number = " ".join(name.split()), " ".join(hospital_number.split())
    if not name:
        raise PlainError("no_name", "Type the patient's name.")
    if len(name) > _LONGEST_NAME or len(hospital_number) > _LONGEST_NUMBER:
        raise PlainError(
            "name_too_long",
            f"A name has up to {_LONGEST_NAME} characters, a hospital number up to {_LONGEST_NUMBER}. Shorten it.",
        )
    if language not in LANGUAGES:
        raise PlainError("language", "Same Voice does not understand this language yet. Choose one from the list.")
    patient = Patient(id=new_id(), language=language, speech_mode=modes.usual_for(language))
    get_vault().create_key(patient.id)
    get_vault().put(patient, "name_sealed", name)
    if hospital_number:
        get_vault().put(patient, "hospital_number_sealed", hospital_number)
    session.add(patient)
    session.flush()
    record(session, actor, "patient.create", patient.id)
    return patient


def named(patient: Patient) -> Named:
    """Unseal who this is. A name that does not open is said, so that one damaged row does not hide the others."""
    vault = get_vault()
    try:
        number = vault.get_text(patient, "hospital_number_sealed") if patient.hospital_number_sealed else ""
        return Named(patient, vault.get_text(patient, "name_sealed"), number)
    except VaultError as error:
        return Named(patient, "Name not readable", "", error.message)


def list_patients(session: Session, looking_for: str = "") -> list[Named]:
    """Everyone whose name or number holds all the words of `looking_for`, by name. Searched in memory: no index of
    names exists that could be read from a stolen disk."""
    found = [named(patient) for patient in session.scalars(select(Patient).where(Patient.erased_at.is_(None)))]
    words = looking_for.casefold().split()
    if words:
        found = [one for one in found if all(word in f"{one.name} {one.number}".casefold() for word in words)]
    return sorted(found, key=lambda one: (one.problem != "", one.name.casefold()))


def change_settings(session: Session, actor: str, patient_id: str, values: dict[str, float]) -> None:
    """Set what is in `values`. Raises PlainError 'out_of_range' for anything outside `RANGES`."""
    patient = get_patient(session, patient_id)
    for name, value in values.items():
        least, most = RANGES[name]
        if not least <= value <= most:  # also false for nan
            raise PlainError("out_of_range", "One of the settings is outside its range. Nothing was changed.")
    if values.get("pause_s", patient.pause_s) != patient.pause_s:
        patient.pause_set_at = now()
    for name, value in values.items():
        setattr(patient, name, value)
    record(session, actor, "patient.settings", patient_id, **values)


def change_asks_first(session: Session, actor: str, patient_id: str, asks_first: bool) -> None:
    """Whether nothing is spoken before the patient touched it, while their speech was not learned."""
    patient = get_patient(session, patient_id)
    if patient.asks_first != asks_first:
        patient.asks_first = asks_first
        record(session, actor, "patient.asks_first", patient_id, asks_first=asks_first)


def change_mode(session: Session, actor: str, patient_id: str, mode: str, into: str = modes.SPOKEN) -> None:
    """See `modes.change`, which raises; and what `get_patient` raises."""
    modes.change(session, actor, get_patient(session, patient_id), mode, into)


def erase(session: Session, actor: str, patient_id: str) -> None:
    """Destroy the patient's key: whatever it sealed stays closed for good, in every backup too.

    The key goes first and at once. Should anything after it fail, the records are unreadable already, and erasing again
    finishes the rest.
    """
    patient = session.get(Patient, patient_id)
    if patient is None:
        raise PlainError("no_patient", "There is no such patient.", 404)
    vault = get_vault()
    vault.shred(patient_id)
    for blob_id in _blobs(session, patient_id):
        vault.delete_blob(blob_id)
    for voice in session.scalars(select(Voice).where(Voice.patient_id == patient_id)):
        voice.cancel_requested = voice.cancel_requested or voice.state in (QUEUED, BUILDING)
    for adapter in session.scalars(select(learning.Adapter).where(learning.Adapter.patient_id == patient_id)):
        adapter.cancel_requested = adapter.cancel_requested or adapter.state in (learning.QUEUED, learning.BUILDING)
    for account in session.scalars(select(Account).where(Account.patient_id == patient_id)):
        disable(session, account, actor=actor)
    keeping.forget(session, patient_id)
    patient.erased_at = patient.erased_at or now()
    record(session, actor, "patient.erase", patient_id)


def _blobs(session: Session, patient_id: str) -> list[str]:
    columns = (
        Recording.blob_id,
        Voice.sample_blob_id,
        Sample.blob_id,
        Pronunciation.preview_blob_id,
        Message.blob_id,
        Message.upload_blob_id,
        Utterance.audio_blob_id,
        Utterance.restored_blob_id,
        learning.ReadAloud.blob_id,
        learning.Adapter.blob_id,
        learning.Adapter.checkpoint_blob_id,
        learning.PhraseExample.blob_id,
        learning.PhraseExample.features_blob_id,
    )
    found: list[str] = []
    for column in columns:
        found += [
            blob for blob in session.scalars(select(column).where(column.class_.patient_id == patient_id)) if blob
        ]
    return found
