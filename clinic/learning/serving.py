"""Which version of what was learned is in use. Pages and the workers both ask here.

Knows the tables and nothing else, so that workers may ask too.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.database import now
from clinic.learning.tables import CHECKED, READY, Adapter, PhraseExample


def serving(session: Session, patient_id: str) -> Adapter | None:
    """The version in use; None where stock recognition serves."""
    chosen = select(Adapter).where(
        Adapter.patient_id == patient_id, Adapter.state == READY, Adapter.chosen_at.is_not(None)
    )
    return session.scalars(chosen.order_by(Adapter.chosen_at.desc(), Adapter.version.desc()).limit(1)).first()


def has_learned(session: Session, patient_id: str) -> bool:
    """Whether there is anything of this patient's own to be opened: a version in use, or phrases."""
    taught = select(PhraseExample.id).where(PhraseExample.patient_id == patient_id, PhraseExample.state == CHECKED)
    return serving(session, patient_id) is not None or session.scalar(taught.limit(1)) is not None


def put_into_use(session: Session, patient_id: str, adapter: Adapter | None) -> None:
    """Let this version, or none, be used from the next utterance on."""
    for row in session.scalars(select(Adapter).where(Adapter.patient_id == patient_id, Adapter.chosen_at.is_not(None))):
        row.chosen_at = None
    if adapter is not None:
        adapter.chosen_at = now()
