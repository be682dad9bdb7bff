"""A banked message is the recording itself: the very samples between start and end, at their own rate."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import pytest

from clinic.database import transaction
from clinic.messages import service
from clinic.messages.tables import FAILED, READY, Message
from clinic.patients import consents
from clinic.vault import get_vault
from clinic.voices.service import delete_recording
from clinic.voices.tables import Recording
from tests.browser import seeding
from workers.contracts import Audio
from workers.tasks.messages import cut
from workers.tasks.sound import wav_bytes

RATE_HZ = 44_100
SOUND = Audio((np.random.default_rng(3).uniform(-0.5, 0.5, RATE_HZ * 4)).astype(np.float32), RATE_HZ)
ORIGINAL = np.frombuffer(wav_bytes(SOUND)[44:], "<i2")


@pytest.fixture
def recording(patient_id: str) -> str:
    """Four seconds of noise, in which every sample can be told; its id."""
    with transaction() as session:
        row = seeding.recording(session, patient_id, "party.wav")
        get_vault().delete_blob(row.blob_id)
        row.blob_id, row.duration_s = get_vault().put_blob(patient_id, wav_bytes(SOUND)), 4.0
        return row.id


def _cut(patient_id: str, recording_id: str, start: str, end: str) -> Message:
    with transaction() as session:
        row_id = service.cut(session, "system", patient_id, recording_id, "Laugh", start, end).id
    cut(row_id)
    return _row(row_id)


def _row(row_id: str) -> Message:
    with transaction() as session:
        return session.get_one(Message, row_id)


def _samples(row: Message) -> tuple[np.ndarray, int]:
    assert row.blob_id is not None
    with wave.open(io.BytesIO(get_vault().get_blob(row.patient_id, row.blob_id))) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2"), file.getframerate()


def test_the_piece_is_the_recording_sample_by_sample(patient_id: str, recording: str) -> None:
    row = _cut(patient_id, recording, "1.0", "2.5")
    samples, rate_hz = _samples(row)
    assert row.state == READY and row.duration_s == pytest.approx(1.5) and rate_hz == RATE_HZ
    assert np.array_equal(samples, ORIGINAL[RATE_HZ : int(2.5 * RATE_HZ)])
    cut(row.id)  # a message that came twice
    assert _row(row.id).blob_id == row.blob_id


def test_without_an_end_it_goes_to_the_end_and_beyond_it_there_is_nothing(patient_id: str, recording: str) -> None:
    samples, _ = _samples(_cut(patient_id, recording, "", ""))
    assert np.array_equal(samples, ORIGINAL)
    with transaction() as session:
        session.get_one(Recording, recording).duration_s = None  # not checked yet, so nobody could know
    row = _cut(patient_id, recording, "9", "10")
    assert row.state == FAILED and row.blob_id is None and "nothing of this recording" in str(row.error_message)


def test_a_message_stays_when_its_recording_goes(patient_id: str, recording: str) -> None:
    row = _cut(patient_id, recording, "1", "2")
    with transaction() as session:
        delete_recording(session, "system", recording)
    assert _row(row.id).recording_id is None and len(_samples(_row(row.id))[0]) == RATE_HZ


def test_a_recording_that_went_before_it_was_cut_is_said(patient_id: str, recording: str) -> None:
    with transaction() as session:
        row_id = service.cut(session, "system", patient_id, recording, "Laugh", "1", "2").id
    with transaction() as session:
        delete_recording(session, "system", recording)
    cut(row_id)
    assert _row(row_id).error_code == "no_recording"


def test_a_file_that_came_for_this_alone_goes_when_it_was_cut(patient_id: str, home: Path) -> None:
    blob_id = get_vault().put_blob(patient_id, wav_bytes(SOUND))
    with transaction() as session:
        row_id = service.bank_upload(session, "system", patient_id, blob_id, "Song", "0:01", "0:02").id
    cut(row_id)
    row = _row(row_id)
    assert row.upload_blob_id is None and np.array_equal(_samples(row)[0], ORIGINAL[RATE_HZ : 2 * RATE_HZ])
    assert sum(1 for file in (home / "blobs").rglob("*") if file.is_file()) == 1


@pytest.mark.parametrize("data", [b"not sound at all", b"", b"RIFF\x00\x00\x00\x00WAVE", seeding.tone()[:50]])
def test_a_file_that_holds_no_sound_is_said_and_kept_for_another_look(patient_id: str, data: bytes) -> None:
    blob_id = get_vault().put_blob(patient_id, data)
    with transaction() as session:
        row_id = service.bank_upload(session, "system", patient_id, blob_id, "Song", "", "").id
    cut(row_id)
    assert _row(row_id).state == FAILED and _row(row_id).error_message
    assert get_vault().get_blob(patient_id, blob_id) == data


def test_without_consent_nothing_is_cut(patient_id: str, recording: str) -> None:
    with transaction() as session:
        row_id = service.cut(session, "system", patient_id, recording, "Laugh", "1", "2").id
        consents.withdraw(session, "system", patient_id, "keep_voice")
    cut(row_id)
    assert _row(row_id).error_code == "no_consent" and _row(row_id).blob_id is None
