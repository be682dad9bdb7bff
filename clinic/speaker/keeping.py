"""What is kept of a speaker check, and how it goes. Knows the tables and nothing else, so that every room may ask."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from clinic.speaker.tables import OFF, SpeakerCheck, SpeakerFinding


def check_of(session: Session, patient_id: str) -> SpeakerCheck | None:
    """The patient's row; None where nobody ever asked for a check."""
    return session.scalars(select(SpeakerCheck).where(SpeakerCheck.patient_id == patient_id)).first()


def forget(session: Session, patient_id: str) -> bool:
    """Turn the check off; the reference and all that was found go with it. Whether it was on, or watching."""
    row = check_of(session, patient_id)
    session.execute(delete(SpeakerFinding).where(SpeakerFinding.patient_id == patient_id))
    if row is None:
        return False
    was, row.setting = row.setting != OFF, OFF
    row.reference_sealed = row.encoder = row.learned_at = row.error_message = None
    row.utterances = row.asked_of_own = 0
    return was
