"""Message banking, from the clinician's side and from the tablet's: the patient's own recordings, as they are."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from clinic.audit.tables import AuditLine
from clinic.database import transaction
from clinic.errors import PlainError
from clinic.messages import service
from clinic.messages.tables import FAILED, READY, Message
from clinic.patients.service import erase
from clinic.vault import get_vault
from tests.browser import seeding
from tests.clinic.pages import Visitor

Sent = list[tuple[str, tuple[Any, ...]]]
CANARY = "Canary giggle of Zanzibar"


@pytest.fixture
def recording(patient_id: str) -> str:
    """A recording of 20 s with its words; its id."""
    with transaction() as session:
        row = seeding.recording(session, patient_id, "party.wav", duration_s=20.0)
        words = [["Best", 1.0, 1.4, 0.9], ["of", 1.4, 1.6, 0.9], ["times", 1.6, 2.2, 0.9]]
        get_vault().put(row, "transcript_sealed", {"text": "Best of times", "words": words})
        return row.id


def message(patient_id: str, name: str, place: int = 0, state: str = READY, pitch_hz: float = 220.0) -> str:
    """A message as the worker leaves it; its id."""
    with transaction() as session:
        row = seeding.message(session, patient_id, name, place, state=state, pitch_hz=pitch_hz)
        return row.id


def _names(patient_id: str) -> list[str]:
    with transaction() as session:
        return [one.name for one in service.messages_of(session, patient_id)]


def _cut(visitor: Visitor, patient_id: str, recording: str, **typed: str) -> Any:
    form = {"recording": recording, "name": "Laugh", "start": "1", "end": "2", **typed}
    return visitor.post(f"/patients/{patient_id}/messages", form, follow_redirects=True)


def _upload(visitor: Visitor, patient_id: str, data: bytes, filename: str = "song.mp3", **typed: str) -> Any:
    fields = {"csrf_token": visitor.token(), "name": "Song", "start": "", "end": "", **typed}
    form = {**fields, "recording": (io.BytesIO(data), filename)}
    return visitor.client.post(f"/patients/{patient_id}/messages/upload", data=form, follow_redirects=True)


def test_a_piece_is_chosen_by_its_words_named_and_sent_to_be_cut(
    clinician: Visitor, patient_id: str, recording: str, sent: Sent
) -> None:
    opened = clinician.get(f"/recordings/{recording}/cut", follow_redirects=True).text
    assert 'data-start="1.6" data-end="2.2">times</button>' in opened
    page = _cut(clinician, patient_id, recording, name=" Best  of times ", start="0:01", end="2,2").text
    assert "Best of times" in page and "Being cut" in page
    with transaction() as session:
        row = session.scalars(select(Message)).one()
    assert (row.start_s, row.end_s, row.recording_id) == (1.0, 2.2, recording)
    assert sent == [("messages.cut", (row.id,))]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"start": "2", "end": "2"}, "end has to be after the start"),
        ({"start": "5", "end": "2"}, "end has to be after the start"),
        ({"start": "20", "end": ""}, "begins after the recording has ended"),
        ({"start": "1", "end": "1.05"}, "too short"),
        ({"start": "soon"}, "Type start and end in seconds"),
        ({"start": "-1"}, "Type start and end in seconds"),
        ({"start": "nan"}, "Type start and end in seconds"),
        ({"end": "inf"}, "Type start and end in seconds"),
        ({"end": "1e999"}, "Type start and end in seconds"),
        ({"name": "  "}, "Give the message a name"),
        ({"name": "x" * 5000}, "Shorten it"),
    ],
)
def test_what_cannot_be_cut_is_said_and_what_was_typed_stays(
    clinician: Visitor, patient_id: str, recording: str, sent: Sent, typed: dict[str, str], said: str
) -> None:
    answer = _cut(clinician, patient_id, recording, **typed)
    assert answer.status_code == 400 and said in answer.text
    assert 'value="Laugh"' in answer.text or "name" in typed
    assert _names(patient_id) == [] and sent == []


def test_a_message_lasts_five_minutes_at_most() -> None:
    assert service.times("0", "5:00", 1000.0) == (0.0, 300.0)
    for start, end in (("0", "5:01"), ("0", "")):
        with pytest.raises(PlainError, match="5 minutes at most"):
            service.times(start, end, 1000.0)


def test_a_file_of_its_own_is_sealed_and_sent_to_be_cut(
    clinician: Visitor, patient_id: str, sent: Sent, home: Path
) -> None:
    assert "being made ready" in _upload(clinician, patient_id, seeding.tone(2.0), "x.wav").text
    with transaction() as session:
        row = session.scalars(select(Message)).one()
    assert row.upload_blob_id and get_vault().get_blob(patient_id, row.upload_blob_id) == seeding.tone(2.0)
    assert (row.start_s, row.end_s) == (0.0, None) and sent == [("messages.cut", (row.id,))]


def test_an_upload_that_cannot_be_kept_leaves_nothing_behind(
    clinician: Visitor, patient_id: str, sent: Sent, home: Path
) -> None:
    for answer in (
        _upload(clinician, patient_id, b""),
        _upload(clinician, patient_id, b"x" * 9000, ""),
        _upload(clinician, patient_id, b"x" * 9000, start="3", end="1"),
        _upload(clinician, patient_id, b"x" * 9000, name=" "),
        _upload(clinician, patient_id, b"x" * 9000, csrf_token="forged"),
    ):
        assert answer.status_code == 400
    assert _names(patient_id) == [] and sent == []
    assert not [file for file in (home / "blobs").rglob("*") if file.is_file()]


def test_messages_are_put_in_order_renamed_and_removed(clinician: Visitor, patient_id: str, home: Path) -> None:
    ids = [message(patient_id, name, place) for place, name in enumerate(("One", "Two", "Three"))]
    clinician.post(f"/messages/{ids[2]}/move", {"to": "up"})
    clinician.post(f"/messages/{ids[0]}/move", {"to": "up"})  # it is the first already
    assert _names(patient_id) == ["One", "Three", "Two"]
    clinician.post(f"/messages/{ids[0]}/move", {"to": "down"})
    assert _names(patient_id) == ["Three", "One", "Two"]
    clinician.post(f"/messages/{ids[0]}/rename", {"name": "<b>Uno</b>"})
    page = clinician.post(f"/messages/{ids[1]}/rename", {"name": "y" * 5000}, follow_redirects=True).text
    assert "Shorten it" in page and "&lt;b&gt;Uno&lt;/b&gt;" in page and "<b>Uno" not in page
    clinician.post(f"/messages/{ids[2]}/remove")
    assert _names(patient_id) == ["<b>Uno</b>", "Two"]
    assert sum(1 for file in (home / "blobs").rglob("*") if file.is_file()) == 2
    assert clinician.post(f"/messages/{ids[2]}/remove").status_code == 404


def test_the_tablet_plays_them_as_they_are_in_the_patients_order(
    clinician: Visitor, tablet: Visitor, patient_id: str
) -> None:
    message(patient_id, "Second", 2)
    message(patient_id, "First", 1, pitch_hz=300.0)
    message(patient_id, "Not cut yet", 3, state="wanted")
    message(patient_id, "Broken", 4, state=FAILED)
    told = tablet.get("/tablet/own").json
    assert [one["name"] for one in told["messages"]] == ["First", "Second"] and told["compare"] is None
    played = tablet.get(told["messages"][0]["sound"])
    assert played.data == seeding.tone(1.0, 300.0) and played.mimetype == "audio/wav"
    assert played.headers["X-Samevoice-Source"] == "original-recording"
    with transaction() as session:
        assert session.scalars(select(AuditLine).where(AuditLine.action == "message.play")).one()


def test_a_tablet_hears_nobody_elses(web: Flask, tablet: Visitor, clinician_id: str) -> None:
    with transaction() as session:
        other = seeding.patient(session, clinician_id, "Ivo Marek")
    foreign = message(other, "Not yours")
    assert tablet.get("/tablet/own").json["messages"] == []
    assert tablet.get(f"/messages/{foreign}/sound").status_code == 404
    token = {"csrf_token": tablet.token("/patients")}
    for what in ("rename", "move", "remove"):
        assert tablet.client.post(f"/messages/{foreign}/{what}", data=token).status_code == 403


def test_without_consent_nothing_is_added_or_played_and_what_there_is_can_be_removed(
    clinician: Visitor, tablet: Visitor, patient_id: str, recording: str, sent: Sent
) -> None:
    kept = message(patient_id, "Laugh")
    clinician.post(f"/patients/{patient_id}/consents/keep_voice/withdraw")
    assert _cut(clinician, patient_id, recording).status_code == 403
    assert _upload(clinician, patient_id, b"x" * 100).status_code == 403
    assert tablet.get("/tablet/own").json["messages"] == []
    for visitor in (clinician, tablet):
        assert visitor.get(f"/messages/{kept}/sound").status_code == 404
    assert "so nothing is played" in clinician.get(f"/patients/{patient_id}/messages").text
    clinician.post(f"/messages/{kept}/remove")
    assert _names(patient_id) == [] and sent == []


def test_a_recording_of_another_patient_is_not_found(
    clinician: Visitor, clinician_id: str, patient_id: str, recording: str, sent: Sent
) -> None:
    with transaction() as session:
        other = seeding.patient(session, clinician_id, "Ivo Marek")
    assert _cut(clinician, other, recording).status_code == 404
    assert "party.wav" not in clinician.get(f"/patients/{other}/messages?recording={recording}").text
    for path in (f"/patients/{patient_id}/messages", "/messages/x/rename", "/messages/x/move"):
        assert clinician.post(path, {"recording": "x" * 5000}).status_code == 404
    assert sent == []


def test_erasing_the_patient_erases_their_messages(
    clinician: Visitor, tablet: Visitor, patient_id: str, home: Path
) -> None:
    kept = message(patient_id, "Laugh")
    with transaction() as session:
        erase(session, "system", patient_id)
    assert not [file for file in (home / "blobs").rglob("*") if file.is_file()]
    with transaction() as session:
        assert [one.name for one in service.messages_of(session, patient_id)] == ["Name not readable"]
    assert clinician.get(f"/messages/{kept}/sound").status_code == 410
    assert tablet.get("/tablet/own").status_code in (302, 401)


def test_no_name_word_or_sound_of_it_is_in_any_byte_or_log(
    clinician: Visitor, patient_id: str, recording: str, sent: Sent, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        _cut(clinician, patient_id, recording, name=CANARY)
        message(patient_id, "Quillonette joke")
        form = {"word": "Zanzibarella", "say": "zan-zi-canary"}
        clinician.post(f"/patients/{patient_id}/pronunciations", form)
        assert CANARY in clinician.get(f"/patients/{patient_id}/messages").text
        assert "zan-zi-canary" in clinician.get(f"/patients/{patient_id}").text
    needles = [CANARY.encode(), b"Zanzibar", b"Quillonette", b"zan-zi-canary", b"party.wav", seeding.tone()[400:700]]
    for file in (file for file in home.rglob("*") if file.is_file()):
        data = file.read_bytes()
        assert [needle for needle in needles if needle in data] == [], file.name
    assert not any(needle.decode() in caplog.text for needle in needles[:-1])
