"""What the tablet's socket does to sessions and utterances in the database. Knows nothing of sockets or Flask."""

from __future__ import annotations

import io
import wave
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from clinic.accounts.tables import TABLET, Account
from clinic.audit import record
from clinic.database import after_commit, new_id, now, transaction
from clinic.errors import PlainError
from clinic.events import get_stream
from clinic.learning.serving import has_learned
from clinic.live.messages import RATE_UP_HZ
from clinic.live.patience import LOOKED_AT, pause_that_ends
from clinic.live.tables import (
    CANCELLED,
    FAILED,
    NOTHING_HEARD,
    RECEIVED,
    SPOKEN,
    UNSURE,
    WENT_ON,
    WORKING,
    LiveSession,
    Utterance,
)
from clinic.live.turns import Ended
from clinic.patients import modes
from clinic.patients.tables import INTERPRET, Consent, Patient
from clinic.queue import send
from clinic.settings import get_settings
from clinic.speaker.keeping import check_of
from clinic.vault import get_vault
from clinic.voices.speaking import speaking

#: A session that nobody spoke in for this long is over.
SESSION_IDLE = timedelta(minutes=30)
_TRIES = 5
OWN, STAND_IN, NONE = "own", "stand_in", "none"


@dataclass(frozen=True)
class Readiness:
    """Whose voice would sound. voice: 'own', 'stand_in' or 'none'; label: as the screen shows it; why: plain words."""

    voice: str
    label: str
    why: str = ""
    code: str = ""


def session_version(account_id: str) -> int:
    """The version of an account's sign-ins; 0 for an account that is gone."""
    with transaction() as session:
        account = session.get(Account, account_id)
        return account.session_version if account is not None else 0


def allowed(account_id: str, version: int) -> str | None:
    """The patient of a tablet that may still be used; None when it was disabled, signed out or its patient erased."""
    with transaction() as session:
        account = session.get(Account, account_id)
        if account is None or account.disabled_at is not None or account.role != TABLET or account.patient_id is None:
            return None
        if account.session_version != version:
            return None
        patient = session.get(Patient, account.patient_id)
        return account.patient_id if patient is not None and patient.erased_at is None else None


@dataclass(frozen=True)
class Pause:
    """How long a pause ends a patient's turn, and of how many turns that was learned."""

    pause_s: float
    learned_from: int


def pause_of(session: Session, patient_id: str) -> Pause:
    """What is waited for: the setting, and more and more what this patient's last turns showed since it was set."""
    patient = session.get_one(Patient, patient_id)
    known = select(Utterance.longest_pause_s).where(
        Utterance.patient_id == patient_id,
        Utterance.longest_pause_s.is_not(None),
        Utterance.error_code.is_distinct_from(WENT_ON),
        Utterance.state != NOTHING_HEARD,  # that may have been the room
    )
    if patient.pause_set_at is not None:
        known = known.where(Utterance.ended_at > patient.pause_set_at)
    longest = session.scalars(known.order_by(Utterance.ended_at.desc()).limit(LOOKED_AT)).all()
    longest_s = [one for one in longest if one is not None]
    return Pause(pause_that_ends(patient.pause_s, longest_s), len(longest_s))


def pause_s(patient_id: str) -> float:
    """How long a pause ends this patient's turn."""
    with transaction() as session:
        return pause_of(session, patient_id).pause_s


def readiness(patient_id: str) -> Readiness:
    """Whether this tablet may speak, and in whose voice. Never a stand-in that the patient did not choose."""
    with transaction() as session:
        patient = session.get_one(Patient, patient_id)
        if not _consents(session, patient_id):
            why = "There is no consent yet to speak in your voice. Your clinician can record it with you."
            return Readiness(NONE, "", why, "no_consent")
        if speaking(session, patient_id) is not None:
            return Readiness(OWN, "your own voice")
        if patient.stand_in:
            return Readiness(STAND_IN, f"stand-in: {patient.stand_in}", "Your own voice is not ready yet.")
        why = "Your voice is not ready yet. Your clinician builds it from recordings of you."
        return Readiness(NONE, "", why, "no_voice")


def open_session(patient_id: str, account_id: str) -> str:
    """A new session at the tablet; the patient's earlier ones are over, and their notes are drafted. Returns its id."""
    with transaction() as session:
        earlier = select(LiveSession).where(LiveSession.patient_id == patient_id, LiveSession.ended_at.is_(None))
        for row in session.scalars(earlier).all():
            last = _last_spoken_at(session, row.id)
            row.ended_at = last or now()
            if last is not None:
                send(session, "notes.draft", row.id)
        fresh = LiveSession(id=new_id(), patient_id=patient_id)
        session.add(fresh)
        record(session, account_id, "live.open", fresh.id)
        if has_learned(session, patient_id) or check_of(session, patient_id) is not None:
            send(session, "live.warm", patient_id)
        return fresh.id


def resumable(session_id: str, patient_id: str) -> bool:
    """True when this session is this patient's, was not ended, and somebody spoke in it not long ago."""
    with transaction() as session:
        row = session.get(LiveSession, session_id)
        if row is None or row.patient_id != patient_id or row.ended_at is not None:
            return False
        return now() - (_last_spoken_at(session, session_id) or row.created_at) < SESSION_IDLE


def keep(session_id: str, patient_id: str, turn_id: str, heard: Ended, mode: str | None = None) -> str:
    """Seal what was heard as an utterance, and queue it to be understood. Returns its id. `mode`: how it was taken.

    One whose turn is not over (reasons 'cut_off', 'so_far') waits until the patient asks for it. If the rest of its
    turn comes later, the whole takes its place. What was said so far is understood ahead: the rest may be silence. A
    turn that was taken before is not taken again.
    """
    for _ in range(_TRIES - 1):
        with suppress(IntegrityError):  # another process took the same number, or the same turn: look again
            return _keep(session_id, patient_id, turn_id, heard, mode)
    return _keep(session_id, patient_id, turn_id, heard, mode)


def _keep(session_id: str, patient_id: str, turn_id: str, ended: Ended, mode: str | None) -> str:
    vault = get_vault()
    cut_off = ended.reason in ("cut_off", "so_far")
    blob_id = vault.put_blob(patient_id, _wav(ended.pcm))
    unneeded = blob_id
    try:
        with transaction() as session:
            speech_mode = _mode(session, session_id)
            row = session.scalars(_turn(session_id, turn_id)).first()
            if row is not None and not (row.cut_off and row.state == RECEIVED):
                return row.id
            if row is None:
                newest = select(func.max(Utterance.number)).where(Utterance.session_id == session_id)
                number = (session.scalars(newest).one() or 0) + 1
                row = Utterance(
                    id=new_id(), patient_id=patient_id, session_id=session_id, turn_id=turn_id, number=number,
                    audio_blob_id="",
                )  # fmt: skip
                session.add(row)
            former, row.audio_blob_id = row.audio_blob_id, blob_id
            row.cut_off, row.ended_at, row.mode = cut_off, now(), mode
            row.speech_mode = speech_mode
            row.duration_s = len(ended.pcm) / 2 / RATE_UP_HZ
            row.longest_pause_s = None if cut_off else ended.longest_pause_s
            if not cut_off:
                send(session, "live.restore", row.id)
            elif ended.reason == "so_far" and get_settings().work_ahead:
                send(session, "live.ahead", row.id, blob_id)
            utterance_id = row.id
            session.flush()
            unneeded = former
        return utterance_id
    finally:
        if unneeded:
            vault.delete_blob(unneeded)


def spoke_on(utterance_id: str, so_far_bytes: int, patient_id: str) -> None:
    """What was said so far was not all: whoever works on so many bytes of it may stop. Raises PlainError."""
    event = {"type": "spoke_on", "bytes": so_far_bytes}
    get_stream().publish(f"turn:{utterance_id}", patient_id, event)


def forget(session_id: str, turn_id: str) -> None:
    """The patient gave this turn up before its end, or it was nothing: what was kept of it goes."""
    with transaction() as session:
        row = session.scalars(_turn(session_id, turn_id)).first()
        if row is not None and row.cut_off and row.state == RECEIVED:
            blob_id = row.audio_blob_id
            session.delete(row)
            after_commit(session, lambda: get_vault().delete_blob(blob_id))


def of_turn(session_id: str, turn_id: str) -> str | None:
    """The utterance that a turn became, None when it did not, or when only its beginning was heard."""
    with transaction() as session:
        row = session.scalars(_turn(session_id, turn_id)).first()
        return row.id if row is not None and not row.cut_off else None


def latest(session_id: str) -> Utterance | None:
    """The newest utterance of a session."""
    with transaction() as session:
        newest = select(Utterance).where(Utterance.session_id == session_id).order_by(Utterance.number.desc())
        return session.scalars(newest.limit(1)).first()


def choose(utterance_id: str, session_id: str, reading: int, account_id: str) -> None:
    """The patient touched a reading: it is to be spoken. Raises PlainError 'not_waiting', 'no_such_reading'."""
    with transaction() as session:
        row = _of_session(session, utterance_id, session_id)
        if row.state != UNSURE or row.transcript_sealed is None:
            raise _not_waiting()
        readings = get_vault().get_json(row, "transcript_sealed")["readings"]
        if reading >= len(readings):
            raise PlainError("no_such_reading", "That reading is not among those on the screen.")
        text = readings[reading]["text"]
        if row.speech_mode == INTERPRET:
            get_vault().put(row, "original_text_sealed", text)
            text = _english_of(readings[reading])
        get_vault().put(row, "spoken_text_sealed", text)
        row.chosen, row.state = True, WORKING
        record(session, account_id, "live.choose", row.id, reading=reading)
        send(session, "live.speak", row.id)


def dismiss(utterance_id: str, session_id: str, why: str) -> None:
    """No reading was taken: `why` is 'again' or 'none_of_these'. Raises PlainError 'not_waiting'."""
    with transaction() as session:
        row = _of_session(session, utterance_id, session_id)
        if row.state != UNSURE:
            raise _not_waiting()
        row.state, row.error_code = CANCELLED, why


def cancel(utterance_id: str, session_id: str) -> None:
    """Stop working on an utterance, or speaking it. One that was spoken to its end stays as it is."""
    with transaction() as session:
        row = _of_session(session, utterance_id, session_id)
        if row.state not in (SPOKEN, FAILED):
            row.state = CANCELLED


def went_on(utterance_id: str, session_id: str) -> None:
    """The patient spoke on: its turn becomes another utterance, which begins with it. Nothing more is done for it.

    One that is gone was put aside as another's: the whole is judged again.
    """
    with transaction() as session:
        if session.get(Utterance, utterance_id) is None:
            return
        row = _of_session(session, utterance_id, session_id)
        row.turn_id = None
        if row.state not in (SPOKEN, FAILED):
            row.state, row.error_code = CANCELLED, WENT_ON


def take_up_cut_off(utterance_id: str, session_id: str) -> None:
    """Understand what was heard before the connection broke. Raises PlainError 'not_waiting'."""
    with transaction() as session:
        row = _of_session(session, utterance_id, session_id)
        if not row.cut_off or row.state != RECEIVED:
            raise _not_waiting()
        send(session, "live.restore", row.id)


def give_up(utterance_id: str, code: str, message: str) -> None:
    """No worker answered. It must not be spoken later, when nobody expects it any more."""
    with transaction() as session:
        row = session.get(Utterance, utterance_id)
        if row is not None and row.state in (RECEIVED, WORKING):
            row.state, row.error_code, row.error_message = FAILED, code, message


def speech_mode(session_id: str) -> tuple[str, tuple[str, ...]]:
    """How what is said now will be said again, and what the tablet may offer in its place."""
    with transaction() as session:
        live = session.get_one(LiveSession, session_id)
        return _mode(session, session_id), modes.offered(session.get_one(Patient, live.patient_id))


def choose_mode(session_id: str, mode: str, account_id: str) -> None:
    """The patient's own choice, for what they say from now on in this session. Raises PlainError 'not_offered'."""
    with transaction() as session:
        modes.choose(session, account_id, session.get_one(LiveSession, session_id), mode)


def _mode(session: Session, session_id: str) -> str:
    live = session.get_one(LiveSession, session_id)
    return modes.in_force(session.get_one(Patient, live.patient_id), live)


def _english_of(reading: dict[str, str]) -> str:
    """Never the words themselves: a voice that speaks English would garble them."""
    if not reading.get("english"):
        raise PlainError("no_english", "There is no English for that one. Say it again, or another way.")
    return reading["english"]


def _consents(session: Session, patient_id: str) -> bool:
    wanted = select(Consent).where(
        Consent.patient_id == patient_id, Consent.scope == "speak_for_me", Consent.withdrawn_at.is_(None)
    )
    return any(row.expires_at is None or row.expires_at > now() for row in session.scalars(wanted))


def _last_spoken_at(session: Session, session_id: str) -> datetime | None:
    return session.scalars(select(func.max(Utterance.ended_at)).where(Utterance.session_id == session_id)).one()


def _turn(session_id: str, turn_id: str) -> Select[Utterance]:
    return select(Utterance).where(Utterance.session_id == session_id, Utterance.turn_id == turn_id)


def _of_session(session: Session, utterance_id: str, session_id: str) -> Utterance:
    row = session.get(Utterance, utterance_id)
    if row is None or row.session_id != session_id:
        raise PlainError("unknown_utterance", "That is not part of this conversation.", 404)
    return row


def _not_waiting() -> PlainError:
    return PlainError("not_waiting", "That was answered already.")


def _wav(pcm: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE_UP_HZ)
        writer.writeframes(pcm)
    return file.getvalue()
