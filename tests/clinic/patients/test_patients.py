"""Patients, what they agreed to, how they like it, their tablets, and their erasure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from clinic.audit import verify_chain
from clinic.audit.tables import AuditLine
from clinic.database import transaction
from clinic.patients import consents
from clinic.patients.cli import patients
from clinic.patients.tables import Consent, Patient
from clinic.vault import VaultError, get_vault
from clinic.voices.tables import BUILDING, Voice
from tests.browser import seeding
from tests.clinic.pages import Visitor


def _actions(subject: str) -> list[str]:
    with transaction() as session:
        return list(session.scalars(select(AuditLine.action).where(AuditLine.subject == subject)))


def test_a_patient_is_registered_with_a_key_of_their_own(clinician: Visitor) -> None:
    form = {"name": "  Ngozi   Okafor ", "hospital_number": "A 12", "language": "en"}
    path = clinician.post("/patients/new", form).headers["Location"]
    assert get_vault().has_key(path.rsplit("/", 1)[1])
    assert "<h1>Ngozi Okafor</h1>" in clinician.get(path).text


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"name": "   "}, "Type the patient"),
        ({"name": "x" * 200}, "Shorten"),
        ({"name": "X", "language": "xx"}, "language"),
    ],
)
def test_a_form_with_something_wrong_comes_back_as_it_was(clinician: Visitor, form: dict[str, str], said: str) -> None:
    answer = clinician.post("/patients/new", {"hospital_number": "N-1", "language": "en", **form})
    assert answer.status_code == 400 and said in answer.text and 'value="N-1"' in answer.text


def test_search_finds_by_parts_of_name_and_number_whatever_their_capitals(clinician: Visitor, patient_id: str) -> None:
    for words in ("margit", "LINDQ", "lind marg", "n-77"):
        assert "Margit Lindqvist" in clinician.post("/patients", {"looking_for": words}).text
    nobody = clinician.post("/patients", {"looking_for": "zzz"})
    assert "Nobody found" in nobody.text and "Margit" not in nobody.text


def test_one_damaged_name_does_not_hide_the_others(clinician: Visitor, clinician_id: str, patient_id: str) -> None:
    with transaction() as session:
        other = seeding.patient(session, clinician_id, "Ivo Marek")
        session.get_one(Patient, other).name_sealed = b"damaged" * 10
    page = clinician.get("/patients").text
    assert "Margit Lindqvist" in page and "Name not readable" in page


def test_consent_is_given_withdrawn_and_given_again_and_all_of_it_stays_on_record(
    clinician: Visitor, clinician_id: str
) -> None:
    with transaction() as session:
        patient_id = seeding.patient(session, clinician_id, "Ivo Marek", scopes=())
    path = f"/patients/{patient_id}"
    statement = {"statement": "Yes, please <b>do</b>.", "by_guardian": "1"}
    clinician.post(f"{path}/consents/keep_voice/give", statement)
    page = clinician.get(path).text
    assert "by a guardian" in page and f"recorded by {seeding.CLINICIAN}" in page
    assert "Yes, please &lt;b&gt;do&lt;/b&gt;." in page
    clinician.post(f"{path}/consents/keep_voice/withdraw")
    assert "Withdrawn" in clinician.get(path).text
    clinician.post(f"{path}/consents/keep_voice/give")
    clinician.post(f"{path}/consents/keep_voice/give")  # pressed twice
    with transaction() as session:
        rows = session.scalars(select(Consent).where(Consent.patient_id == patient_id)).all()
        assert consents.active(session, patient_id, "keep_voice") is not None
    assert len(rows) == 2 and sum(row.withdrawn_at is not None for row in rows) == 1
    assert [one for one in _actions(patient_id) if one.startswith("consent")] == [
        "consent.give", "consent.withdraw", "consent.give",
    ]  # fmt: skip


def test_withdrawing_the_voice_stops_a_build(clinician: Visitor, patient_id: str) -> None:
    with transaction() as session:
        voice_id = seeding.voice(session, patient_id, 1, BUILDING, []).id
    clinician.post(f"/patients/{patient_id}/consents/keep_voice/withdraw")
    with transaction() as session:
        assert session.get_one(Voice, voice_id).cancel_requested


def test_a_consent_that_nobody_knows_is_not_recorded(clinician: Visitor, patient_id: str) -> None:
    assert clinician.post(f"/patients/{patient_id}/consents/sell_voice/give").status_code == 404


def test_settings_are_kept_within_their_ranges(clinician: Visitor, patient_id: str) -> None:
    path = f"/patients/{patient_id}/settings"
    assert clinician.post(path, {"pause_s": "2.5", "sure_at": "0.8"}).status_code == 302
    for value in ("9", "0.1", "nan", "inf", "-1", "soon"):
        assert clinician.post(path, {"pause_s": value, "pace": "1.2"}).status_code == 400, value
    with transaction() as session:
        patient = session.get_one(Patient, patient_id)
    assert (patient.pause_s, patient.sure_at, patient.pace) == (2.5, 0.8, 1.0)


def test_a_tablet_is_paired_with_a_password_that_is_shown_once(
    clinician: Visitor, web: object, patient_id: str
) -> None:
    page = clinician.post(f"/patients/{patient_id}/tablets").text
    username, password = re.findall(r"<dd>([^<]+)</dd>", page)[:2]
    assert re.fullmatch(r"tablet-[0-9a-f]{6}", username)
    again = clinician.get(f"/patients/{patient_id}").text
    assert username in again and password not in again
    tablet = Visitor(web.test_client())  # type: ignore[attr-defined]
    assert tablet.sign_in(username, password).headers["Location"] == "/tablet"
    for path in ("/patients", f"/patients/{patient_id}", f"/patients/{patient_id}/voice", "/people", "/password"):
        assert tablet.get(path).status_code == 403
    account_id = re.search(r"/tablets/([0-9a-f]{32})/disable", again).group(1)  # type: ignore[union-attr]
    assert clinician.post(f"/patients/{patient_id}/tablets/{account_id}/disable").status_code == 302
    assert tablet.get("/tablet").status_code == 302


def test_nobody_is_unpaired_through_another_patient(clinician: Visitor, clinician_id: str, patient_id: str) -> None:
    assert clinician.post(f"/patients/{patient_id}/tablets/{clinician_id}/disable").status_code == 404
    assert clinician.get("/patients").status_code == 200


def test_the_last_day_shows_the_highest_first_with_its_reason(clinician: Visitor, clinician_id: str) -> None:
    assert "Nobody is registered yet" in clinician.get("/").text
    seeding.seed(clinician_id)
    page = clinician.get("/").text
    assert page.index(seeding.LONG_NAME) < page.index("Tomasz Nowak")
    assert "5.2 semitones higher" in page and "Louder and more uneven" in page
    assert "Grace Adeyemi" not in page
    assert "Voices being built" in page


def test_opening_a_patient_is_in_the_audit_chain(clinician: Visitor, patient_id: str) -> None:
    clinician.get(f"/patients/{patient_id}")
    assert "patient.view" in _actions(patient_id)
    with transaction() as session:
        assert verify_chain(session) is None


def test_an_erased_patient_stays_closed(clinician: Visitor, clinician_id: str, home: Path) -> None:
    seeded = seeding.seed(clinician_id)
    with transaction() as session:
        patient = session.get_one(Patient, seeded.patient_id)
    blobs_before = sum(1 for file in (home / "blobs").rglob("*") if file.is_file())
    run = CliRunner()
    assert run.invoke(patients, ["erase", seeded.patient_id], input="n\n").exit_code == 1
    assert clinician.get(f"/patients/{seeded.patient_id}").status_code == 200
    done = run.invoke(patients, ["erase", seeded.patient_id, "--yes"])
    assert done.exit_code == 0 and seeding.LONG_NAME not in done.output
    assert run.invoke(patients, ["erase", seeded.patient_id, "--yes"]).exit_code == 0  # again does no harm
    for path in (
        f"/patients/{seeded.patient_id}",
        f"/sessions/{seeded.session_id}",
        f"/recordings/{seeded.recording_id}/sound",
        f"/utterances/{seeded.utterance_ids[0]}/heard",
    ):
        assert clinician.get(path).status_code == 410
    assert seeding.LONG_NAME not in clinician.get("/patients").text + clinician.get("/").text
    with pytest.raises(VaultError, match="erased"):
        get_vault().get_text(patient, "name_sealed")
    assert sum(1 for file in (home / "blobs").rglob("*") if file.is_file()) < blobs_before
    assert "patient.erase" in _actions(seeded.patient_id)
