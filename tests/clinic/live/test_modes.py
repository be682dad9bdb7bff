"""How what is said sounds: chosen at the tablet for a session, told again after a break, and not the tablet's to refuse
or to set where a clinician has set that it is interpreted."""

from __future__ import annotations

from typing import Any

import pytest

from clinic.database import transaction
from clinic.live.tables import SPOKEN, UNSURE, Utterance
from clinic.patients import service
from clinic.patients.tables import AS_SAID, INTERPRET, RESTORE, Patient
from clinic.vault import get_vault
from tests.clinic.live.conftest import Place, publish, says, speaks
from tests.clinic.live.test_socket import TURN, say_something

BOTH = [RESTORE, AS_SAID]
SAID, ENGLISH = "Quiero agua.", "I want water."


def interprets(name: str, row: Utterance) -> None:
    """A worker that has understood Spanish."""
    if name == "live.speak":
        return says(name, row)
    readings = [{"text": SAID, "confidence": 0.9, "english": ENGLISH}]
    with transaction() as session:
        row = session.merge(row)
        row.state, row.gate = UNSURE, "interpreted"
        get_vault().put(row, "transcript_sealed", {"text": SAID, "readings": readings, "words": [], "language": "es"})
    publish(row, "unsure", readings=readings, why="Touch it, and it is said in English.")


def set_patient(place: Place, **values: Any) -> None:
    with transaction() as session:
        patient = session.get_one(Patient, place.patient_id)
        for name, value in values.items():
            setattr(patient, name, value)


def test_the_tablet_is_told_what_is_in_force_and_what_may_be_chosen(place: Place) -> None:
    assert place.tablet().hello()["speaks_as"] == {"mode": RESTORE, "choices": BOTH}


def test_what_is_chosen_counts_from_the_next_turn_and_survives_a_break(place: Place) -> None:
    place.worker.script = speaks
    tablet = place.tablet()
    session_id = tablet.hello()["session"]
    say_something(tablet)
    tablet.until("speech_end")
    tablet.until("state", state="ready")
    tablet.send("speak_as", mode=AS_SAID)
    assert tablet.until("speaks_as") == {"type": "speaks_as", "mode": AS_SAID, "choices": BOTH}
    with transaction() as session:
        session.get_one(Utterance, place.utterances()[0].id).state = SPOKEN
    tablet.vanish()
    again = place.tablet()
    welcome = again.hello(session=session_id)
    assert welcome["resumed"] and welcome["speaks_as"]["mode"] == AS_SAID
    again.until("state", state="ready")
    say_something(again, "turn-0002")
    assert [row.speech_mode for row in place.utterances()] == [RESTORE, AS_SAID]


def test_another_session_begins_as_the_clinician_set_it(place: Place) -> None:
    tablet = place.tablet()
    tablet.hello()
    tablet.send("speak_as", mode=AS_SAID)
    tablet.until("speaks_as")
    assert place.tablet().hello()["speaks_as"]["mode"] == RESTORE


def test_nothing_is_changed_in_the_middle_of_a_turn(place: Place) -> None:
    tablet = place.tablet()
    tablet.hello()
    tablet.send("start", turn=TURN, mode="tap")
    tablet.until("state", state="listening")
    tablet.send("speak_as", mode=AS_SAID)
    error = tablet.until("error")
    assert (error["code"], error["fatal"]) == ("busy", False)
    assert place.tablet().hello()["speaks_as"]["mode"] == RESTORE


@pytest.mark.parametrize("mode", [INTERPRET, "sing"])
def test_what_is_not_offered_is_refused_and_nothing_changes(place: Place, mode: str) -> None:
    tablet = place.tablet()
    tablet.hello()
    tablet.send("speak_as", mode=mode)
    error = tablet.until("error")
    assert (error["code"], error["fatal"]) == ("not_offered", False)
    assert "clinician" in error["message"]


@pytest.mark.parametrize("mode", [None, 3, "", "A" * 40, ["restore"]])
def test_what_is_no_mode_ends_the_connection(place: Place, mode: Any) -> None:
    tablet = place.tablet()
    tablet.hello()
    tablet.send("speak_as", mode=mode)
    assert tablet.until("error")["code"] == "bad_field"
    assert tablet.until("closed")["code"] == 4400


def test_whoever_is_interpreted_is_offered_nothing_else(place: Place) -> None:
    set_patient(place, language="es", speech_mode=INTERPRET)
    tablet = place.tablet()
    assert tablet.hello()["speaks_as"] == {"mode": INTERPRET, "choices": []}
    tablet.send("speak_as", mode=RESTORE)
    assert tablet.until("error")["code"] == "not_offered"


def test_both_languages_are_shown_and_the_english_is_spoken_when_it_is_touched(place: Place) -> None:
    set_patient(place, language="es", speech_mode=INTERPRET)
    place.worker.script = interprets
    tablet = place.tablet()
    tablet.hello()
    utterance = say_something(tablet)
    assert tablet.until("readings")["readings"] == [{"text": SAID, "confidence": 0.9, "english": ENGLISH}]
    tablet.until("state", state="unsure")
    assert tablet.sound == b""
    tablet.send("choose", utterance=utterance, reading=0)
    tablet.until("speech_end")
    (row,) = place.utterances()
    vault = get_vault()
    assert vault.get_text(row, "spoken_text_sealed") == ENGLISH
    assert vault.get_text(row, "original_text_sealed") == SAID
    assert row.speech_mode == INTERPRET and row.state != SPOKEN  # the state is the worker's


def test_a_clinician_who_sets_it_meanwhile_is_followed_from_the_next_turn_on(place: Place) -> None:
    tablet = place.tablet()
    tablet.hello()
    tablet.send("speak_as", mode=AS_SAID)
    tablet.until("speaks_as", mode=AS_SAID)
    with transaction() as session:
        service.change_mode(session, place.clinician, place.patient_id, RESTORE)
    tablet.send("start", turn=TURN, mode="tap")
    assert tablet.until("speaks_as")["mode"] == RESTORE
    tablet.until("state", state="listening")
