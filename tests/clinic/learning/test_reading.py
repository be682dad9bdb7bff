"""Sentences read aloud, from the clinician's side and from the tablet's."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from clinic.database import new_id, now, transaction
from clinic.learning import phrases, service
from clinic.learning.tables import (
    BUILDING,
    READY,
    RECEIVED,
    REFUSED,
    OwnSentence,
    Phrase,
    PhraseExample,
    ReadAloud,
)
from clinic.patients.service import erase
from clinic.vault import get_vault
from tests.browser import seeding
from tests.clinic.learning.acts import CANARY, HOSTILE, Sent, blobs, lines, read, readings, rows, say, to_read
from tests.clinic.pages import Visitor


def test_a_sentence_that_was_read_is_sealed_checked_and_not_asked_for_again(
    clinician: Visitor, patient_id: str, sent: Sent
) -> None:
    first, second = to_read(clinician, patient_id)[:2]
    answer = read(clinician, patient_id)
    assert answer.status_code == 200 and answer.json["state"] == RECEIVED
    (row,) = rows(ReadAloud)
    assert sent == [("learning.check_read", (row.id,))]
    assert get_vault().get_blob(patient_id, row.blob_id) == seeding.tone(1.5)
    assert get_vault().get_text(row, "text_sealed") == first
    assert to_read(clinician, patient_id)[0] == second
    assert lines("reading.add")[0].detail == {"patient": patient_id, "prompt": "en-001"}
    page = clinician.get(f"/patients/{patient_id}/learning").text
    assert first in page and "Being checked" in page
    assert clinician.get(f"/readings/{row.id}/sound").data == seeding.tone(1.5)
    assert len(lines("reading.play")) == 1


def test_what_was_refused_says_why_comes_again_and_gives_way(
    clinician: Visitor, patient_id: str, sent: Sent, home: Path
) -> None:
    look = read(clinician, patient_id).json["look"]
    with transaction() as session:
        row = session.scalars(select(ReadAloud)).one()
        row.state, row.error_message = REFUSED, "It was too long. Say it in one breath."
    assert clinician.get(look).json["message"] == "It was too long. Say it in one breath."
    assert "Say it in one breath" in clinician.get(f"/patients/{patient_id}/learning").text
    assert len(to_read(clinician, patient_id)) == 40 and to_read(clinician, patient_id)[0].startswith("Good morning")
    read(clinician, patient_id)
    assert [one.state for one in rows(ReadAloud)] == [RECEIVED] and blobs(home) == 1


def test_sent_twice_it_is_kept_once(clinician: Visitor, patient_id: str, sent: Sent, home: Path) -> None:
    take = new_id()
    first, second = read(clinician, patient_id, take=take), read(clinician, patient_id, take=take)
    assert first.json == second.json and len(rows(ReadAloud)) == 1 and len(sent) == 1 and blobs(home) == 1


def test_a_number_that_somebody_else_has_is_not_taken_over(
    clinician: Visitor, patient_id: str, other_id: str, sent: Sent, home: Path
) -> None:
    take = new_id()
    read(clinician, patient_id, take=take)
    answer = read(clinician, other_id, take=take)
    assert answer.status_code == 409 and answer.json["error"]["code"] == "sent_twice"
    assert [row.patient_id for row in rows(ReadAloud)] == [patient_id] and blobs(home) == 1


def _wav(rate_hz: int = 16_000, channels: int = 1) -> bytes:
    """A WAV of one second in another form."""
    tone = bytearray(seeding.tone(1.0))
    tone[22:24], tone[24:28] = struct.pack("<H", channels), struct.pack("<I", rate_hz)
    return bytes(tone)


@pytest.mark.parametrize(
    ("sound", "status", "code"),
    [
        (b"", 400, "no_sound"),
        (b"not a sound at all", 400, "not_a_recording"),
        (b"RIFF\xff\xff\xff\xffWAVE", 400, "not_a_recording"),
        (b"RIFF\x10\x00\x00\x00WAVEdata\x00\x00\x00\x00", 400, "not_a_recording"),
        (_wav(rate_hz=48_000), 400, "not_a_recording"),
        (_wav(channels=2), 400, "not_a_recording"),
        (seeding.tone(0.2), 400, "too_short"),
        (seeding.tone(0.0), 400, "too_short"),
        (seeding.tone(1.0) + bytes(61 * 32_000), 413, "too_long"),
    ],
)
def test_a_bad_recording_is_refused_in_plain_words(
    clinician: Visitor, patient_id: str, sent: Sent, home: Path, sound: bytes, status: int, code: str
) -> None:
    answer = read(clinician, patient_id, sound=sound)
    assert (answer.status_code, answer.json["error"]["code"]) == (status, code)
    assert answer.json["error"]["message"].endswith(".")
    assert rows(ReadAloud) == [] and sent == [] and blobs(home) == 0


def test_without_its_token_or_number_nothing_is_kept(clinician: Visitor, patient_id: str, sent: Sent) -> None:
    assert read(clinician, patient_id, token="forged").json["error"]["code"] == "csrf"
    assert read(clinician, patient_id, take="../../x").json["error"]["code"] == "no_take"
    for prompt in ("en-999", "", "x" * 3000):
        assert read(clinician, patient_id, prompt).json["error"]["code"] == "no_sentence"
    assert rows(ReadAloud) == [] and sent == []


def test_without_consent_nothing_is_recorded_or_learned(
    clinician: Visitor, tablet: Visitor, patient_id: str, sent: Sent
) -> None:
    readings(patient_id, 6)
    with transaction() as session:
        seeding.adapter(session, patient_id, 1, READY, chosen_at=now())
    assert tablet.get("/tablet/own").json["teach"] == "/tablet/read"
    clinician.post(f"/patients/{patient_id}/consents/learn_corrections/withdraw")
    assert tablet.get("/tablet/own").json["teach"] is None
    for visitor in (clinician, tablet):
        answer = read(visitor, patient_id, "en-050")
        assert answer.status_code == 403 and "has not agreed" in answer.json["error"]["message"]
    page = clinician.post(f"/patients/{patient_id}/learning", follow_redirects=True).text
    assert "Record their consent first" in page and "Learn from these" not in page
    assert "is kept, but not used" in page and "As everybody is" in page
    assert clinician.post(f"/patients/{patient_id}/sentences", {"sentences": "Hello"}).status_code == 403
    assert clinician.post(f"/patients/{patient_id}/phrases", {"phrase": "Hello"}).status_code == 403
    assert tablet.client.post("/tablet/phrases", data={"csrf_token": "x"}).status_code == 400
    for path in ("/tablet/read", "/tablet/phrases", "/tablet/phrases/say"):
        page = tablet.get(path).text
        assert "once you have agreed" in page and "say.js" not in page
    assert sent == [] and rows(OwnSentence) == [] and rows(Phrase) == [] and len(rows(ReadAloud)) == 6


def test_the_tablet_reads_for_its_own_patient_and_for_nobody_else(
    clinician: Visitor, tablet: Visitor, patient_id: str, other_id: str, sent: Sent
) -> None:
    assert tablet.get("/tablet/read").status_code == 200
    answer = read(tablet, patient_id)
    assert answer.status_code == 200 and tablet.get(answer.json["look"]).json["state"] == RECEIVED
    with transaction() as session:
        foreign = seeding.reading(session, other_id, "en-002")
        phrase = phrases.add(session, "system", other_id, "Not yours")
        seen = seeding.example(session, other_id, phrase.id)
    for path in (f"/readings/{foreign.id}/state", f"/examples/{seen.id}/state"):
        assert tablet.get(path).status_code == 404
    for rest in ("read-aloud/next", "phrases/say/next"):
        assert tablet.get(f"/patients/{other_id}/{rest}").status_code == 404
    assert read(tablet, other_id).status_code == 404
    assert say(tablet, f"/phrases/{phrase.id}/examples").status_code == 404
    assert len(rows(ReadAloud)) == 2 and len(rows(PhraseExample)) == 1
    assert "Not yours" not in tablet.get("/tablet/phrases").text


def test_each_role_opens_only_what_is_its_own(
    clinician: Visitor, tablet: Visitor, another: Callable[[str], Visitor], patient_id: str
) -> None:
    (reading_id,) = readings(patient_id, 1)
    with transaction() as session:
        adapter_id = seeding.adapter(session, patient_id, 1, READY).id
    administrator = another(seeding.ADMINISTRATOR)
    theirs = ["learning", "learning/state", "read-aloud", "phrases", "phrases/state", "phrases/say"]
    for visitor in (tablet, administrator):
        for path in (*(f"/patients/{patient_id}/{rest}" for rest in theirs), f"/readings/{reading_id}/sound"):
            assert visitor.get(path).status_code == 403, path
        token = {"csrf_token": visitor.token("/nowhere")}
        for path in (
            f"/patients/{patient_id}/learning", f"/patients/{patient_id}/learning/everybodys",
            f"/learning/{adapter_id}/use", f"/learning/{adapter_id}/cancel", f"/learning/{adapter_id}/delete",
            f"/readings/{reading_id}/delete", f"/patients/{patient_id}/sentences", f"/patients/{patient_id}/asks-first",
        ):  # fmt: skip
            assert visitor.client.post(path, data=token).status_code == 403, path
    for visitor, path in ((clinician, "/tablet/read"), (clinician, "/tablet/phrases"), (administrator, "/tablet/read")):
        assert visitor.get(path).status_code == 403
    assert read(administrator, patient_id).status_code == 403
    for path in (f"/patients/{patient_id}/readings", "/phrases/x/examples"):
        signed_out = Visitor(clinician.client.application.test_client())
        assert say(signed_out, path, token="x").status_code == 401


def test_an_erased_patients_sentences_stay_closed(
    clinician: Visitor, tablet: Visitor, patient_id: str, sent: Sent, home: Path
) -> None:
    (reading_id,) = readings(patient_id, 1)
    clinician.post(f"/patients/{patient_id}/sentences", {"sentences": "Hello"})
    with transaction() as session:
        phrase_id = phrases.add(session, "system", patient_id, "Hello").id
        seeding.example(session, patient_id, phrase_id)
        adapter_id = seeding.adapter(session, patient_id, 1, READY).id
        erase(session, "system", patient_id)
    assert blobs(home) == 0
    for path in (f"/patients/{patient_id}/learning", f"/readings/{reading_id}/sound", f"/readings/{reading_id}/state"):
        assert clinician.get(path).status_code == 410, path
    assert read(clinician, patient_id).status_code == 410
    assert say(clinician, f"/phrases/{phrase_id}/examples").status_code == 410
    assert clinician.post(f"/learning/{adapter_id}/use").status_code == 410
    assert clinician.post(f"/patients/{patient_id}/learning").status_code == 410
    with transaction() as session:
        assert [one.text for one in service.own_sentences(session, patient_id)] == ["Words not readable"]
        assert [one.text for one in phrases.phrases_of(session, patient_id)] == ["Words not readable"]
    assert tablet.get("/tablet/read").status_code in (302, 401)


def test_deleting_a_sentence_destroys_its_sound(clinician: Visitor, patient_id: str, home: Path) -> None:
    first, second = readings(patient_id, 2)
    page = clinician.post(f"/readings/{first}/delete", follow_redirects=True).text
    assert "The sentence is deleted" in page and blobs(home) == 1
    assert [row.id for row in rows(ReadAloud)] == [second] and lines("reading.delete")[0].subject == first
    assert clinician.post(f"/readings/{first}/delete").status_code == 404
    with transaction() as session:
        seeding.adapter(session, patient_id, 1, BUILDING, read_aloud_ids=[second])
    answer = clinician.post(f"/readings/{second}/delete")
    assert answer.status_code == 409 and "being learned from just now" in answer.text and blobs(home) == 1


# Out of the patient's own life


def test_own_sentences_come_first_are_sealed_and_never_a_tag(
    clinician: Visitor, patient_id: str, sent: Sent, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        typed = f"  {CANARY}. \n\n{HOSTILE}\x00\u202e\n"
        page = clinician.post(f"/patients/{patient_id}/sentences", {"sentences": typed}, follow_redirects=True).text
        assert "2 sentences are on the list" in page and CANARY in page
        assert "<script>alert" not in page and "&lt;script&gt;" in page and "{{ 7*7 }}" in page
        items = clinician.get(f"/patients/{patient_id}/read-aloud/next").json["items"]
        assert [item["text"] for item in items[:2]] == [f"{CANARY}.", f"{HOSTILE}"]
        assert say(clinician, items[0]["keep"]).status_code == 200
    row = rows(ReadAloud)[0]
    assert get_vault().get_text(row, "text_sealed") == f"{CANARY}." and row.prompt is None
    assert to_read(clinician, patient_id)[0] == HOSTILE
    for file in (file for file in home.rglob("*") if file.is_file()):
        assert b"Quillonette" not in file.read_bytes(), file.name
    assert "Quillonette" not in caplog.text
    clinician.post(f"/sentences/{row.own_id}/remove")
    (kept,) = rows(ReadAloud)
    assert kept.own_id is None and kept.blob_id == row.blob_id
    assert len(rows(OwnSentence)) == 1 and lines("sentence.remove")[0].subject == row.own_id


@pytest.mark.parametrize(
    ("typed", "said"),
    [("", "Type a sentence"), (" \n\t", "Type a sentence"), ("x" * 121, "Shorten it"), ("a\n" * 201, "Remove some")],
)
def test_an_own_sentence_that_cannot_be_taken_says_why_and_stays_typed(
    clinician: Visitor, patient_id: str, typed: str, said: str
) -> None:
    answer = clinician.post(f"/patients/{patient_id}/sentences", {"sentences": typed})
    assert answer.status_code in (400, 409) and said in answer.text and rows(OwnSentence) == []
    assert typed.strip() in answer.text.replace("\r", "")


def test_an_own_sentence_of_somebody_else_is_not_found(
    clinician: Visitor, patient_id: str, other_id: str, sent: Sent
) -> None:
    clinician.post(f"/patients/{patient_id}/sentences", {"sentences": "Hello"})
    (own,) = rows(OwnSentence)
    assert say(clinician, f"/patients/{other_id}/readings?own={own.id}").status_code == 404
    assert rows(ReadAloud) == [] and sent == []


def test_two_of_the_same_number_at_once_are_one(
    clinician: Visitor, patient_id: str, sent: Sent, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(*_: Any, **__: Any) -> None:
        raise IntegrityError("insert", {}, Exception("unique"))

    monkeypatch.setattr(service, "keep_reading", taken)
    answer = read(clinician, patient_id)
    assert answer.status_code == 409 and blobs(home) == 0 and sent == []
