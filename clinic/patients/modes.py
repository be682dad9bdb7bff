"""Modes: how what a patient says is said again. Which one is in force, who may set it, and what cannot be set."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from clinic.audit import record
from clinic.errors import PlainError
from clinic.live.tables import LiveSession
from clinic.patients.tables import AS_SAID, INTERPRET, RESTORE, Patient

MODES = (RESTORE, AS_SAID, INTERPRET)
#: What the patient may choose between at the tablet. Interpreting changes what is said, so a clinician sets it.
AT_THE_TABLET = (RESTORE, AS_SAID)

#: The one language that a voice speaks, and into which recognition translates.
SPOKEN = "en"
LANGUAGES = {"en": "English", "es": "Spanish", "fr": "French"}


def usual_for(language: str) -> str:
    """The mode that a new patient begins in: of another language only English can sound."""
    return RESTORE if is_spoken(language) else INTERPRET


def is_spoken(language: str) -> bool:
    """Whether a voice speaks this language."""
    return language.split("-")[0].lower() == SPOKEN


def change(session: Session, actor: str, patient: Patient, mode: str, into: str = SPOKEN) -> None:
    """Set a patient's mode; it counts from the next sentence on, whatever was chosen at the tablet.

    `into`: the language that is to sound in mode interpret. Raises PlainError 'no_mode', 'other_target',
    'nothing_to_interpret' and 'language_not_spoken'; then nothing is changed.
    """
    _require(patient.language, mode, into)
    session.execute(
        update(LiveSession)
        .where(LiveSession.patient_id == patient.id, LiveSession.ended_at.is_(None))
        .values(speech_mode=None)
    )
    if patient.speech_mode != mode:
        patient.speech_mode = mode
        record(session, actor, "patient.speech_mode", patient.id, speech_mode=mode)


def choose(session: Session, actor: str, live: LiveSession, mode: str) -> None:
    """The patient's own choice, for this session. Raises PlainError 'not_offered'."""
    patient = session.get_one(Patient, live.patient_id)
    if mode not in offered(patient):
        raise PlainError(
            "not_offered", "How this is said cannot be changed here. Your clinician can change it with you.", 409
        )
    if in_force(patient, live) != mode:
        live.speech_mode = mode
        record(session, actor, "live.speech_mode", live.id, speech_mode=mode)


def offered(patient: Patient) -> tuple[str, ...]:
    """What the tablet may offer; nothing where there is no choice."""
    return () if patient.speech_mode == INTERPRET or not is_spoken(patient.language) else AT_THE_TABLET


def in_force(patient: Patient, live: LiveSession | None) -> str:
    """The mode of what is said now: the clinician's, unless the patient chose otherwise in this session."""
    if live is None or live.speech_mode not in offered(patient):
        return patient.speech_mode
    return live.speech_mode


def _require(language: str, mode: str, into: str) -> None:
    called = LANGUAGES.get(language.split("-")[0].lower(), "another language")
    if mode not in MODES:
        raise PlainError("no_mode", "There is no such mode. Choose one of those on the page.")
    if mode != INTERPRET:
        if not is_spoken(language):
            raise PlainError(
                "language_not_spoken",
                f"This patient speaks {called}, and the voices speak English only. What they say can only sound in "
                "English: choose Interpret. Nothing was changed.",
            )
        return
    if into.split("-")[0].lower() != SPOKEN:
        raise PlainError(
            "other_target",
            "What is said can be interpreted into English only: the voices speak no other language, and recognition "
            "translates into no other. Choose English. Nothing was changed.",
        )
    if is_spoken(language):
        raise PlainError(
            "nothing_to_interpret",
            "This patient speaks English, and the voice speaks English: there is nothing to interpret. Nothing was "
            "changed.",
        )
