"""Versions of what was learned: asked for, stopped, taken into use, rolled back, destroyed."""

from __future__ import annotations

from functools import partial

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.audit import record
from clinic.database import after_commit, new_id
from clinic.errors import PlainError
from clinic.learning import service
from clinic.learning.serving import put_into_use, serving
from clinic.learning.tables import BUILDING, DELETED, QUEUED, READY, Adapter
from clinic.live.tables import SPOKEN, Utterance
from clinic.patients import consents
from clinic.patients.service import get_patient
from clinic.patients.tables import Patient
from clinic.queue import send
from clinic.vault import get_vault

#: So many new sentences are worth learning again.
NEW = 10


def versions_of(session: Session, patient_id: str) -> list[Adapter]:
    """The newest first, without those that were deleted."""
    kept = select(Adapter).where(Adapter.patient_id == patient_id, Adapter.state != DELETED)
    return list(session.scalars(kept.order_by(Adapter.version.desc())))


def is_running(adapter: Adapter) -> bool:
    """True for a version that waits for a worker or is being learned."""
    return adapter.state in (QUEUED, BUILDING)


def get_version(session: Session, adapter_id: str) -> Adapter:
    """Raises PlainError 'no_version', or what `get_patient` raises."""
    row = session.get(Adapter, adapter_id)
    if row is None or row.state == DELETED:
        raise PlainError("no_version", "There is no such version. It may have been deleted.", 404)
    get_patient(session, row.patient_id)
    return row


def corrections(session: Session, patient_id: str) -> list[str]:
    """Utterances whose words the patient chose themselves, since they agreed to be learned from; their ids.

    What was said before, or while the consent was withdrawn, was never meant for this.
    """
    consent = consents.active(session, patient_id, "learn_corrections")
    if consent is None:
        return []
    chosen = select(Utterance.id).where(
        Utterance.patient_id == patient_id,
        Utterance.chosen.is_(True),
        Utterance.state == SPOKEN,
        Utterance.spoken_text_sealed.is_not(None),
        Utterance.audio_blob_id != "",
        Utterance.ended_at >= consent.given_at,
    )
    return list(session.scalars(chosen.order_by(Utterance.ended_at, Utterance.id)))


def in_use(session: Session, patient_id: str) -> Adapter | None:
    """The version that understands the patient at this moment: none while they do not agree to it."""
    return serving(session, patient_id) if service.may_learn(session, patient_id) else None


def learn(session: Session, actor: str, patient_id: str) -> Adapter:
    """Ask for a new version from all checked sentences and the patient's own corrections.

    Raises PlainError 'no_consent', 'already_learning' or 'too_few'. Earlier versions stay as they are.
    """
    service.require_consent(session, patient_id)
    if any(is_running(one) and not one.cancel_requested for one in versions_of(session, patient_id)):
        message = "A version is being learned already. Wait for it, or cancel it first."
        raise PlainError("already_learning", message, 409)
    readings = service.checked(service.readings_of(session, patient_id))
    if len(readings) < service.LEAST:
        message = (
            f"At least {service.LEAST} sentences are needed that were read aloud and checked; there "
            f"{'is' if len(readings) == 1 else 'are'} {len(readings)}. Read some more, then learn from them."
        )
        raise PlainError("too_few", message, 409)
    newest = session.scalar(select(func.max(Adapter.version)).where(Adapter.patient_id == patient_id)) or 0
    adapter = Adapter(
        id=new_id(),
        patient_id=patient_id,
        version=newest + 1,
        read_aloud_ids=[row.id for row in reversed(readings)],
        utterance_ids=corrections(session, patient_id),
    )
    session.add(adapter)
    session.flush()
    record(
        session, actor, "learning.build", adapter.id, patient=patient_id,
        sentences=len(adapter.read_aloud_ids), corrections=len(adapter.utterance_ids),
    )  # fmt: skip
    send(session, "learning.adapt", adapter.id)
    return adapter


def due(session: Session) -> list[str]:
    """Patients for whom learning again is worth an hour of this machine: `NEW` sentences since the newest version.

    One more correction never asks for a build; they gather, and the night takes them together. Where a clinician went
    back to everybody's recognition, the night does not overrule them.
    """
    found = []
    for patient_id in session.scalars(select(Adapter.patient_id).distinct()):
        patient = session.get_one(Patient, patient_id)
        rows = versions_of(session, patient_id)
        if patient.erased_at is not None or in_use(session, patient_id) is None or any(map(is_running, rows)):
            continue
        known = {one for row in rows[:1] for one in (*row.read_aloud_ids, *row.utterance_ids)}
        readings = [row.id for row in service.checked(service.readings_of(session, patient_id))]
        fresh = [one for one in (*readings, *corrections(session, patient_id)) if one not in known]
        if len(fresh) >= NEW and len(readings) >= service.LEAST:
            found.append(patient_id)
    return found


def cancel(session: Session, actor: str, adapter_id: str) -> Adapter:
    """Ask the learning to stop. It does so at its next step; a finished version stays."""
    adapter = get_version(session, adapter_id)
    if is_running(adapter) and not adapter.cancel_requested:
        adapter.cancel_requested = True
        record(session, actor, "learning.cancel", adapter.id, patient=adapter.patient_id)
    return adapter


def use(session: Session, actor: str, adapter_id: str) -> Adapter:
    """Let this version understand the patient from now on. Raises PlainError 'not_ready', 'no_consent'."""
    adapter = get_version(session, adapter_id)
    service.require_consent(session, adapter.patient_id)
    if adapter.state != READY:
        raise PlainError("not_ready", "This version is not ready, so it cannot be used. Choose another one.", 409)
    _change(session, actor, adapter.patient_id, adapter)
    return adapter


def use_everybodys(session: Session, actor: str, patient_id: str) -> None:
    """Back to recognition as it is for everybody. The versions stay."""
    get_patient(session, patient_id)
    _change(session, actor, patient_id, None)


def delete(session: Session, actor: str, adapter_id: str) -> Adapter:
    """Destroy what was learned. Its number stays taken. Raises PlainError 'being_learned', or 'in_use'."""
    adapter = get_version(session, adapter_id)
    if is_running(adapter):
        raise PlainError(
            "being_learned", "This version is being learned just now. Cancel that first, then delete.", 409
        )
    if serving(session, adapter.patient_id) is adapter:
        message = "This version is in use. Go back to another version, or to everybody's recognition, then delete it."
        raise PlainError("in_use", message, 409)
    for blob_id in (adapter.blob_id, adapter.checkpoint_blob_id):
        if blob_id is not None:
            after_commit(session, partial(get_vault().delete_blob, blob_id))
    adapter.blob_id = adapter.checkpoint_blob_id = adapter.measures = adapter.calibration = adapter.chosen_at = None
    adapter.read_aloud_ids, adapter.utterance_ids = [], []
    adapter.state = DELETED
    record(session, actor, "learning.delete", adapter.id, patient=adapter.patient_id, version=adapter.version)
    return adapter


def _change(session: Session, actor: str, patient_id: str, adapter: Adapter | None) -> None:
    before = serving(session, patient_id)
    put_into_use(session, patient_id, adapter)
    former, version = (one.version if one is not None else None for one in (before, adapter))
    target = adapter.id if adapter is not None else patient_id
    record(session, actor, "learning.use", target, patient=patient_id, version=version, before=former)
