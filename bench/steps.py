"""The main job as a client of the service: enrol, build, speak, draft. Used by the demo, the benchmarks and the tests.

Everything goes through the product's own tables, vault, queue and tasks; nothing is short-cut.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import select

from clinic.accounts.tables import Account
from clinic.database import new_id, now, transaction
from clinic.events import get_stream
from clinic.live.tables import LiveSession, Utterance
from clinic.notes.tables import FAILED as NOT_DRAFTED
from clinic.notes.tables import Note
from clinic.patients.tables import SCOPES, Consent, Patient
from clinic.queue import send
from clinic.vault import get_vault
from clinic.voices import tables as voices
from clinic.voices.tables import Recording, Voice
from workers.contracts import Audio, FloatArray
from workers.tasks.sound import wav_bytes


class StepFailed(Exception):
    """A step of the main job ended with the service's own message."""


@dataclass
class Said:
    """What came back for one utterance."""

    utterance_id: str
    events: list[dict[str, Any]] = field(default_factory=list)
    samples: FloatArray = field(default_factory=lambda: np.zeros(0, np.float32))
    first_sound_s: float | None = None

    def event(self, kind: str) -> dict[str, Any] | None:
        """The first event of a kind."""
        return next((event for event in self.events if event["type"] == kind), None)


def enrol_patient(name: str, recorded_by: str) -> str:
    """A patient with a key of their own and every consent given. Returns the id."""
    with transaction() as session:
        # Whoever is enrolled here speaks clearly, or is simulated and asked for by the benchmark as it stands.
        patient = Patient(id=new_id(), language="en", asks_first=False)
        get_vault().create_key(patient.id)
        get_vault().put(patient, "name_sealed", name)
        session.add(patient)
        session.flush()
        for scope in SCOPES:
            session.add(Consent(patient_id=patient.id, scope=scope, given_at=now(), recorded_by=recorded_by))
        return patient.id


def account_id(username: str) -> str:
    """The id of an account."""
    with transaction() as session:
        return session.scalars(select(Account.id).where(Account.username == username)).one()


def upload(patient_id: str, data: bytes, filename: str) -> str:
    """Keep a recording and queue its check. Returns its id."""
    vault = get_vault()
    with transaction() as session:
        row = Recording(id=new_id(), patient_id=patient_id, size_bytes=len(data))
        row.blob_id = vault.put_blob(patient_id, data)
        vault.put(row, "filename_sealed", filename)
        session.add(row)
        send(session, "voices.check", row.id)
        return row.id


def wait_checked(recording_id: str, timeout_s: float = 300.0) -> Recording:
    """The recording once it was checked."""
    row: Recording = _wait(Recording, recording_id, (voices.CHECKED,), (voices.REFUSED,), timeout_s)
    return row


def build(patient_id: str, recording_ids: Sequence[str]) -> str:
    """Queue the building of a voice. Returns its id."""
    with transaction() as session:
        row = Voice(id=new_id(), patient_id=patient_id, version=1, recording_ids=list(recording_ids))
        session.add(row)
        send(session, "voices.fit", row.id)
        return row.id


def wait_built(voice_id: str, told: Callable[[float, str], None] | None = None, timeout_s: float = 1800.0) -> Voice:
    """The voice once it is ready; `told` hears how far it is."""
    row: Voice = _wait(Voice, voice_id, (voices.READY,), (voices.FAILED, voices.CANCELLED), timeout_s, told)
    return row


def open_session(patient_id: str) -> str:
    """A session at the tablet. Returns its id."""
    with transaction() as session:
        row = LiveSession(id=new_id(), patient_id=patient_id)
        session.add(row)
        return row.id


def speak(patient_id: str, session_id: str, number: int, audio: Audio, timeout_s: float = 120.0) -> Said:
    """Say one utterance, as the tablet's socket would hand it over, and gather what comes back until it is done."""
    topic = f"session:{session_id}"
    after = _last_event(topic, patient_id)
    vault = get_vault()
    with transaction() as session:
        row = Utterance(
            id=new_id(), patient_id=patient_id, session_id=session_id, number=number,
            ended_at=now(), duration_s=audio.duration_s,
        )  # fmt: skip
        row.audio_blob_id = vault.put_blob(patient_id, wav_bytes(audio))
        session.add(row)
        send(session, "live.restore", row.id)
        ended_at = row.ended_at
    said = Said(row.id)
    pieces: list[FloatArray] = []
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        for event in get_stream().read(topic, patient_id, after=after, timeout_s=1.0):
            after = event.id
            if event.event.get("utterance") != row.id:
                continue
            said.events.append(event.event)
            if event.event["type"] == "speech":
                if said.first_sound_s is None:
                    said.first_sound_s = (now() - ended_at).total_seconds()
                pieces.append(np.frombuffer(event.blob, "<i2").astype(np.float32) / 32768.0)
            if event.event["type"] in ("speech_end", "unsure", "nothing_heard", "failed"):
                said.samples = np.concatenate(pieces) if pieces else said.samples
                return said
    raise StepFailed("Nothing came back for this utterance in time. Is a worker for the queue `live` running?")


def draft(session_id: str, patient_id: str, timeout_s: float = 60.0) -> list[dict[str, Any]]:
    """The session's draft note, once it is there."""
    with transaction() as session:
        send(session, "notes.draft", session_id)
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with transaction() as session:
            note = session.scalars(select(Note).where(Note.session_id == session_id)).first()
            if note is not None:
                if note.state == NOT_DRAFTED:
                    raise StepFailed("The note could not be drafted. The service's log names the reason.")
                return list(get_vault().get_json(note, "body_sealed"))
        time.sleep(0.2)
    raise StepFailed("No draft note came in time. Is a worker for the queue `notes` running?")


def _last_event(topic: str, patient_id: str) -> str:
    events = get_stream().read(topic, patient_id, after="", timeout_s=0.0)
    return events[-1].id if events else ""


def _wait(
    table: type[Any], row_id: str, good: Sequence[str], bad: Sequence[str], timeout_s: float,
    told: Callable[[float, str], None] | None = None,
) -> Any:  # fmt: skip
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with transaction() as session:
            row = session.get(table, row_id)
            if row is None:
                raise StepFailed("The row is gone.")
            if told is not None:
                told(row.progress, row.progress_text)
            if row.state in good:
                return row
            if row.state in bad:
                raise StepFailed(row.error_message or f"It ended as {row.state}.")
        time.sleep(0.3)
    raise StepFailed(f"It was not done in {timeout_s:.0f} s. Is a worker for this queue running?")
