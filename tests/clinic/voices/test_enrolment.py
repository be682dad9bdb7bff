"""Enrolment, from the clinician's side: files in, judged in words, a voice asked for, heard, stopped."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from clinic.audit.tables import AuditLine
from clinic.database import now, transaction
from clinic.settings import get_settings
from clinic.vault import get_vault
from clinic.vault.errors import disk_full
from clinic.voices import service
from clinic.voices.tables import BUILDING, CANCELLED, FAILED, QUEUED, READY, Recording, Voice
from tests.browser import seeding
from tests.clinic.pages import Visitor

Sent = list[tuple[str, tuple[Any, ...]]]
JSON = {"Accept": "application/json"}


def _upload(visitor: Visitor, patient_id: str, *files: tuple[bytes, str], **options: Any) -> Any:
    data = {"csrf_token": visitor.token(), "recordings": [(io.BytesIO(data), name) for data, name in files]}
    return visitor.client.post(f"/patients/{patient_id}/recordings", data=data, **options)


def _recordings(patient_id: str) -> list[Recording]:
    with transaction() as session:
        return service.recordings_of(session, patient_id)


def _names(patient_id: str) -> list[str]:
    return [get_vault().get_text(row, "filename_sealed") for row in _recordings(patient_id)]


def test_several_recordings_arrive_at_once_are_sealed_and_sent_for_their_check(
    clinician: Visitor, patient_id: str, sent: Sent
) -> None:
    first, second = seeding.tone(3.0), b"\x00\xff\r\n--boundary?\r\n" * 60_000
    assert _upload(clinician, patient_id, (first, "one.wav"), (second, "two.mp3")).status_code == 302
    rows = _recordings(patient_id)
    assert _names(patient_id) == ["one.wav", "two.mp3"]
    assert [get_vault().get_blob(patient_id, row.blob_id) for row in rows] == [first, second]
    assert [row.size_bytes for row in rows] == [len(first), len(second)]
    assert sent == [("voices.check", (row.id,)) for row in rows]


def test_an_upload_is_never_in_a_plain_temporary_file(
    clinician: Visitor, patient_id: str, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the usual form parser took a file")

    monkeypatch.setattr("flask.Request._get_file_stream", refuse)
    usual = {"name": (io.BytesIO(b"x"), "a.wav")}
    assert clinician.client.post("/patients/new", data=usual).status_code == 500  # this is what the trap catches
    assert _upload(clinician, patient_id, (b"x" * 2_000_000, "long.wav")).status_code == 302


def test_an_empty_file_is_said_and_the_others_are_kept(clinician: Visitor, patient_id: str, sent: Sent) -> None:
    answer = _upload(clinician, patient_id, (b"", "silent.wav"), (seeding.tone(), "good.wav"))
    assert answer.status_code == 400
    assert "silent.wav" in answer.text and "This file is empty" in answer.text
    assert _names(patient_id) == ["good.wav"]
    told = _upload(clinician, patient_id, (b"", "silent.wav"), (seeding.tone(), "b.wav"), headers=JSON).json
    assert told["kept"] == 1 and told["refused"][0]["name"] == "silent.wav"


def test_nothing_chosen_is_said(clinician: Visitor, patient_id: str) -> None:
    assert "No recording arrived" in _upload(clinician, patient_id, (b"", "")).text
    assert clinician.post(f"/patients/{patient_id}/recordings").status_code == 400


def test_too_much_at_once_is_refused_with_advice_and_keeps_what_was_there(
    clinician: Visitor, patient_id: str, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    _upload(clinician, patient_id, (seeding.tone(), "before.wav"))
    monkeypatch.setattr(get_settings(), "max_upload_bytes", 300_000)
    answer = _upload(clinician, patient_id, (b"x" * 400_000, "big.wav"))
    assert answer.status_code == 413 and "Send fewer at a time" in answer.text and "293 KB" in answer.text
    assert _names(patient_id) == ["before.wav"]


def test_an_upload_that_breaks_off_keeps_what_came_whole(
    web: Flask, clinician: Visitor, patient_id: str, sent: Sent, home: Path
) -> None:
    head = '--B\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
    whole = (
        head.format("csrf_token", "") + clinician.token() + "\r\n" + head.format("r", '; filename="a.wav"') + "AAAA\r\n"
    )
    broken = whole + head.format("r", '; filename="b.wav"') + "B" * 200_000
    before = {file for file in (home / "blobs").rglob("*") if file.is_file()}
    answer = clinician.client.post(
        f"/patients/{patient_id}/recordings", data=broken.encode(), headers=JSON,
        content_type="multipart/form-data; boundary=B",
    )  # fmt: skip
    assert answer.json["kept"] == 1 and "broke off" in answer.json["refused"][0]["message"]
    assert _names(patient_id) == ["a.wav"]
    assert len({file for file in (home / "blobs").rglob("*") if file.is_file()} - before) == 1


def test_a_full_disk_is_said_and_what_came_before_is_kept(
    clinician: Visitor, patient_id: str, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, kept = get_vault(), get_vault().put_blob

    def full(owner: str, data: Any) -> str:
        if _recordings(owner):
            raise disk_full()
        return kept(owner, data)

    monkeypatch.setattr(vault, "put_blob", full)
    told = _upload(clinician, patient_id, (b"one", "1.wav"), (b"two", "2.wav"), headers=JSON).json
    assert told["kept"] == 1 and "no room left" in told["refused"][0]["message"]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [("../../etc/passwd", "passwd"), ("C:\\Users\\x\\talk.wav", "talk.wav"), ("a\u202egnp.wav", "agnp.wav"),
     ("\r\nSet-Cookie: x", "Set-Cookie: x"), ("/", "recording"), ("x" * 500 + ".flac", None)],
)  # fmt: skip
def test_hostile_file_names_become_harmless(raw: str, shown: str | None) -> None:
    tidy = service.tidy_filename(raw)
    assert tidy == shown if shown else len(tidy) <= 120 and tidy.endswith(".flac")


def test_a_file_name_is_text_on_the_page(clinician: Visitor, patient_id: str, sent: Sent) -> None:
    _upload(clinician, patient_id, (seeding.tone(), "<img src=x onerror=alert(1)>.wav"))
    page = clinician.get(f"/patients/{patient_id}/voice").text
    assert "&lt;img src=x" in page and "<img" not in page


def test_without_consent_nothing_is_kept_or_built(clinician: Visitor, patient_id: str, sent: Sent) -> None:
    with transaction() as session:
        seeding.recording(session, patient_id, "a.wav", quality=seeding.quality("good", 40.0))
    clinician.post(f"/patients/{patient_id}/consents/keep_voice/withdraw")
    refused = _upload(clinician, patient_id, (seeding.tone(), "b.wav"))
    assert refused.status_code == 403 and "has not agreed" in refused.text
    built = clinician.post(f"/patients/{patient_id}/voices", follow_redirects=True)
    assert "has not agreed" in built.text
    assert _names(patient_id) == ["a.wav"] and sent == []
    with transaction() as session:
        assert session.scalar(select(func.count()).select_from(Voice)) == 0


def test_an_upload_without_its_token_is_refused_before_the_first_file(
    clinician: Visitor, patient_id: str, sent: Sent
) -> None:
    data = {"recordings": (io.BytesIO(seeding.tone()), "a.wav"), "csrf_token": "forged"}
    for fields in (data, {"recordings": (io.BytesIO(seeding.tone()), "a.wav")}):
        assert clinician.client.post(f"/patients/{patient_id}/recordings", data=fields).status_code == 400
    assert _recordings(patient_id) == []


def test_the_original_is_played_in_parts_and_each_playback_is_on_record_once(
    clinician: Visitor, patient_id: str
) -> None:
    with transaction() as session:
        row = seeding.recording(session, patient_id, "clip.wav")
    sound, path = seeding.tone(), f"/recordings/{row.id}/sound"
    whole = clinician.get(path)
    assert whole.data == sound and whole.mimetype == "audio/wav" and whole.headers["Accept-Ranges"] == "bytes"
    part = clinician.get(path, headers={"Range": "bytes=100-299"})
    assert part.status_code == 206 and part.data == sound[100:300]
    assert part.headers["Content-Range"] == f"bytes 100-299/{len(sound)}"
    assert clinician.get(path, headers={"Range": "bytes=-50"}).data == sound[-50:]
    assert clinician.get(path, headers={"Range": f"bytes={len(sound) + 5}-"}).status_code == 416
    with transaction() as session:
        played = session.scalars(select(AuditLine).where(AuditLine.action == "recording.play")).all()
    assert len(played) == 1 and played[0].subject == row.id


def test_an_upload_is_never_shown_as_a_page(clinician: Visitor, patient_id: str) -> None:
    with transaction() as session:
        row = seeding.recording(session, patient_id, "page.html")
    assert clinician.get(f"/recordings/{row.id}/sound").mimetype == "application/octet-stream"


def test_the_words_are_shown_when_asked_for_and_that_is_on_record(clinician: Visitor, patient_id: str) -> None:
    with transaction() as session:
        row = seeding.recording(session, patient_id, "a.wav", quality=seeding.quality("good", 40.0))
    path = f"/patients/{patient_id}/voice"
    assert "best of times" not in clinician.get(path).text
    assert "best of times" in clinician.get(f"{path}?words={row.id}").text
    with transaction() as session:
        assert session.scalars(select(AuditLine).where(AuditLine.action == "recording.read")).one().subject == row.id


def test_deleting_a_recording_deletes_its_sound_but_not_under_a_running_build(
    clinician: Visitor, patient_id: str, home: Path
) -> None:
    with transaction() as session:
        row = seeding.recording(session, patient_id, "a.wav", quality=seeding.quality("good", 40.0))
        voice_id = seeding.voice(session, patient_id, 1, BUILDING, [row.id]).id
    busy = clinician.post(f"/recordings/{row.id}/delete")
    assert busy.status_code == 409 and "being built from this recording" in busy.text
    with transaction() as session:
        session.get_one(Voice, voice_id).state = CANCELLED
    assert clinician.post(f"/recordings/{row.id}/delete").status_code == 302
    assert _recordings(patient_id) == []
    assert not [file for file in (home / "blobs").rglob("*") if file.is_file()]


def test_a_voice_is_built_from_the_usable_recordings_only(clinician: Visitor, patient_id: str, sent: Sent) -> None:
    path = f"/patients/{patient_id}/voices"
    assert "no recording yet" in clinician.post(path, follow_redirects=True).text
    with transaction() as session:
        good = seeding.recording(session, patient_id, "a.wav", quality=seeding.quality("good", 40.0)).id
        seeding.recording(session, patient_id, "b.wav", quality=seeding.quality("unusable", 0.2))
        seeding.recording(session, patient_id, "c.wav", "refused")
    clinician.post(path)
    with transaction() as session:
        voice = session.scalars(select(Voice)).one()
    assert voice.state == QUEUED and voice.version == 1 and voice.recording_ids == [good]
    assert sent == [("voices.fit", (voice.id,))]
    assert "being built already" in clinician.post(path, follow_redirects=True).text
    assert len(sent) == 1


def test_progress_is_told_with_about_how_long_it_takes(clinician: Visitor, clinician_id: str) -> None:
    seeded = seeding.seed(clinician_id)
    told = clinician.get(f"/patients/{seeded.building_id}/voice/state", headers=JSON).json
    assert told["progress"] == pytest.approx(0.37)
    assert re.fullmatch(r"Searching: step 42 of 110\. About \d minutes left\.", told["sentence"])


def test_a_worker_that_went_silent_is_said(clinician: Visitor, clinician_id: str) -> None:
    from datetime import timedelta

    seeded = seeding.seed(clinician_id)
    with transaction() as session:
        voice = session.scalars(select(Voice).where(Voice.patient_id == seeded.building_id)).one()
        voice.heartbeat_at = now() - timedelta(minutes=10)
    assert "No sign of the worker" in clinician.get(f"/patients/{seeded.building_id}/voice").text


def test_a_build_is_cancelled_on_request(clinician: Visitor, clinician_id: str) -> None:
    seeded = seeding.seed(clinician_id)
    with transaction() as session:
        voice_id = session.scalars(select(Voice.id).where(Voice.patient_id == seeded.building_id)).one()
    assert clinician.post(f"/voices/{voice_id}/cancel").status_code == 302
    with transaction() as session:
        assert session.get_one(Voice, voice_id).cancel_requested
    assert "Stopping" in clinician.get(f"/patients/{seeded.building_id}/voice").text


def test_a_failed_build_says_why_and_never_hides_the_ready_voice(
    clinician: Visitor, clinician_id: str, sent: Sent
) -> None:
    seeded = seeding.seed(clinician_id)
    page = clinician.get(f"/patients/{seeded.patient_id}/voice").text
    assert "ran out of memory" in page and "Version 1 goes on speaking" in page and "Try again" in page
    assert "Version 1 speaks for this patient" in page and f"/voices/{seeded.voice_id}/sample" in page
    assert clinician.get(f"/voices/{seeded.voice_id}/sample").data[:4] == b"RIFF"
    clinician.post(f"/patients/{seeded.patient_id}/voices")
    with transaction() as session:
        states = session.execute(
            select(Voice.version, Voice.state).where(Voice.patient_id == seeded.patient_id).order_by(Voice.version)
        ).all()
    assert [tuple(row) for row in states] == [(1, READY), (2, FAILED), (3, QUEUED)]


def test_a_voice_without_a_sample_says_so(clinician: Visitor, patient_id: str) -> None:
    with transaction() as session:
        voice_id = seeding.voice(session, patient_id, 1, READY, []).id
    assert clinician.get(f"/voices/{voice_id}/sample").status_code == 404
