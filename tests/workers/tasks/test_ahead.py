"""Work in a patient's pauses: there when they have finished, and never heard by anybody when they have not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from clinic.database import transaction
from clinic.events import get_stream
from clinic.live import utterances
from clinic.live.tables import FAILED, SPOKEN, UNSURE, Utterance
from clinic.live.turns import Ended
from clinic.patients import consents, listed_words
from clinic.patients.tables import Patient
from tests.workers.tasks.conftest import Hum, ready
from workers.contracts import Audio, Reading, Transcript, Word
from workers.tasks import heard, live, rooms, speaking

SENTENCE, MORE = bytes(range(256)) * 125, bytes(range(256)) * 250  # 1 and 2 s of something
READINGS = ("Water, please.", "What a breeze.", "Walter, please.")


@dataclass(eq=False)
class Hears:
    """In place of recognition: the same words whatever it hears; it counts."""

    gate: str | None = None
    text: str = READINGS[0]
    times: int = 0
    fails: bool = False
    meanwhile: Callable[[], None] = lambda: None
    listed: list[Any] = field(default_factory=list)

    def transcribe(self, audio: Audio, language: str = "en", *, sure_at: float = 0.7, listed: Any = None) -> Transcript:
        self.times += 1
        self.listed.append(listed)
        self.meanwhile()
        if self.fails:
            raise RuntimeError("the sound of it")
        words = (Word("Water,", 0.1, 0.4, 0.95), Word("please.", 0.5, 0.8, 0.95))
        readings = tuple(Reading(text, 0.9 / place) for place, text in enumerate(READINGS, 1))
        return Transcript(self.text, words, 0.95, language, readings, self.gate, 1.0)


@dataclass
class Bedside:
    """A patient who speaks, and the worker's queue, emptied by hand."""

    patient_id: str
    session_id: str
    sent: list[tuple[str, tuple[Any, ...]]]
    hears: Hears
    hum: Hum
    kept: list[Any] = field(default_factory=list)

    def hears_turn(self, pcm: bytes, reason: str, turn: str = "turn-0001") -> str:
        return utterances.keep(self.session_id, self.patient_id, turn, Ended(pcm, 1.0, reason))

    def work(self, name: str) -> None:
        """Run all tasks of that name."""
        for task in [task for task in self.sent if task[0] == name]:
            self.sent.remove(task)
            getattr(live, name.removeprefix("live."))(*task[1])

    def heard(self) -> list[str]:
        """What the tablet was told, in order."""
        events = get_stream().read(f"session:{self.session_id}", self.patient_id, "", 0.0)
        return [str(event.event["type"]) for event in events]


@pytest.fixture
def bedside(
    patient_id: str, hum: Hum, sent: list[tuple[str, tuple[Any, ...]]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bedside]:
    hears = Hears()
    monkeypatch.setattr(rooms, "recogniser", lambda: hears)
    monkeypatch.setattr(heard, "_ahead", type(heard._ahead)(most=4, keep_s=20.0))
    monkeypatch.setattr(speaking, "_ahead", type(speaking._ahead)(most=4, keep_s=60.0))
    ready(patient_id, 1, 110.0)
    with transaction() as session:
        session.get_one(Patient, patient_id).asks_first = False
    yield Bedside(patient_id, utterances.open_session(patient_id, "tablet"), sent, hears, hum)


def test_who_has_finished_finds_it_understood_and_begun(bedside: Bedside) -> None:
    row_id = bedside.hears_turn(SENTENCE, "so_far")
    bedside.work("live.ahead")
    assert bedside.hears.times == 1 and bedside.hum.said == [READINGS[0]]
    assert bedside.heard() == []  # nobody hears or reads any of it
    assert bedside.hears_turn(SENTENCE, "pause") == row_id
    bedside.work("live.restore")
    assert bedside.hears.times == 1 and bedside.hum.said == [READINGS[0]]
    assert bedside.heard() == ["working", "words", "speech_start", "speech", "speech_end"]
    assert row(row_id).state == SPOKEN


def test_who_speaks_on_is_understood_as_a_whole(bedside: Bedside) -> None:
    row_id = bedside.hears_turn(SENTENCE, "so_far")
    bedside.work("live.ahead")
    assert bedside.hears_turn(SENTENCE + MORE, "pause") == row_id
    bedside.work("live.restore")
    assert bedside.hears.times == 2
    assert row(row_id).duration_s == pytest.approx(3.0)
    assert bedside.heard().count("speech_start") == 1


def test_a_pause_that_is_over_before_the_worker_comes_to_it_costs_nothing(bedside: Bedside) -> None:
    bedside.hears_turn(SENTENCE, "so_far")
    bedside.hears_turn(SENTENCE + MORE, "so_far")
    bedside.work("live.ahead")
    assert bedside.hears.times == 1


def test_who_speaks_on_while_it_is_understood_is_not_begun_to_be_said(bedside: Bedside) -> None:
    row_id = bedside.hears_turn(SENTENCE, "so_far")
    bedside.hears.meanwhile = lambda: utterances.spoke_on(row_id, len(SENTENCE), bedside.patient_id)
    bedside.work("live.ahead")
    assert bedside.hears.times == 1 and bedside.hum.said == []


def test_what_was_told_of_an_earlier_pause_does_not_stop_a_later_one(bedside: Bedside) -> None:
    row_id = bedside.hears_turn(SENTENCE, "so_far")
    utterances.spoke_on(row_id, len(SENTENCE), bedside.patient_id)
    bedside.hears_turn(SENTENCE + MORE, "so_far")
    bedside.work("live.ahead")
    assert bedside.hum.said == [READINGS[0]]


def test_words_that_can_hardly_be_all_ask_for_a_longer_wait(bedside: Bedside) -> None:
    bedside.hears.text = "I would like to..."
    row_id = bedside.hears_turn(SENTENCE, "so_far")
    bedside.work("live.ahead")
    (event,) = get_stream().read(f"session:{bedside.session_id}", bedside.patient_id, "", 0.0)
    assert event.event == {"type": "unfinished", "bytes": len(SENTENCE), "utterance": row_id}


def test_a_turn_that_was_given_up_is_not_worked_on(bedside: Bedside) -> None:
    row_id = bedside.hears_turn(SENTENCE, "so_far")
    utterances.forget(bedside.session_id, "turn-0001")
    bedside.work("live.ahead")
    assert bedside.hears.times == 0
    with transaction() as session:
        assert session.get(Utterance, row_id) is None


@pytest.mark.parametrize("scope", ["speak_for_me", "keep_voice"])
def test_consent_that_is_withdrawn_meanwhile_counts(bedside: Bedside, scope: str) -> None:
    row_id = bedside.hears_turn(SENTENCE, "so_far")
    bedside.work("live.ahead")
    assert bedside.hum.said
    with transaction() as session:
        consents.withdraw(session, "system", bedside.patient_id, scope)
    bedside.hears_turn(SENTENCE, "pause")
    bedside.work("live.restore")
    assert "speech" not in bedside.heard()
    assert (row(row_id).state, row(row_id).error_code) == (FAILED, "no_consent")


def test_a_patient_who_is_asked_first_is_asked_and_nothing_is_begun_before(bedside: Bedside) -> None:
    with transaction() as session:
        session.get_one(Patient, bedside.patient_id).asks_first = True
    row_id = bedside.hears_turn(SENTENCE, "so_far")
    bedside.work("live.ahead")
    assert bedside.hears.times == 1 and bedside.hum.said == []
    bedside.hears_turn(SENTENCE, "pause")
    bedside.work("live.restore")
    assert bedside.hears.times == 1 and bedside.heard() == ["working", "unsure"]
    assert row(row_id).gate == "not_adapted"


def test_the_reading_that_is_touched_was_begun_while_the_patient_looked(bedside: Bedside) -> None:
    bedside.hears.gate = "low_confidence"
    row_id = bedside.hears_turn(SENTENCE, "pause")
    bedside.work("live.restore")
    assert row(row_id).state == UNSURE
    bedside.work("live.open_readings")
    assert bedside.hum.said == list(READINGS)
    assert bedside.heard() == ["working", "unsure"]
    utterances.choose(row_id, bedside.session_id, 1, "tablet")
    bedside.work("live.speak")
    assert bedside.hum.said == list(READINGS)  # not once more
    assert bedside.heard()[2:] == ["working", "speech_start", "speech", "speech_end"]
    assert row(row_id).state == SPOKEN


def test_a_choice_that_two_threads_are_given_is_spoken_once(bedside: Bedside) -> None:
    bedside.hears.gate = "low_confidence"
    row_id = bedside.hears_turn(SENTENCE, "pause")
    bedside.work("live.restore")
    utterances.choose(row_id, bedside.session_id, 0, "tablet")
    speaking_now, go_on = threading.Event(), threading.Event()

    def slowly(_text: str) -> None:
        speaking_now.set()
        go_on.wait(5)

    bedside.hum.while_saying = slowly
    threads = [threading.Thread(target=live.speak, args=(row_id,)) for _ in range(2)]
    threads[0].start()
    assert speaking_now.wait(5)
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert bedside.hum.said == [READINGS[0]] and bedside.heard().count("speech_end") == 1
    assert live._in_hand == {}


def test_readings_that_went_are_not_begun(bedside: Bedside) -> None:
    bedside.hears.gate = "low_confidence"
    row_id = bedside.hears_turn(SENTENCE, "pause")
    bedside.work("live.restore")
    utterances.dismiss(row_id, bedside.session_id, "again")
    bedside.work("live.open_readings")
    assert bedside.hum.said == []


def test_what_fails_ahead_harms_nobody(bedside: Bedside) -> None:
    bedside.hears.fails = True
    row_id = bedside.hears_turn(SENTENCE, "so_far")
    bedside.work("live.ahead")
    assert row(row_id).error_code is None
    bedside.hears.fails = False
    bedside.hears_turn(SENTENCE, "pause")
    bedside.work("live.restore")
    assert row(row_id).state == SPOKEN


def test_one_patient_at_a_time_is_worked_for_ahead(bedside: Bedside) -> None:
    bedside.hears_turn(SENTENCE, "so_far")
    with live._working_ahead:
        bedside.work("live.ahead")
    assert bedside.hears.times == 0


def test_settings_that_changed_meanwhile_count(bedside: Bedside) -> None:
    bedside.hears_turn(SENTENCE, "so_far")
    bedside.work("live.ahead")
    with transaction() as session:
        session.get_one(Patient, bedside.patient_id).pace = 0.7
    bedside.hears_turn(SENTENCE, "pause")
    bedside.work("live.restore")
    assert bedside.hears.times == 1 and len(bedside.hum.said) == 2


def row(row_id: str) -> Utterance:
    with transaction() as session:
        return session.get_one(Utterance, row_id)


def test_words_that_were_listed_meanwhile_are_looked_for_in_what_was_understood_ahead(bedside: Bedside) -> None:
    bedside.hears_turn(SENTENCE, "so_far")
    bedside.work("live.ahead")
    assert bedside.hears.listed == [None]
    with transaction() as session:
        listed_words.add(session, "system", bedside.patient_id, "Siobhan")
    bedside.hears_turn(SENTENCE, "pause")
    bedside.work("live.restore")
    assert bedside.hears.times == 2 and bedside.hears.listed[1] is not None
    assert [word.text for word in bedside.hears.listed[1].words] == ["Siobhan"]
