"""The sentences of a comparison: said by both versions, once, marked and signed, and never without consent."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
from sqlalchemy import select

from clinic.database import transaction
from clinic.patients import consents
from clinic.vault import get_vault
from clinic.voices import comparing, versions
from clinic.voices.sentences import SENTENCES
from clinic.voices.tables import FAILED, READY, Comparison, Sample
from tests.workers.tasks.conftest import Hum, ready
from workers.speak.provenance import verify_file
from workers.tasks.compare import compare


def _prepared(patient_id: str) -> tuple[str, str, str]:
    one, two = ready(patient_id, 1, 110.0), ready(patient_id, 2, 220.0)
    with transaction() as session:
        return comparing.prepare(session, "system", patient_id, two, one).id, one, two


def _samples(voice_id: str) -> list[Sample]:
    with transaction() as session:
        return list(session.scalars(select(Sample).where(Sample.voice_id == voice_id).order_by(Sample.sentence)))


def _state(comparison_id: str) -> Comparison:
    with transaction() as session:
        return session.get_one(Comparison, comparison_id)


def _pitch_hz(data: bytes) -> float:
    with wave.open(io.BytesIO(data)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)
        rate_hz = file.getframerate()
    return float(np.argmax(np.abs(np.fft.rfft(samples - samples.mean()))) * rate_hz / len(samples))


def test_both_versions_say_every_sentence_in_their_own_voice(patient_id: str, hum: Hum, tmp_path: Path) -> None:
    comparison_id, one, two = _prepared(patient_id)
    compare(comparison_id)
    assert _state(comparison_id).state == READY and _state(comparison_id).progress == 1.0
    assert sorted(hum.said) == sorted(SENTENCES * 2)
    for voice_id, pitch_hz in ((one, 110.0), (two, 220.0)):
        samples = _samples(voice_id)
        assert [sample.sentence for sample in samples] == list(range(len(SENTENCES)))
        data = get_vault().get_blob(patient_id, samples[0].blob_id)
        assert abs(_pitch_hz(data) - pitch_hz) < 2
        (tmp_path / "a.wav").write_bytes(data)
        verdict = verify_file(tmp_path / "a.wav", [get_vault().verifying_key_pem()])
        assert verdict.valid and verdict.record is not None and verdict.record["voice"] == voice_id
        assert verdict.audio is not None and verdict.audio.samples.mean() > 0.005, "it carries the mark"


def test_what_was_made_is_not_made_again(patient_id: str, hum: Hum) -> None:
    comparison_id, one, _ = _prepared(patient_id)
    compare(comparison_id)
    three = ready(patient_id, 3, 330.0)
    with transaction() as session:
        other = comparing.prepare(session, "system", patient_id, one, three).id
    hum.said.clear()
    compare(comparison_id)
    compare(other)
    assert len(hum.said) == len(SENTENCES)


def test_a_worker_that_died_half_way_goes_on(patient_id: str, hum: Hum) -> None:
    comparison_id, one, _ = _prepared(patient_id)
    compare(comparison_id)
    with transaction() as session:
        session.get_one(Comparison, comparison_id).state = "building"
        session.delete(session.scalars(select(Sample).where(Sample.voice_id == one)).first())
    hum.said.clear()
    compare(comparison_id)
    assert len(hum.said) == 1 and _state(comparison_id).state == READY


def test_a_voice_of_another_revision_is_never_spoken_around(patient_id: str, hum: Hum) -> None:
    comparison_id, _, _ = _prepared(patient_id)
    hum.revision = "r2"
    compare(comparison_id)
    assert _state(comparison_id).state == FAILED and _state(comparison_id).error_code == "wrong_voice"
    assert hum.said == []


def test_without_consent_nothing_is_made(patient_id: str, hum: Hum) -> None:
    comparison_id, _, _ = _prepared(patient_id)
    with transaction() as session:
        consents.withdraw(session, "system", patient_id, "keep_voice")
    compare(comparison_id)
    assert _state(comparison_id).error_code == "no_consent" and hum.said == []


def test_a_version_that_goes_takes_what_it_said_with_it(patient_id: str, hum: Hum, home: Path) -> None:
    comparison_id, one, two = _prepared(patient_id)
    compare(comparison_id)
    with transaction() as session:
        versions.delete(session, "system", one)
    compare(comparison_id)  # a message that came late
    assert _samples(one) == [] and len(_samples(two)) == len(SENTENCES)
    assert sum(1 for file in (home / "blobs").rglob("*") if file.is_file()) == len(SENTENCES)
