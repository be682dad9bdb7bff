"""The speaker check as a clinician sets it and looks at it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.audit import record
from clinic.database import new_id, now
from clinic.errors import PlainError
from clinic.patients import consents
from clinic.patients.service import get_patient
from clinic.queue import send
from clinic.speaker.keeping import check_of, forget
from clinic.speaker.tables import OFF, ON, OTHER, OWN, SCOPE, SETTINGS, UNLIKE, SpeakerCheck, SpeakerFinding

#: With fewer utterances the check judges nobody (docs/gates.md).
LEAST = 10
LATELY = timedelta(days=7)


@dataclass(frozen=True)
class Lately:
    """Of `LATELY`. asked: not like the patient, or clearly another after a touch. left: clearly another, hands-free.
    theirs: of those that were asked about, how many the patient then touched: they were the patient."""

    judged: int
    own: int
    asked: int
    left: int
    theirs: int


@dataclass(frozen=True)
class Overview:
    """What the patient's page shows. judges: whether there is enough to judge by."""

    setting: str
    consented: bool
    utterances: int
    least: int
    judges: bool
    asked_of_own: int
    learning: bool
    problem: str
    lately: Lately


def change(session: Session, actor: str, patient_id: str, setting: str) -> None:
    """Off, watch or on. Off forgets the reference; the others make it, where there is none.

    Raises PlainError 'no_such_setting', 'no_consent', and what `get_patient` raises.
    """
    get_patient(session, patient_id)
    if setting not in SETTINGS:
        raise PlainError("no_such_setting", "Choose off, watch or on. Nothing was changed.")
    row = check_of(session, patient_id)
    if setting == (row.setting if row else OFF):
        return
    if setting == OFF:
        forget(session, patient_id)
    else:
        _require_consent(session, patient_id)
        if row is None:
            row = SpeakerCheck(id=new_id(), patient_id=patient_id)
            session.add(row)
        row.setting = setting
        if row.reference_sealed is None:
            send(session, "speaker.learn", patient_id)
    record(session, actor, "patient.speaker_check", patient_id, setting=setting)


def learn_again(session: Session, actor: str, patient_id: str) -> None:
    """Make the reference anew, of what the patient read aloud and confirmed. Raises PlainError 'off', 'no_consent'."""
    get_patient(session, patient_id)
    row = check_of(session, patient_id)
    if row is None or row.setting == OFF:
        raise PlainError("off", "The check is off. Turn it on, or let it watch, first.", 409)
    _require_consent(session, patient_id)
    row.error_message = None
    record(session, actor, "patient.speaker_learn", patient_id)
    send(session, "speaker.learn", patient_id)


def overview(session: Session, patient_id: str) -> Overview:
    """The setting, what the reference is made of, and what the check found lately."""
    row = check_of(session, patient_id)
    consented = consents.active(session, patient_id, SCOPE) is not None
    if row is None:
        return Overview(OFF, consented, 0, LEAST, False, 0, False, "", lately(session, patient_id))
    return Overview(
        setting=row.setting,
        consented=consented,
        utterances=row.utterances,
        least=LEAST,
        judges=row.setting != OFF and consented and row.utterances >= LEAST,
        asked_of_own=row.asked_of_own,
        learning=row.setting != OFF and row.learned_at is None and row.error_message is None,
        problem=row.error_message or "",
        lately=lately(session, patient_id),
    )


def lately(session: Session, patient_id: str) -> Lately:
    """What was found in the last week."""
    rows = session.scalars(
        select(SpeakerFinding).where(
            SpeakerFinding.patient_id == patient_id, SpeakerFinding.created_at >= now() - LATELY
        )
    ).all()
    found = Counter((row.found, row.touched) for row in rows)
    left = found[OTHER, False]
    asked = found[UNLIKE, False] + found[UNLIKE, True] + found[OTHER, True]
    own = found[OWN, False] + found[OWN, True]
    theirs = sum(row.theirs for row in rows if row.found != OWN)
    return Lately(own + asked + left, own, asked, left, theirs)


def _require_consent(session: Session, patient_id: str) -> None:
    if consents.active(session, patient_id, SCOPE) is None:
        raise PlainError(
            "no_consent",
            "The patient has not agreed yet that the software knows their voice of today. Record that consent first.",
            403,
        )


__all__ = ["LATELY", "LEAST", "ON", "Lately", "Overview", "change", "lately", "learn_again", "overview"]
