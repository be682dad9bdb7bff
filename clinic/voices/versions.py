"""The versions of a voice: which one speaks is somebody's choice, and one that is not wanted any more is destroyed."""

from __future__ import annotations

from functools import partial

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from clinic.audit import record
from clinic.database import after_commit, now
from clinic.errors import PlainError
from clinic.vault import get_vault
from clinic.voices.service import get_voice
from clinic.voices.speaking import speaking
from clinic.voices.tables import BUILDING, DELETED, QUEUED, READY, Comparison, Sample, Voice


def choose(session: Session, actor: str, voice_id: str) -> Voice:
    """Let this version speak from the next sentence on. Raises PlainError 'not_ready'."""
    voice = get_voice(session, voice_id)
    if voice.state != READY:
        raise PlainError("not_ready", "This version is not ready, so it cannot speak. Choose another one.", 409)
    before = speaking(session, voice.patient_id)
    chosen = select(Voice).where(Voice.patient_id == voice.patient_id, Voice.chosen_at.is_not(None))
    for other in session.scalars(chosen):
        other.chosen_at = None
    voice.chosen_at = now()
    former = before.version if before is not None else None
    record(session, actor, "voice.choose", voice.id, patient=voice.patient_id, version=voice.version, before=former)
    return voice


def after_deleting(session: Session, voice: Voice) -> Voice | None:
    """The version that would speak if this one were gone; None when the tablet would fall silent."""
    others = select(Voice).where(Voice.patient_id == voice.patient_id, Voice.state == READY, Voice.id != voice.id)
    return session.scalars(others.order_by(Voice.version.desc()).limit(1)).first()


def delete(session: Session, actor: str, voice_id: str, *, even_speaking: bool = False) -> Voice:
    """Destroy a version: its vectors, its checkpoint and its sample. Its number stays taken.

    Raises PlainError 'being_built', or 'speaks' for the version that speaks, unless `even_speaking` says that somebody
    was asked and meant it.
    """
    voice = get_voice(session, voice_id)
    if voice.state in (QUEUED, BUILDING):
        raise PlainError("being_built", "This version is being built just now. Cancel that first, then delete.", 409)
    spoke = speaking(session, voice.patient_id) is voice
    if spoke and not even_speaking:
        message = "This version speaks for the patient. Let another one speak first, or say that you mean it."
        raise PlainError("speaks", message, 409)
    for blob_id in [*_forget_comparisons(session, voice), *([voice.sample_blob_id] if voice.sample_blob_id else [])]:
        after_commit(session, partial(get_vault().delete_blob, blob_id))
    voice.vectors_sealed = voice.checkpoint_sealed = voice.sample_blob_id = voice.measures = voice.chosen_at = None
    voice.state = DELETED
    record(session, actor, "voice.delete", voice.id, patient=voice.patient_id, version=voice.version, spoke=spoke)
    return voice


def _forget_comparisons(session: Session, voice: Voice) -> list[str]:
    """Remove what the version said, and the pairs that it was in. Returns the blobs to delete."""
    samples = session.scalars(select(Sample).where(Sample.voice_id == voice.id)).all()
    pairs = select(Comparison).where(or_(Comparison.first_id == voice.id, Comparison.second_id == voice.id))
    for row in (*samples, *session.scalars(pairs)):
        session.delete(row)
    return [sample.blob_id for sample in samples]
