"""The whole way once, with the real recogniser and one epoch: learned, sealed, opened, and heard with."""

from __future__ import annotations

import pytest

from bench import impair, measure, two_cities
from clinic.database import transaction
from clinic.learning import tables as t
from clinic.learning import versions
from clinic.learning.tables import Adapter
from clinic.vault import get_vault
from tests.workers.tasks.test_learning import of, read_aloud
from workers.tasks import learning, rooms, understood
from workers.understand import adapt, judging
from workers.understand.learn import Learned


def test_what_was_learned_is_sealed_and_hears_the_patient(patient_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapt, "EPOCHS", 1)
    monkeypatch.setattr(judging, "MANY", 1)  # one fold, as of many sentences
    # One epoch shows that the parts fit, not that anybody is understood better: that is the benchmark's.
    monkeypatch.setattr(Learned, "better", True)
    clips = two_cities.enrolment()[:5]
    for place, clip in enumerate(clips):
        learning.check_read(read_aloud(patient_id, impair.impair(clip.audio, "mild", place), clip.text))
    with transaction() as session:
        row_id = versions.learn(session, "system", patient_id).id
    learning.adapt(row_id)
    row = of(Adapter, row_id)
    assert row.state == t.READY, row.error_message
    assert row.measures["judged"] == row.calibration["count"] == 3 and 0 <= row.measures["stock_wer"] <= 1
    assert row.base

    ear = understood.ear_of(patient_id)
    assert ear.learned
    clear = two_cities.held_out()[3]
    heard = ear.recogniser.transcribe(measure.resample(clear.audio, 16_000))
    assert measure.word_error_rate([clear.text], [heard.text]) < 0.3
    assert 0 < heard.confidence < 1 and heard.readings[0].confidence == heard.confidence

    # A flipped bit is refused by the vault, and everybody's recognition serves.
    rooms._adapted.clear()
    blob = get_vault().get_blob(patient_id, row.blob_id)
    with transaction() as session:
        session.get_one(Adapter, row_id).blob_id = get_vault().put_blob(patient_id, blob[:-1000])
    ear = understood.ear_of(patient_id)
    assert not ear.learned and ear.recogniser is rooms.recogniser()
    assert of(Adapter, row_id).state == t.BROKEN and of(Adapter, row_id).error_code == "damaged_adapter"
