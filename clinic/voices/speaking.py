"""Which version of a voice speaks for the patient. Pages, the tablet and the workers all ask here.

Knows the tables and nothing else, so that workers may ask too.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.voices.tables import READY, Voice


def speaking(session: Session, patient_id: str) -> Voice | None:
    """The version that somebody chose; until then the newest that is ready. None when none is ready."""
    ready = select(Voice).where(Voice.patient_id == patient_id, Voice.state == READY)
    chosen_first = ready.order_by(Voice.chosen_at.is_(None), Voice.chosen_at.desc(), Voice.version.desc())
    return session.scalars(chosen_first.limit(1)).first()
