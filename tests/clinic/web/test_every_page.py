"""What holds on every page: headers, cookies, errors, logs, and what they must not hold."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from clinic.database import transaction
from tests.browser import seeding
from tests.clinic.pages import Visitor
from tests.homes import fresh_home

CANARY = "Quillonette Canary-Zanzibar"


@pytest.fixture
def everything(clinician_id: str) -> seeding.Seeded:
    """A home with patients in every state."""
    return seeding.seed(clinician_id)


def _pages(seeded: seeding.Seeded) -> list[str]:
    ids = (seeded.patient_id, seeded.building_id, seeded.empty_id)
    patients = [f"/patients/{one}{rest}" for one in ids for rest in ("", "/voice")]
    keeping = seeded.keeping
    kept = [f"/patients/{keeping.patient_id}{rest}" for rest in ("", "/voice", "/messages")]
    kept += [f"/patients/{keeping.patient_id}/messages?recording={keeping.recording_id}"]
    kept += [
        f"/compare/{keeping.comparison_id}",
        *(f"/sittings/{one}" for one in (keeping.begun_id, keeping.finished_id)),
    ]
    kept += [f"/voices/{keeping.voice_ids[0]}/delete"]
    learning = [
        f"/patients/{one}{rest}"
        for one in (seeded.learning.patient_id, seeded.empty_id)
        for rest in ("", "/learning", "/learning?all=1", "/read-aloud", "/phrases", "/phrases/say")
    ]
    kept += learning
    return ["/", "/patients", "/patients/new", "/password", f"/sessions/{seeded.session_id}", *patients, *kept]


def test_no_page_has_a_script_or_style_in_it_and_none_may(clinician: Visitor, everything: seeding.Seeded) -> None:
    for path in [*_pages(everything), "/sign-out", "/nowhere"]:
        answer = clinician.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe-inline" not in policy and "unsafe-eval" not in policy
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store", path
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=\"", answer.text), path
        assert "http://" not in re.sub(r'xmlns="[^"]*"', "", answer.text), path


def test_the_same_of_the_tablets_pages(another: Callable[[str], Visitor], everything: seeding.Seeded) -> None:
    tablet = another("bedside-9")
    for path in ("/tablet", "/tablet/read", "/tablet/phrases", "/tablet/phrases/say"):
        answer = tablet.get(path)
        assert answer.status_code == 200 and "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store", path
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=\"", answer.text), path


def test_what_a_patient_said_is_text_and_never_a_tag(clinician: Visitor, everything: seeding.Seeded) -> None:
    page = clinician.get(f"/sessions/{everything.session_id}").text
    assert "&lt;script&gt;alert(" in page and "<script>alert" not in page and "<img src=x" not in page


def test_a_hostile_name_is_text_everywhere(clinician: Visitor, clinician_id: str) -> None:
    name = '"><script>alert(1)</script>{{ 7*7 }}'
    created = clinician.post("/patients/new", {"name": name, "hospital_number": "<b>", "language": "en"})
    path = created.headers["Location"]
    for page in (clinician.get(path), clinician.get("/patients"), clinician.get(f"{path}/voice")):
        assert "<script>alert" not in page.text and "&lt;script&gt;" in page.text and "{{ 7*7 }}" in page.text
    search = clinician.post("/patients", {"looking_for": "<script>alert(2)"})
    assert "<script>alert(2)" not in search.text


def test_cookies_are_secure_when_the_settings_say_so(tmp_path: Path) -> None:
    with fresh_home(tmp_path, SAMEVOICE_SECURE_COOKIES="true"):
        from clinic.app import create_app

        answer = create_app().test_client().get("/sign-in", base_url="https://localhost")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-samevoice=")
    assert "Secure" in cookie and "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert "max-age=" in answer.headers["Strict-Transport-Security"]


def test_a_form_without_its_token_changes_nothing(clinician: Visitor, patient_id: str) -> None:
    answer = clinician.client.post(f"/patients/{patient_id}/consents/keep_voice/withdraw")
    assert answer.status_code == 400 and "form is too old" in answer.text
    assert "Withdrawn" not in clinician.get(f"/patients/{patient_id}").text


def test_errors_are_json_for_those_who_ask_for_json(clinician: Visitor) -> None:
    answer = clinician.get("/patients/nobody/voice/state", headers={"Accept": "application/json"})
    assert answer.status_code == 404 and answer.json["error"]["code"] == "no_patient"
    assert "There is no such patient" in clinician.get("/patients/nobody").text


def test_an_unexpected_error_is_a_page_and_its_words_are_in_no_log(
    web: Flask, clinician: Visitor, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr("clinic.patients.service.list_patients", broken)
    with caplog.at_level(logging.DEBUG):
        answer = clinician.get("/patients")
    assert answer.status_code == 500 and "Nothing is lost" in answer.text
    assert "Traceback" not in answer.text and CANARY not in answer.text
    assert "RuntimeError" in caplog.text and CANARY not in caplog.text


def test_one_line_a_request_and_nobody_in_it(clinician: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="samevoice.requests"):
        clinician.get("/patients/some-id?looking_for=" + CANARY.replace(" ", "+"))
        clinician.get(f"/{CANARY.replace(' ', '-')}")
    lines = [record.getMessage() for record in caplog.records if record.name == "samevoice.requests"]
    assert re.fullmatch(r"GET /patients/<patient_id> 404 \d+ ms", lines[0])
    assert re.fullmatch(r"GET unknown 404 \d+ ms", lines[1])


def test_health_says_how_things_are_and_no_address(web: Flask) -> None:
    answer = web.test_client().get("/health")
    assert answer.status_code == 200 and answer.json["database"] == "ok"
    assert "//" not in answer.text


def test_health_fails_when_the_database_is_away(web: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    from clinic.database import make_engine

    monkeypatch.setattr("clinic.app.get_engine", lambda: make_engine("sqlite:////proc/nowhere.sqlite"))
    answer = web.test_client().get("/health")
    assert answer.status_code == 503 and answer.json["status"] == "failing"


def test_no_name_number_statement_or_file_name_is_in_any_byte_or_log(
    clinician: Visitor, home: Path, caplog: pytest.LogCaptureFixture, sent: list[object]
) -> None:
    with caplog.at_level(logging.DEBUG):
        created = clinician.post("/patients/new", {"name": CANARY, "hospital_number": "CANARY-881", "language": "en"})
        path = created.headers["Location"]
        clinician.post(f"{path}/consents/keep_voice/give", {"statement": "canary words she wrote"})
        clinician.post("/patients", {"looking_for": "Quillonette"})
        with transaction() as session:
            seeding.recording(session, path.rsplit("/", 1)[1], "canary-holiday.wav")
        assert CANARY in clinician.get(path).text and "canary words she wrote" in clinician.get(path).text
        assert "canary-holiday.wav" in clinician.get(f"{path}/voice").text
    needles = (CANARY, "Quillonette", "CANARY-881", "canary words", "canary-holiday", "best of times")
    files = [file for file in home.rglob("*") if file.is_file()]
    assert (home / "blobs").is_dir() and files
    for file in files:
        data = file.read_bytes()
        for needle in needles:
            assert needle.encode() not in data, f"{needle} is in {file.name}"
    for needle in needles:
        assert needle not in caplog.text
