"""The ninety-second view: whoever sounded unlike themselves in the last day comes first, with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from clinic.database import now
from clinic.learning.tables import Adapter
from clinic.live.tables import LiveSession, Utterance
from clinic.patients.service import named
from clinic.patients.tables import Patient
from clinic.vault import VaultError, get_vault
from clinic.voices.tables import BUILDING, QUEUED, Voice

#: From here on a reading is worth a look. A clinician judges it; nobody is called by it.
UNUSUAL = 0.5
WINDOW = timedelta(hours=24)


@dataclass(frozen=True)
class Moment:
    """The most unusual utterance of one patient in the window."""

    patient_id: str
    name: str
    utterance: Utterance
    kind: str
    value: float
    cue: str
    count: int


@dataclass(frozen=True)
class Build:
    """A voice that is being built."""

    patient_id: str
    name: str
    voice: Voice


@dataclass(frozen=True)
class Learned:
    """A patient whose speech is being learned."""

    patient_id: str
    name: str
    adapter: Adapter


@dataclass(frozen=True)
class SessionLine:
    """One session at the tablet, for a list."""

    session: LiveSession
    utterances: int
    distress: float | None
    urgency: float | None
    last_at: datetime | None


def unusual_moments(session: Session) -> list[Moment]:
    """One moment a patient, the highest reading first."""
    high = or_(Utterance.distress >= UNUSUAL, Utterance.urgency >= UNUSUAL)
    recent = select(Utterance).where(Utterance.ended_at >= now() - WINDOW, high)
    by_patient: dict[str, list[Utterance]] = {}
    for utterance in session.scalars(recent):
        by_patient.setdefault(utterance.patient_id, []).append(utterance)
    moments = []
    for patient_id, utterances in by_patient.items():
        patient = session.get_one(Patient, patient_id)
        if patient.erased_at is not None:
            continue
        worst = max(utterances, key=reading)
        kind = "distress" if (worst.distress or 0.0) >= (worst.urgency or 0.0) else "urgency"
        name = named(patient).name
        moments.append(Moment(patient_id, name, worst, kind, reading(worst), _first_cue(worst, kind), len(utterances)))
    return sorted(moments, key=lambda moment: -moment.value)


def builds(session: Session) -> list[Build]:
    """Voices that wait for a worker or are being built."""
    running = select(Voice).where(Voice.state.in_((QUEUED, BUILDING))).order_by(Voice.created_at)
    found = []
    for voice in session.scalars(running):
        patient = session.get_one(Patient, voice.patient_id)
        if patient.erased_at is None:
            found.append(Build(patient.id, named(patient).name, voice))
    return found


def learnings(session: Session) -> list[Learned]:
    """Patients whose speech waits for a worker to learn it, or is being learned."""
    running = select(Adapter).where(Adapter.state.in_((QUEUED, BUILDING))).order_by(Adapter.created_at)
    found = []
    for adapter in session.scalars(running):
        patient = session.get_one(Patient, adapter.patient_id)
        if patient.erased_at is None:
            found.append(Learned(patient.id, named(patient).name, adapter))
    return found


def sessions_of(session: Session, patient_id: str, most: int = 30) -> list[SessionLine]:
    """The patient's newest sessions, with their highest readings."""
    rows = session.execute(
        select(
            LiveSession,
            func.count(Utterance.id),
            func.max(Utterance.distress),
            func.max(Utterance.urgency),
            func.max(Utterance.ended_at),
        )
        .outerjoin(Utterance, Utterance.session_id == LiveSession.id)
        .where(LiveSession.patient_id == patient_id)
        .group_by(LiveSession.id)
        .order_by(LiveSession.created_at.desc())
        .limit(most)
    )
    return [SessionLine(*row) for row in rows]


def reading(utterance: Utterance) -> float:
    """The higher of the two readings."""
    return max(utterance.distress or 0.0, utterance.urgency or 0.0)


def feeling(utterance: Utterance) -> dict[str, Any]:
    """The utterance's readings with their cues; empty when there are none, or they do not open."""
    if utterance.feeling_sealed is None:
        return {}
    try:
        return dict(get_vault().get_json(utterance, "feeling_sealed"))
    except VaultError:
        return {}


def _first_cue(utterance: Utterance, kind: str) -> str:
    cues = feeling(utterance).get(kind, {}).get("cues", [])
    return str(cues[0]) if cues else "The reason cannot be read. Listen to the moment itself."
