"""How a patient is heard: set on their page, chosen at their tablet, and refused where it cannot be."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from clinic.audit.tables import AuditLine
from clinic.database import new_id, transaction
from clinic.errors import PlainError
from clinic.learning import service as learning
from clinic.live.tables import LiveSession
from clinic.patients import modes, service
from clinic.patients.tables import AS_SAID, INTERPRET, RESTORE, Patient
from tests.clinic.pages import Visitor


def _mode(patient_id: str) -> str:
    with transaction() as session:
        return session.get_one(Patient, patient_id).speech_mode


def _audited() -> list[tuple[str, str]]:
    with transaction() as session:
        lines = session.execute(select(AuditLine.action, AuditLine.detail).order_by(AuditLine.number)).all()
    return [(action, detail["speech_mode"]) for action, detail in lines if action.endswith("speech_mode")]


def _speaks(patient_id: str, language: str, mode: str = INTERPRET) -> None:
    with transaction() as session:
        patient = session.get_one(Patient, patient_id)
        patient.language, patient.speech_mode = language, mode


def test_a_patient_is_restored_until_somebody_sets_otherwise(clinician: Visitor, patient_id: str) -> None:
    assert _mode(patient_id) == RESTORE
    path = f"/patients/{patient_id}/mode"
    assert clinician.post(path, {"speech_mode": AS_SAID}).status_code == 302
    assert _mode(patient_id) == AS_SAID
    clinician.post(path, {"speech_mode": AS_SAID})  # pressed twice
    assert _audited() == [("patient.speech_mode", AS_SAID)]


def test_an_english_speaker_has_nothing_to_interpret_and_the_page_says_so(clinician: Visitor, patient_id: str) -> None:
    answer = clinician.post(f"/patients/{patient_id}/mode", {"speech_mode": INTERPRET}, follow_redirects=True)
    assert "there is nothing to interpret" in answer.text
    assert _mode(patient_id) == RESTORE and _audited() == []
    page = clinician.get(f"/patients/{patient_id}").text
    assert f'value="{INTERPRET}" disabled' in page and f'value="{RESTORE}" checked' in page


def test_a_patient_of_another_language_sounds_in_english_or_not_at_all(clinician: Visitor) -> None:
    path = clinician.post("/patients/new", {"name": "Lucía Prieto", "language": "es"}).headers["Location"]
    patient_id = path.rsplit("/", 1)[1]
    assert _mode(patient_id) == INTERPRET
    assert "What they say in Spanish sounds in English" in clinician.get(path).text
    answer = clinician.post(f"{path}/mode", {"speech_mode": RESTORE}, follow_redirects=True)
    assert "This patient speaks Spanish, and the voices speak English only" in answer.text
    assert _mode(patient_id) == INTERPRET


def test_who_speaks_spanish_is_given_no_english_to_read_aloud_and_to_be_learned_as_theirs(patient_id: str) -> None:
    with transaction() as session:
        patient = session.get_one(Patient, patient_id)
        assert learning.next_prompts(session, patient)
        patient.language = "es"
        assert learning.next_prompts(session, patient) == []
        patient.language = "fr"
        assert learning.next_prompts(session, patient)[0].prompt == "fr-001"


@pytest.mark.parametrize("into", ["fr", "de", "zh", ""])
def test_no_other_target_than_english_is_taken(clinician: Visitor, patient_id: str, into: str) -> None:
    _speaks(patient_id, "fr", RESTORE)
    form = {"speech_mode": INTERPRET, "into": into}
    answer = clinician.post(f"/patients/{patient_id}/mode", form, follow_redirects=True)
    assert "into English only" in answer.text
    assert _mode(patient_id) == RESTORE


def test_a_mode_that_nobody_knows_is_refused(clinician: Visitor, patient_id: str) -> None:
    for mode in ("", "sing"):
        answer = clinician.post(f"/patients/{patient_id}/mode", {"speech_mode": mode}, follow_redirects=True)
        assert "no such mode" in answer.text
    assert _mode(patient_id) == RESTORE


def test_what_is_chosen_at_the_tablet_counts_for_its_session_and_the_clinician_has_the_last_word(
    patient_id: str,
) -> None:
    with transaction() as session:
        live = LiveSession(id=new_id(), patient_id=patient_id)
        session.add(live)
        session.flush()
        modes.choose(session, "tablet", live, AS_SAID)
        modes.choose(session, "tablet", live, AS_SAID)
        patient = session.get_one(Patient, patient_id)
        assert modes.in_force(patient, live) == AS_SAID and modes.in_force(patient, None) == RESTORE
        service.change_mode(session, "clinician", patient_id, RESTORE)
        session.refresh(live)
        assert modes.in_force(patient, live) == RESTORE
    assert _audited() == [("live.speech_mode", AS_SAID)]


def test_nobody_interprets_or_stops_interpreting_at_the_tablet(patient_id: str) -> None:
    with transaction() as session:
        live = LiveSession(id=new_id(), patient_id=patient_id, speech_mode=AS_SAID)
        patient = session.get_one(Patient, patient_id)
        for language, mode, wanted in (
            ("en", RESTORE, INTERPRET),
            ("fr", INTERPRET, RESTORE),
            ("fr", RESTORE, AS_SAID),
        ):
            patient.language, patient.speech_mode = language, mode
            with pytest.raises(PlainError) as refused:
                modes.choose(session, "tablet", live, wanted)
            assert refused.value.code == "not_offered"
        assert modes.in_force(patient, live) == RESTORE  # what was chosen before it became another's language
