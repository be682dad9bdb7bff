"""Versions of what was learned: asked for, stopped, rolled back, destroyed, and shown."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from clinic.database import new_id, now, transaction
from clinic.learning import versions
from clinic.learning.expected import expected, measured
from clinic.learning.serving import serving
from clinic.learning.tables import (
    BUILDING,
    DELETED,
    QUEUED,
    READY,
    RECEIVED,
    REFUSED,
    Adapter,
)
from clinic.live.tables import SPOKEN, UNSURE, LiveSession
from clinic.patients import consents
from clinic.patients.tables import Patient
from clinic.vault import get_vault
from tests.browser import seeding
from tests.clinic.learning.acts import Sent, blobs, lines, readings, rows
from tests.clinic.pages import Visitor


def test_learning_takes_checked_sentences_and_what_the_patient_chose_since_they_agreed(
    clinician: Visitor, clinician_id: str, patient_id: str, other_id: str, sent: Sent
) -> None:
    known = readings(patient_id, 5)
    with transaction() as session:
        seeding.reading(session, patient_id, "en-090", RECEIVED)
        seeding.reading(session, patient_id, "en-091", REFUSED)
        given = consents.active(session, patient_id, "learn_corrections")
        assert given is not None
        live = LiveSession(id=new_id(), patient_id=patient_id)
        session.add(live)
        session.flush()
        said = [
            seeding.utterance(session, live.id, patient_id, number, "Hello", **fields)
            for number, fields in enumerate(
                (
                    {"chosen": True, "ended_at": now()},
                    {"chosen": False, "ended_at": now()},
                    {"chosen": True, "state": UNSURE, "ended_at": now()},
                    {"chosen": True, "ended_at": given.given_at - timedelta(seconds=1)},
                    {"chosen": True, "audio_blob_id": "", "ended_at": now()},
                )
            )
        ]
        assert said[0].state == SPOKEN
    assert "Learn from these" in clinician.get(f"/patients/{patient_id}/learning").text
    page = clinician.post(f"/patients/{patient_id}/learning", follow_redirects=True).text
    assert "Version 1 is being learned" in page
    (row,) = rows(Adapter)
    assert row.state == QUEUED and sorted(row.read_aloud_ids) == sorted(known) and row.utterance_ids == [said[0].id]
    assert sent == [("learning.adapt", (row.id,))]
    assert lines("learning.build")[0].detail == {"patient": patient_id, "sentences": 5, "corrections": 1}


def test_too_few_sentences_or_a_learning_that_runs_are_said_and_queue_nothing(
    clinician: Visitor, patient_id: str, sent: Sent
) -> None:
    readings(patient_id, 4)
    page = clinician.post(f"/patients/{patient_id}/learning", follow_redirects=True).text
    assert "At least 5 sentences are needed" in page and "there are 4" in page and sent == []
    readings(patient_id, 1)
    clinician.post(f"/patients/{patient_id}/learning")
    page = clinician.post(f"/patients/{patient_id}/learning", follow_redirects=True).text
    assert "being learned already" in page and len(sent) == 1 and len(rows(Adapter)) == 1


def test_it_can_be_cancelled_and_learned_again(clinician: Visitor, patient_id: str, sent: Sent) -> None:
    readings(patient_id, 5)
    clinician.post(f"/patients/{patient_id}/learning")
    (row,) = rows(Adapter)
    page = clinician.post(f"/learning/{row.id}/cancel", follow_redirects=True).text
    assert "Stopping at the next step" in page and rows(Adapter)[0].cancel_requested
    clinician.post(f"/learning/{row.id}/cancel")
    assert len(lines("learning.cancel")) == 1
    clinician.post(f"/patients/{patient_id}/learning")
    assert sorted(one.version for one in rows(Adapter)) == [1, 2]


def test_progress_is_told_and_the_page_knows_when_it_changed(clinician: Visitor, patient_id: str) -> None:
    before = clinician.get(f"/patients/{patient_id}/learning/state").json
    with transaction() as session:
        row = seeding.adapter(session, patient_id, 1, BUILDING, progress=0.4, progress_text="Learning: round 3 of 8.")
        row.heartbeat_at = now()
    after = clinician.get(f"/patients/{patient_id}/learning/state").json
    assert "progress" not in before and before["fingerprint"] != after["fingerprint"]
    assert after["progress"] == 0.4 and after["sentence"].startswith("Learning: round 3 of 8.")


def test_a_version_is_rolled_back_and_everybodys_recognition_is_one_of_the_choices(
    clinician: Visitor, patient_id: str
) -> None:
    figures = {"stock_wer": 0.6, "sentences": 10}
    with transaction() as session:
        first = seeding.adapter(session, patient_id, 1, READY, measures={**figures, "adapted_wer": 0.3}).id
        second = seeding.adapter(
            session, patient_id, 2, READY, measures={**figures, "adapted_wer": 0.2}, chosen_at=now()
        ).id

    def serves() -> int | None:
        with transaction() as session:
            row = serving(session, patient_id)
            return row.version if row is not None else None

    page = clinician.get(f"/patients/{patient_id}/learning").text
    assert serves() == 2 and "60 % → 20 %" in page and "Use version 1" in page
    page = clinician.post(f"/learning/{first}/use", follow_redirects=True).text
    assert serves() == 1 and "Version 1 understands the patient" in page and "60 % → 30 %" in page
    assert "Learned: version 1" in clinician.get(f"/patients/{patient_id}").text
    page = clinician.post(f"/patients/{patient_id}/learning/everybodys", follow_redirects=True).text
    assert serves() is None and "As everybody is" in page
    clinician.post(f"/learning/{second}/use")
    assert serves() == 2
    changes = [(line.detail["before"], line.detail["version"]) for line in lines("learning.use")]
    assert changes == [(2, 1), (1, None), (None, 2)]


@pytest.mark.parametrize("state", ["no_better", "failed", "cancelled", "broken"])
def test_what_came_to_nothing_says_why_and_cannot_be_used(clinician: Visitor, patient_id: str, state: str) -> None:
    with transaction() as session:
        row = seeding.adapter(session, patient_id, 1, state, measures={"stock_wer": 0.5, "adapted_wer": 0.55})
    page = clinician.get(f"/patients/{patient_id}/learning").text
    said = {
        "no_better": "was learned and is not used. More sentences help most.",
        "failed": "could not be learned",
        "cancelled": "was cancelled",
        "broken": "cannot be opened any more",
    }
    assert said[state] in page and "Use version 1" not in page and "As everybody is" in page
    answer = clinician.post(f"/learning/{row.id}/use", follow_redirects=True)
    assert "not ready, so it cannot be used" in answer.text
    with transaction() as session:
        assert serving(session, patient_id) is None


def test_deleting_a_version_destroys_its_weights_and_keeps_its_number(
    clinician: Visitor, patient_id: str, sent: Sent, home: Path
) -> None:
    with transaction() as session:
        old = seeding.adapter(session, patient_id, 1, READY)
        old.checkpoint_blob_id = get_vault().put_blob(patient_id, b"half")
        used = seeding.adapter(session, patient_id, 2, READY, chosen_at=now())
        running = seeding.adapter(session, patient_id, 3, BUILDING)
    assert blobs(home) == 3
    for row, said in ((used, "in use"), (running, "being learned just now")):
        answer = clinician.post(f"/learning/{row.id}/delete")
        assert answer.status_code == 409 and said in answer.text
    clinician.post(f"/learning/{old.id}/delete")
    assert blobs(home) == 1 and clinician.post(f"/learning/{old.id}/use").status_code == 404
    gone = next(row for row in rows(Adapter) if row.id == old.id)
    assert gone.state == DELETED and gone.blob_id is gone.checkpoint_blob_id is gone.measures is None
    assert lines("learning.delete")[0].detail == {"patient": patient_id, "version": 1}


def test_what_more_would_bring_is_the_fields_until_the_patient_has_figures_of_their_own(
    clinician: Visitor, patient_id: str
) -> None:
    steps = expected(0, []).steps
    assert [(step.sentences, step.low, step.high) for step in steps] == [(10, 26, 33), (20, 52, 66), (30, 66, 84)]
    assert expected(38, []).steps[0].sentences == 48 and expected(38, []).steps[0].high == 90
    assert expected(41, []).steps == [] and expected(41, []).beyond
    page = clinician.get(f"/patients/{patient_id}/learning").text
    assert "26 to 33" in page and "arXiv 2106.10259" in page and "simulated" in page
    with transaction() as session:
        seeding.adapter(
            session, patient_id, 1, READY, measures={"stock_wer": 0.7, "adapted_wer": 0.35, "sentences": 8.0}
        )
        seeding.adapter(session, patient_id, 2, "failed")
        own = measured(versions.versions_of(session, patient_id))
    assert [(one.version, one.sentences, one.stock, one.adapted) for one in own] == [(1, 8, 0.7, 0.35)]
    page = clinician.get(f"/patients/{patient_id}/learning").text
    assert "26 to 33" not in page and "measured on this patient" in page and "<td>35 %</td>" in page


# Asking first


def test_asking_first_is_lifted_and_put_back_on_record(clinician: Visitor, patient_id: str) -> None:
    assert "Ask before speaking until this speech is learned" in clinician.get(f"/patients/{patient_id}").text
    page = clinician.post(f"/patients/{patient_id}/asks-first", {}, follow_redirects=True).text
    assert "speaks unasked when it is sure" in page and not rows(Patient)[0].asks_first
    clinician.post(f"/patients/{patient_id}/asks-first", {})  # nothing new, so nothing to record
    page = clinician.post(f"/patients/{patient_id}/asks-first", {"asks_first": "1"}, follow_redirects=True).text
    assert "asks before it speaks" in page and rows(Patient)[0].asks_first
    assert [line.detail["asks_first"] for line in lines("patient.asks_first")] == [False, True]


def test_the_first_page_shows_whose_speech_is_being_learned(clinician: Visitor, patient_id: str) -> None:
    assert "Speech being learned" not in clinician.get("/").text
    with transaction() as session:
        seeding.adapter(session, patient_id, 1, BUILDING, progress=0.25)
    page = clinician.get("/").text
    assert "Speech being learned" in page and f"/patients/{patient_id}/learning" in page and 'value="0.25"' in page
