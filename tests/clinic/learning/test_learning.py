"""Learning how a patient speaks, from the clinician's side and from the tablet's."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from clinic.accounts.service import create_account
from clinic.audit.tables import AuditLine
from clinic.database import new_id, now, transaction
from clinic.learning import phrases, service, versions
from clinic.learning.expected import expected, measured
from clinic.learning.serving import serving
from clinic.learning.tables import (
    BUILDING,
    CHECKED,
    DELETED,
    QUEUED,
    READY,
    RECEIVED,
    REFUSED,
    Adapter,
    OwnSentence,
    Phrase,
    PhraseExample,
    ReadAloud,
)
from clinic.live.tables import SPOKEN, UNSURE, LiveSession
from clinic.patients import consents
from clinic.patients.service import erase
from clinic.patients.tables import Patient
from clinic.vault import get_vault
from tests.browser import seeding
from tests.clinic.pages import Visitor

Sent = list[tuple[str, tuple[Any, ...]]]
CANARY = "Quillonette calls Zanzibar"
HOSTILE = '"><script>alert(1)</script>{{ 7*7 }}'


@pytest.fixture
def tablet(web: Flask, clinician: Visitor, patient_id: str) -> Visitor:
    """The patient's own tablet."""
    with transaction() as session:
        create_account(session, "tablet-1", seeding.PASSWORD, "tablet", patient_id)
    visitor = Visitor(web.test_client())
    visitor.sign_in("tablet-1")
    return visitor


@pytest.fixture
def other_id(clinician_id: str) -> str:
    """Somebody else."""
    with transaction() as session:
        return seeding.patient(session, clinician_id, "Ivo Marek")


def say(visitor: Visitor, path: str, sound: bytes | None = None, take: str = "", token: str = "") -> Any:
    """Send a recording, as the page does."""
    return visitor.client.post(
        f"{path}{'&' if '?' in path else '?'}take={take or new_id()}",
        data=seeding.tone(1.5) if sound is None else sound,
        headers={
            "X-CSRFToken": token or visitor.token("/nowhere"),
            "Accept": "application/json",
            "Content-Type": "audio/wav",
        },
    )


def read(visitor: Visitor, patient_id: str, prompt: str = "en-001", **options: Any) -> Any:
    """Read a sentence of the catalogue."""
    return say(visitor, f"/patients/{patient_id}/readings?prompt={prompt}", **options)


def readings(patient_id: str, count: int, state: str = CHECKED) -> list[str]:
    """As the worker leaves them; their ids."""
    with transaction() as session:
        return [seeding.reading(session, patient_id, f"en-{n:03}", state).id for n in range(1, count + 1)]


def to_read(visitor: Visitor, patient_id: str) -> list[str]:
    """The sentences that the page asks for."""
    return [item["text"] for item in visitor.get(f"/patients/{patient_id}/read-aloud/next").json["items"]]


def rows(kind: Any) -> list[Any]:
    """All there are."""
    with transaction() as session:
        return list(session.scalars(select(kind)))


def lines(action: str) -> list[AuditLine]:
    """What the audit says."""
    with transaction() as session:
        return list(session.scalars(select(AuditLine).where(AuditLine.action == action)))


def blobs(home: Path) -> int:
    """How many sealed sounds there are."""
    return sum(1 for file in (home / "blobs").rglob("*") if file.is_file())


# Reading aloud


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


# Versions


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


# Phrases


def test_a_phrase_is_added_said_twice_and_taught(
    clinician: Visitor, tablet: Visitor, patient_id: str, sent: Sent
) -> None:
    answer = clinician.post(f"/patients/{patient_id}/phrases", {"phrase": " Turn me  over "})
    (phrase,) = rows(Phrase)
    assert answer.headers["Location"] == f"/patients/{patient_id}/phrases/say?phrase={phrase.id}"
    for visitor, remark in ((clinician, "Say it once."), (tablet, "And once more")):
        item = visitor.get(f"/patients/{patient_id}/phrases/say/next").json["items"][0]
        assert item["text"] == "Turn me over" and item["remark"].startswith(remark)
        told = say(visitor, item["keep"]).json
        assert visitor.get(told["look"]).json["state"] == RECEIVED
    assert [name for name, _ in sent] == ["learning.check_phrase"] * 2
    assert clinician.get(f"/patients/{patient_id}/phrases/say/next").json["items"] == []
    once_more = clinician.get(f"/patients/{patient_id}/phrases/say/next?phrase={phrase.id}").json["items"]
    assert len(once_more) == 1
    assert "Taught" in clinician.get(f"/patients/{patient_id}/phrases").text
    assert "taught" in tablet.get("/tablet/phrases").text
    assert len(lines("phrase.add")) == 1 and len(lines("example.add")) == 2


def test_a_refused_example_gives_way_and_what_is_deleted_is_destroyed(
    clinician: Visitor, patient_id: str, sent: Sent, home: Path
) -> None:
    with transaction() as session:
        phrase_id = phrases.add(session, "system", patient_id, "Water").id
        seeding.example(session, patient_id, phrase_id, REFUSED, error_message="Hardly any sound was in it.")
        kept = seeding.example(session, patient_id, phrase_id).id
    assert "Hardly any sound was in it." in clinician.get(f"/patients/{patient_id}/phrases").text
    assert clinician.get(f"/examples/{kept}/sound").data == seeding.tone()
    say(clinician, f"/phrases/{phrase_id}/examples")
    assert sorted(row.state for row in rows(PhraseExample)) == [CHECKED, RECEIVED] and blobs(home) == 2
    clinician.post(f"/examples/{kept}/delete")
    assert blobs(home) == 1
    clinician.post(f"/phrases/{phrase_id}/remove")
    assert rows(Phrase) == [] and rows(PhraseExample) == [] and blobs(home) == 0
    assert [line.subject for line in lines("phrase.remove")] == [phrase_id]
    assert say(clinician, f"/phrases/{phrase_id}/examples").status_code == 404


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("  ", "Type what the phrase says"),
        ("?!", "Type what"),
        ("x" * 121, "Shorten it"),
        ("WATER", "on the list already"),
    ],
)
def test_a_phrase_that_cannot_be_taken_says_why(
    clinician: Visitor, tablet: Visitor, patient_id: str, typed: str, said: str
) -> None:
    with transaction() as session:
        phrases.add(session, "system", patient_id, "Water")
    assert said in clinician.post(f"/patients/{patient_id}/phrases", {"phrase": typed}).text
    token = tablet.token("/nowhere")
    answer = tablet.client.post("/tablet/phrases", data={"csrf_token": token, "phrase": typed})
    assert answer.status_code == 400 and said in answer.text and len(rows(Phrase)) == 1


def test_a_patient_types_a_phrase_at_their_tablet(tablet: Visitor, patient_id: str) -> None:
    token = tablet.token("/nowhere")
    answer = tablet.client.post("/tablet/phrases", data={"csrf_token": token, "phrase": HOSTILE})
    (phrase,) = rows(Phrase)
    assert answer.headers["Location"] == f"/tablet/phrases/say?phrase={phrase.id}"
    page = tablet.get("/tablet/phrases").text
    assert "<script>alert" not in page and "&lt;script&gt;" in page


def test_there_are_200_phrases_at_most_and_ten_examples_of_each(
    clinician: Visitor, patient_id: str, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (phrases.MOST, phrases.LEAST_EXAMPLES) == (200, 2)
    monkeypatch.setattr(phrases, "MOST", 1)
    monkeypatch.setattr(phrases, "MOST_EXAMPLES", 2)
    with transaction() as session:
        phrase_id = phrases.add(session, "system", patient_id, "Water").id
        for _ in range(2):
            seeding.example(session, patient_id, phrase_id)
    answer = clinician.post(f"/patients/{patient_id}/phrases", {"phrase": "Tea"})
    assert answer.status_code == 409 and "Remove one that is not needed" in answer.text
    answer = say(clinician, f"/phrases/{phrase_id}/examples")
    assert answer.status_code == 409 and "plenty" in answer.json["error"]["message"] and len(rows(PhraseExample)) == 2


def test_two_of_the_same_number_at_once_are_one(
    clinician: Visitor, patient_id: str, sent: Sent, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(*_: Any, **__: Any) -> None:
        raise IntegrityError("insert", {}, Exception("unique"))

    monkeypatch.setattr(service, "keep_reading", taken)
    answer = read(clinician, patient_id)
    assert answer.status_code == 409 and blobs(home) == 0 and sent == []


def test_the_first_page_shows_whose_speech_is_being_learned(clinician: Visitor, patient_id: str) -> None:
    assert "Speech being learned" not in clinician.get("/").text
    with transaction() as session:
        seeding.adapter(session, patient_id, 1, BUILDING, progress=0.25)
    page = clinician.get("/").text
    assert "Speech being learned" in page and f"/patients/{patient_id}/learning" in page and 'value="0.25"' in page
