"""The speaker check on the patient's page: off by default, set by a clinician, on record, only with consent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from clinic.audit.tables import AuditLine
from clinic.database import new_id, now, transaction
from clinic.patients import consents
from clinic.speaker.keeping import check_of
from clinic.speaker.tables import SpeakerFinding
from clinic.vault import get_vault
from tests.clinic.pages import Visitor


def learned(patient_id: str, utterances: int, asked_of_own: int = 0) -> None:
    """As the worker leaves it."""
    with transaction() as session:
        row = check_of(session, patient_id)
        assert row is not None
        get_vault().put(row, "reference_sealed", b"arrays", binding="campplus@1")
        row.encoder, row.utterances, row.asked_of_own, row.learned_at = "campplus@1", utterances, asked_of_own, now()


def found(patient_id: str, *rows: tuple[str, bool, bool], days_ago: float = 0.0) -> None:
    """What the check found: (found, touched, confirmed by the patient)."""
    with transaction() as session:
        for what, touched, theirs in rows:
            row = SpeakerFinding(id=new_id(), patient_id=patient_id, found=what, touched=touched, theirs=theirs)
            row.created_at = now() - timedelta(days=days_ago)
            session.add(row)


def lines(patient_id: str) -> list[dict[str, Any]]:
    with transaction() as session:
        rows = select(AuditLine).where(AuditLine.subject == patient_id, AuditLine.action == "patient.speaker_check")
        return [dict(row.detail) for row in session.scalars(rows)]


def test_it_is_off_by_default(clinician: Visitor, patient_id: str) -> None:
    page = clinician.get(f"/patients/{patient_id}").text
    assert 'name="setting" value="off" checked' in page
    with transaction() as session:
        assert check_of(session, patient_id) is None


def test_a_clinician_turns_it_on_and_off_and_that_is_on_record(
    clinician: Visitor, patient_id: str, sent: list[tuple[str, tuple[Any, ...]]]
) -> None:
    answer = clinician.post(f"/patients/{patient_id}/speaker", {"setting": "watch"})
    assert answer.status_code == 302 and ("speaker.learn", (patient_id,)) in sent
    page = clinician.get(f"/patients/{patient_id}").text
    assert "Listening to what they read" in page and 'value="watch" checked' in page
    learned(patient_id, 7)
    assert "It cannot judge yet: it knows 7 of the 10 sentences" in clinician.get(f"/patients/{patient_id}").text
    learned(patient_id, 24, asked_of_own=1)
    assert "It knows 24 sentences" in clinician.get(f"/patients/{patient_id}").text
    clinician.post(f"/patients/{patient_id}/speaker", {"setting": "on"})
    assert sent.count(("speaker.learn", (patient_id,))) == 1  # what was learned while it watched serves
    clinician.post(f"/patients/{patient_id}/speaker", {"setting": "off"})
    with transaction() as session:
        row = check_of(session, patient_id)
        assert row is not None and row.reference_sealed is None and row.utterances == 0
    assert [line["setting"] for line in lines(patient_id)] == ["watch", "on", "off"]


def test_without_the_patients_consent_it_cannot_be_turned_on(clinician: Visitor, patient_id: str) -> None:
    with transaction() as session:
        consents.withdraw(session, "system", patient_id, "know_my_voice")
    page = clinician.get(f"/patients/{patient_id}").text
    assert "Know my voice of today" in page and 'value="on"  disabled' in page
    assert clinician.post(f"/patients/{patient_id}/speaker", {"setting": "on"}).status_code == 403
    assert clinician.post(f"/patients/{patient_id}/speaker", {"setting": "perhaps"}).status_code == 400
    assert lines(patient_id) == []


def test_the_page_says_what_it_did_lately_and_when_it_often_doubts_the_patient(
    clinician: Visitor, patient_id: str
) -> None:
    clinician.post(f"/patients/{patient_id}/speaker", {"setting": "on"})
    learned(patient_id, 30)
    found(patient_id, *[("own", True, False)] * 8, ("unlike", True, True), ("other", False, False))
    found(patient_id, *[("other", False, False)] * 5, days_ago=8)
    page = clinician.get(f"/patients/{patient_id}").text
    assert (
        "judged 10: 8 sounded like the patient, 1 it asked about (the patient confirmed 1 of these), 1 it put" in page
    )
    assert "Their voice may have changed" not in page
    found(patient_id, *[("unlike", True, True)] * 3)
    assert "Their voice may have changed" in clinician.get(f"/patients/{patient_id}").text


def test_a_voice_that_has_changed_is_learned_anew(
    clinician: Visitor, patient_id: str, sent: list[tuple[str, tuple[Any, ...]]]
) -> None:
    assert clinician.post(f"/patients/{patient_id}/speaker/again").status_code == 409  # it is off
    clinician.post(f"/patients/{patient_id}/speaker", {"setting": "on"})
    learned(patient_id, 30)
    clinician.post(f"/patients/{patient_id}/speaker/again")
    assert sent.count(("speaker.learn", (patient_id,))) == 2


def test_a_tablet_cannot_change_it(another: Any, patient_id: str, clinician_id: str) -> None:
    from clinic.accounts.service import create_account
    from tests.browser.seeding import PASSWORD

    with transaction() as session:
        create_account(session, "bedside-3", PASSWORD, "tablet", patient_id)
    tablet = another("bedside-3")
    assert tablet.client.post(f"/patients/{patient_id}/speaker", data={"setting": "on"}).status_code in (400, 403)
    with transaction() as session:
        assert check_of(session, patient_id) is None
