"""Several versions of a voice: which one speaks is a choice, and what is not wanted any more is destroyed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from clinic.audit.tables import AuditLine
from clinic.database import transaction
from clinic.live import utterances
from clinic.vault import get_vault
from clinic.voices import service
from clinic.voices.speaking import speaking
from clinic.voices.tables import BUILDING, DELETED, FAILED, READY, Voice
from tests.browser import seeding
from tests.clinic.pages import Visitor
from workers.contracts import SpokenError
from workers.contracts import Voice as Built
from workers.tasks import sealed


def built(pitch: float) -> Built:
    """A voice that can be told from others."""
    style = np.full(256, pitch, np.float32)
    return Built("kokoro", "kokoro-82m", "r1", {"style": style}, {"similarity": 0.4, "f0_median_hz": pitch})


@pytest.fixture
def versions(clinician_id: str, patient_id: str) -> list[str]:
    """Three versions: 1 and 2 are ready, 3 has failed. Their ids."""
    with transaction() as session:
        ids = []
        for number, state in ((1, READY), (2, READY), (3, FAILED)):
            row = seeding.voice(session, patient_id, number, state, [])
            if state == READY:
                sealed.seal_voice(row, built(100.0 + number))
                row.sample_blob_id = get_vault().put_blob(patient_id, seeding.tone())
            ids.append(row.id)
        return ids


def _speaks(patient_id: str) -> tuple[int, float]:
    """The version that the pages name, and the pitch of the voice that a worker opens."""
    with transaction() as session:
        row = speaking(session, patient_id)
        voice_id, voice = sealed.open_voice(session, patient_id)
    assert row is not None and row.id == voice_id
    return row.version, voice.measures["f0_median_hz"]


def _line(action: str) -> AuditLine:
    with transaction() as session:
        return session.scalars(select(AuditLine).where(AuditLine.action == action)).one()


def test_the_newest_ready_version_speaks_until_somebody_chose(
    clinician: Visitor, patient_id: str, versions: list[str]
) -> None:
    assert _speaks(patient_id) == (2, 102.0)
    page = clinician.get(f"/patients/{patient_id}/voice").text
    assert "Version 2 speaks for this patient" in page and "Nobody has chosen one yet" in page
    answer = clinician.post(f"/voices/{versions[0]}/choose", follow_redirects=True)
    assert "Version 1 speaks for this patient" in answer.text and "It was chosen." in answer.text
    assert "Version 1 speaks for this patient" in clinician.get(f"/patients/{patient_id}").text
    assert _speaks(patient_id) == (1, 101.0)
    assert _line("voice.choose").detail == {"patient": patient_id, "version": 1, "before": 2}


def test_a_newer_build_does_not_take_over_from_a_choice(
    clinician: Visitor, patient_id: str, versions: list[str]
) -> None:
    clinician.post(f"/voices/{versions[0]}/choose")
    with transaction() as session:
        sealed.seal_voice(seeding.voice(session, patient_id, 4, READY, []), built(104.0))
    assert _speaks(patient_id) == (1, 101.0)
    clinician.post(f"/voices/{versions[1]}/choose")
    assert _speaks(patient_id) == (2, 102.0)


def test_every_ready_version_shows_its_scores_and_can_be_heard(
    clinician: Visitor, patient_id: str, versions: list[str]
) -> None:
    page = clinician.get(f"/patients/{patient_id}/voice").text
    assert page.count("Likeness on speech") == 2
    for voice_id in versions[:2]:
        assert f"/voices/{voice_id}/sample" in page
    assert "Let version 1 speak" in page and "Let version 3 speak" not in page


def test_a_version_that_is_not_ready_cannot_be_chosen(clinician: Visitor, patient_id: str, versions: list[str]) -> None:
    answer = clinician.post(f"/voices/{versions[2]}/choose")
    assert answer.status_code == 409 and "cannot speak" in answer.text
    assert _speaks(patient_id) == (2, 102.0)


def test_a_deleted_version_is_destroyed_and_its_number_is_not_given_again(
    clinician: Visitor, patient_id: str, versions: list[str], home: Path, sent: list[Any]
) -> None:
    before = sum(1 for file in (home / "blobs").rglob("*") if file.is_file())
    assert clinician.post(f"/voices/{versions[0]}/delete").status_code == 302
    with transaction() as session:
        row = session.get_one(Voice, versions[0])
    assert row.state == DELETED and row.vectors_sealed is None and row.measures is None
    assert sum(1 for file in (home / "blobs").rglob("*") if file.is_file()) == before - 1
    assert "Version 1 is deleted" in clinician.get(f"/patients/{patient_id}/voice").text
    assert "Version 1" not in clinician.get(f"/patients/{patient_id}/voice").text
    for path in (f"/voices/{versions[0]}/sample", f"/voices/{versions[0]}/delete"):
        assert clinician.get(path).status_code == 404
    assert clinician.post(f"/voices/{versions[0]}/choose").status_code == 404
    assert _line("voice.delete").detail == {"patient": patient_id, "version": 1, "spoke": False}
    clinician.post(f"/voices/{versions[2]}/delete")
    with transaction() as session:
        seeding.recording(session, patient_id, "a.wav", quality=seeding.quality("good", 40.0))
        assert service.build(session, "system", patient_id).version == 4


def test_the_version_that_speaks_is_not_deleted_without_a_question(
    clinician: Visitor, patient_id: str, versions: list[str]
) -> None:
    asked = clinician.post(f"/voices/{versions[1]}/delete", follow_redirects=True)
    assert "This version speaks for the patient" in asked.text and "version 1</strong> speaks instead" in asked.text
    assert _speaks(patient_id) == (2, 102.0)
    json = clinician.post(f"/voices/{versions[1]}/delete", headers={"Accept": "application/json"})
    assert json.status_code == 409 and json.json["error"]["code"] == "speaks"
    clinician.post(f"/voices/{versions[1]}/delete", {"even_speaking": "1"})
    assert _speaks(patient_id) == (1, 101.0)


def test_when_the_last_version_goes_the_tablet_says_so_and_nothing_else_speaks(
    clinician: Visitor, patient_id: str, versions: list[str]
) -> None:
    clinician.post(f"/voices/{versions[0]}/delete")
    assert "the tablet cannot speak" in clinician.get(f"/voices/{versions[1]}/delete").text
    clinician.post(f"/voices/{versions[1]}/delete", {"even_speaking": "1"})
    assert utterances.readiness(patient_id).code == "no_voice"
    with transaction() as session, pytest.raises(SpokenError) as refused:
        sealed.open_voice(session, patient_id)
    assert refused.value.code == "no_voice"


def test_a_build_in_progress_is_cancelled_before_it_is_deleted(
    clinician: Visitor, patient_id: str, versions: list[str]
) -> None:
    with transaction() as session:
        running = seeding.voice(session, patient_id, 4, BUILDING, []).id
    answer = clinician.post(f"/voices/{running}/delete")
    assert answer.status_code == 409 and "Cancel that first" in answer.text


def test_a_tablet_may_not_choose_or_delete(clinician: Visitor, web: Any, patient_id: str, versions: list[str]) -> None:
    from clinic.accounts.service import create_account

    with transaction() as session:
        create_account(session, "tablet-1", seeding.PASSWORD, "tablet", patient_id)
    tablet = Visitor(web.test_client())
    tablet.sign_in("tablet-1")
    token = {"csrf_token": tablet.token("/patients")}
    for path in ("choose", "delete"):
        assert tablet.client.post(f"/voices/{versions[0]}/{path}", data=token).status_code == 403
