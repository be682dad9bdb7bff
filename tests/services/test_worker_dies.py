"""A process that is killed in the middle of a fit loses seconds, not the voice: the next start goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench import steps, two_cities
from clinic.accounts.service import create_account
from clinic.database import new_id, transaction
from clinic.vault import get_vault
from clinic.voices.tables import BUILDING, CHECKED, FAILED, READY, Recording, Voice
from tests.homes import fresh_home
from workers.tasks.sound import wav_bytes


@contextmanager
def _up(log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "samevoice.cli", "up", "--port", "0"],
            stdout=file, stderr=subprocess.STDOUT, env=dict(os.environ),
        )  # fmt: skip
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait(timeout=20)


def _until(table: type[Any], row_id: str, holds: Callable[[Any], bool], log: Path, timeout_s: float = 240.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with transaction() as session:
            row = session.get(table, row_id)
            if row is not None and holds(row):
                return row
            if row is not None and row.state == FAILED:
                raise AssertionError(row.error_message)
        time.sleep(0.1)
    raise AssertionError("it did not come to that:\n" + log.read_text()[-3000:])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home on SQLite whatever the others use: the one-process service is what dies here."""
    monkeypatch.setattr("tests.homes.DATABASE_URL", "")
    monkeypatch.setattr("tests.homes.REDIS_URL", "")
    with fresh_home(tmp_path, SAMEVOICE_FIT_BUDGET_S="25"):
        yield tmp_path


def test_a_killed_fit_goes_on_from_its_checkpoint(folder: Path) -> None:
    log = folder / "service.log"
    with transaction() as session:
        clinician = create_account(session, "clinician", "a long enough pass phrase", "clinician").id
    patient_id = steps.enrol_patient("Somebody", clinician)
    vault = get_vault()
    data = wav_bytes(two_cities.historic())
    with transaction() as session:
        recording = Recording(id=new_id(), patient_id=patient_id, size_bytes=len(data))
        recording.blob_id = vault.put_blob(patient_id, data)
        vault.put(recording, "filename_sealed", "a.wav")
        session.add(recording)
    with _up(log):
        _until(Recording, recording.id, lambda row: row.state == CHECKED, log)
    with transaction() as session:
        voice = Voice(id=new_id(), patient_id=patient_id, version=1, recording_ids=[recording.id])
        session.add(voice)
    with _up(log):
        killed = _until(Voice, voice.id, lambda row: row.checkpoint_sealed is not None, log)
    assert killed.state == BUILDING

    seen: list[float] = []
    with _up(log):
        ready = _until(Voice, voice.id, lambda row: seen.append(row.progress) or row.state == READY, log)  # type: ignore[func-returns-value]
    assert min(seen) >= killed.progress, "it began again from nothing"
    assert ready.vectors_sealed is not None
    assert vault.get_blob(patient_id, recording.blob_id) == data, "what was enrolled is lost"
