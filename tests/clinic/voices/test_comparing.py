"""The blind comparison, as the listener has it: drawn by lot, nothing told before the end, the choice theirs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from clinic.accounts.service import create_account
from clinic.audit.tables import AuditLine
from clinic.database import transaction
from clinic.patients.service import erase
from clinic.vault import get_vault
from clinic.voices import comparing
from clinic.voices.sentences import SENTENCES
from clinic.voices.speaking import speaking
from clinic.voices.tables import FAILED, READY, Comparison, Sample, Trial
from tests.browser import seeding
from tests.clinic.pages import Visitor

Sent = list[tuple[str, tuple[Any, ...]]]


def sounds(patient_id: str, voice_id: str, pitch_hz: float) -> None:
    """What the worker makes."""
    with transaction() as session:
        for sentence in range(len(SENTENCES)):
            blob_id = get_vault().put_blob(patient_id, seeding.tone(0.2, pitch_hz))
            session.add(Sample(patient_id=patient_id, voice_id=voice_id, sentence=sentence, blob_id=blob_id))


@pytest.fixture
def voices(patient_id: str) -> tuple[str, str]:
    """Two ready versions."""
    with transaction() as session:
        first, second = (seeding.voice(session, patient_id, number, READY, []).id for number in (1, 2))
    return first, second


@pytest.fixture
def pair(clinician: Visitor, patient_id: str, voices: tuple[str, str], sent: Sent) -> str:
    """A comparison that was prepared by hand, its sentences made."""
    clinician.post(f"/patients/{patient_id}/comparisons", {"one": voices[1], "other": voices[0]})
    with transaction() as session:
        row = session.scalars(select(Comparison)).one()
        row.state = READY
    assert sent == [("voices.compare", (row.id,))]
    for voice_id, pitch_hz in zip(voices, (200.0, 300.0), strict=True):
        sounds(patient_id, voice_id, pitch_hz)
    return row.id


class Listener:
    """Somebody who answers every sentence of a sitting."""

    def __init__(self, visitor: Visitor, pair: str, judge: str = "patient") -> None:
        self.visitor, self.pair = visitor, pair
        self.token = self._token(f"/compare/{pair}")
        begun = visitor.client.post(f"/compare/{pair}/begin", data={**self.token, "judge": judge})
        assert begun.status_code == 302, begun.text
        self.path = begun.headers["Location"]
        self.sitting_id = self.path.rsplit("/", 1)[1]

    def _token(self, path: str) -> dict[str, str]:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.visitor.get(path).text)
        assert found
        return {"csrf_token": found.group(1)}

    def answer(self, number: int | str, given: str) -> Any:
        data = {**self.token, "number": str(number), "answer": given}
        return self.visitor.client.post(f"{self.path}/answer", data=data)

    def pick(self, version: int, times: int = len(SENTENCES)) -> str:
        """Hear the sentences and pick that version `times` times, else the other; the last page."""
        with transaction() as session:
            trials = comparing.trials_of(session, self.sitting_id)
        for trial in trials:
            first = (version == 1) == (trial.number <= times)
            self.answer(trial.number, "left" if first == trial.first_is_left else "right")
        return str(self.visitor.get(self.path).text)


def test_the_pages_tell_neither_who_it_is_nor_which_is_which_before_the_end(
    clinician: Visitor, tablet: Visitor, pair: str, voices: tuple[str, str]
) -> None:
    listener = Listener(tablet, pair)
    for number in range(1, len(SENTENCES) + 1):
        page = tablet.get(listener.path).text
        assert f"Sentence {number} of {len(SENTENCES)}" in page
        assert "Version" not in page and "Margit" not in page
        assert not any(voice_id in page for voice_id in voices)
        listener.answer(number, "same")
    end = tablet.get(listener.path).text
    assert "Version 1" in end and "Version 2" in end and "no difference" in end


def test_what_is_heard_on_each_side_is_what_the_lot_says(tablet: Visitor, pair: str, voices: tuple[str, str]) -> None:
    listener = Listener(tablet, pair)
    sides = set()
    for number in range(1, len(SENTENCES) + 1):
        with transaction() as session:
            trial = session.scalars(
                select(Trial).where(Trial.sitting_id == listener.sitting_id, Trial.number == number)
            ).one()
        left, right = (tablet.get(f"{listener.path}/{number}/{side}").data for side in ("left", "right"))
        first, second = seeding.tone(0.2, 200.0), seeding.tone(0.2, 300.0)
        assert (left, right) == ((first, second) if trial.first_is_left else (second, first))
        sides.add(trial.sentence)
        listener.answer(number, "left")
    assert sides == set(range(len(SENTENCES)))


def test_the_order_is_drawn_anew_for_every_sitting(tablet: Visitor, pair: str) -> None:
    drawn = set()
    for _ in range(8):
        sitting_id = Listener(tablet, pair).sitting_id
        with transaction() as session:
            trials = comparing.trials_of(session, sitting_id)
        drawn.add(tuple((trial.sentence, trial.first_is_left) for trial in trials))
    assert len(drawn) > 4


def test_the_winner_speaks_only_once_the_listener_says_so(
    tablet: Visitor, clinician: Visitor, patient_id: str, pair: str, voices: tuple[str, str]
) -> None:
    listener = Listener(tablet, pair)
    too_early = tablet.client.post(f"{listener.path}/settle", data={**listener.token, "voice": voices[0]})
    assert too_early.status_code == 409
    page = listener.pick(1)
    assert "6 of 6" in page and "probably a real difference" in page and "about 3 times in 100" in page
    assert "Version 2 speaks now" in page
    with transaction() as session:
        assert speaking(session, patient_id).id == voices[1]  # type: ignore[union-attr]
    tablet.client.post(f"{listener.path}/settle", data={**listener.token, "voice": voices[0]})
    with transaction() as session:
        assert speaking(session, patient_id).id == voices[0]  # type: ignore[union-attr]
        chosen = session.scalars(select(AuditLine).where(AuditLine.action == "voice.choose")).one()
        finished = session.scalars(select(AuditLine).where(AuditLine.action == "comparison.finish")).one()
    assert chosen.subject == voices[0] and finished.detail["first"] == 6 and finished.detail["judge"] == "patient"
    assert "Version 1 speaks now, the one picked more often" in tablet.get(listener.path).text
    shown = clinician.get(f"/patients/{patient_id}/voice").text
    assert "The patient, just now: version 1 picked 6 of 6 times" in shown


def test_family_listens_too_and_both_are_kept_apart(tablet: Visitor, clinician: Visitor, pair: str) -> None:
    Listener(tablet, pair).pick(1)
    page = Listener(clinician, pair, "family").pick(2, times=4)
    assert "like them" in page and "may well be chance" in page
    assert "The patient: version 1 6, version 2 0" in page
    with transaction() as session:
        assert {result.sitting.judge: result.first for result in comparing.get_pair(session, pair).results} == {
            "patient": 6, "family": 2,
        }  # fmt: skip


def test_an_answer_that_is_sent_twice_or_out_of_order_changes_nothing(tablet: Visitor, pair: str) -> None:
    listener = Listener(tablet, pair)
    assert listener.answer(3, "left").status_code == 409
    assert listener.answer(1, "left").status_code == 302
    assert listener.answer(1, "right").status_code == 302
    for number, given in (("x", "left"), ("99999999999999999999", "left"), ("²", "left"), ("2", "both"), ("2", "")):
        assert listener.answer(number, given).status_code in (400, 409)
    with transaction() as session:
        answers = [trial.answer for trial in comparing.trials_of(session, listener.sitting_id)]
    assert answers == ["left", *[None] * 5]


def test_sentences_ahead_cannot_be_heard(tablet: Visitor, pair: str) -> None:
    listener = Listener(tablet, pair)
    assert tablet.get(f"{listener.path}/1/left").status_code == 200
    for rest in ("2/left", "1/middle", "0/left", "7/left"):
        assert tablet.get(f"{listener.path}/{rest}").status_code == 404


def test_another_patients_tablet_finds_nothing(web: Flask, tablet: Visitor, clinician_id: str, pair: str) -> None:
    listener = Listener(tablet, pair)
    with transaction() as session:
        other = seeding.patient(session, clinician_id, "Ivo Marek")
        create_account(session, "tablet-2", seeding.PASSWORD, "tablet", other)
    stranger = Visitor(web.test_client())
    stranger.sign_in("tablet-2")
    for path in (f"/compare/{pair}", f"/compare/{pair}/state", listener.path, f"{listener.path}/1/left"):
        assert stranger.get(path).status_code == 404
    token = {"csrf_token": stranger.token("/patients")}
    for path in (f"/compare/{pair}/begin", f"{listener.path}/answer", f"{listener.path}/settle"):
        assert stranger.client.post(path, data={**token, "judge": "patient"}).status_code == 404


def test_two_versions_of_two_patients_are_never_compared(
    clinician: Visitor, clinician_id: str, patient_id: str, voices: tuple[str, str], sent: Sent
) -> None:
    with transaction() as session:
        other = seeding.patient(session, clinician_id, "Ivo Marek")
        foreign = seeding.voice(session, other, 1, READY, []).id
        failed = seeding.voice(session, patient_id, 3, FAILED, []).id
    path = f"/patients/{patient_id}/comparisons"
    assert clinician.post(path, {"one": voices[0], "other": foreign}).status_code == 404
    assert clinician.post(path, {"one": "", "other": "x" * 5000}).status_code == 404
    for other_id, said in ((voices[0], "two different versions"), (failed, "have to be ready")):
        assert said in clinician.post(path, {"one": voices[0], "other": other_id}, follow_redirects=True).text
    assert sent == []


def test_the_page_waits_for_the_sentences_and_says_when_they_could_not_be_made(
    clinician: Visitor, tablet: Visitor, pair: str
) -> None:
    with transaction() as session:
        row = session.get_one(Comparison, pair)
        row.state, row.progress = "building", 0.5
    assert "being made" in tablet.get(f"/compare/{pair}").text
    assert tablet.get(f"/compare/{pair}/state").json == {"fingerprint": "building", "progress": 0.5}
    with transaction() as session:
        row = session.get_one(Comparison, pair)
        row.state, row.error_message = FAILED, "The engine is away."
    assert "The engine is away." in tablet.get(f"/compare/{pair}").text


def test_a_deleted_version_ends_its_comparison(
    clinician: Visitor, tablet: Visitor, pair: str, voices: tuple[str, str]
) -> None:
    listener = Listener(tablet, pair)
    clinician.post(f"/voices/{voices[0]}/delete")
    for path in (f"/compare/{pair}", listener.path):
        assert tablet.get(path).status_code == 404


def test_erasing_the_patient_destroys_what_the_versions_said(
    clinician: Visitor, tablet: Visitor, patient_id: str, pair: str, home: Any
) -> None:
    assert any(file.is_file() for file in (home / "blobs").rglob("*"))
    with transaction() as session:
        erase(session, "system", patient_id)
    assert not any(file.is_file() for file in (home / "blobs").rglob("*"))
    assert clinician.get(f"/compare/{pair}").status_code == 410
