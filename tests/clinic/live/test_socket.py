"""The tablet's socket, over a real server: what a patient does, and what a hostile or unlucky client does."""

from __future__ import annotations

import io
import threading
import time
import wave
from typing import Any

import pytest
import websocket
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from clinic.accounts.tables import Account
from clinic.database import now, transaction
from clinic.errors import PlainError
from clinic.events import get_stream
from clinic.live import relay, utterances
from clinic.live.tables import CANCELLED, FAILED, NOTHING_HEARD, RECEIVED, WENT_ON, LiveSession, Utterance
from clinic.live.turns import Ended
from clinic.patients.tables import Consent, Patient
from clinic.settings import get_settings
from clinic.vault import get_vault
from clinic.voices.tables import Voice
from tests.clinic.live.conftest import PCM_DOWN, Place, Tablet, asks, publish, speaks
from tests.clinic.live.speech import clause, silence

TURN = "turn-0001"


def say_something(tablet: Tablet, turn: str = TURN) -> str:
    """A turn by tap; the id of the utterance that it became."""
    tablet.send("start", turn=turn, mode="tap")
    tablet.until("state", state="listening")
    tablet.say(silence(0.6) + clause() + silence(1.2))
    return str(tablet.until("turn_ended", turn=turn)["utterance"])


def stop_in_the_middle(place: Place) -> tuple[Tablet, int]:
    """A tablet whose patient paused for longer than their turn waits; and the number of its next piece of sound."""
    tablet = place.tablet()
    tablet.hello()
    tablet.send("start", turn=TURN, mode="tap")
    return tablet, tablet.say(silence(0.6) + clause() + silence(1.0))


def test_what_is_said_comes_back_as_words_and_sound(place: Place) -> None:
    place.worker.script = speaks
    tablet = place.tablet()
    welcome = tablet.hello()
    assert welcome["voice"]["kind"] == "own" and welcome["pause_s"] == 0.6
    tablet.until("state", state="ready")
    utterance = say_something(tablet)
    assert tablet.until("words")["text"] == "I would like some water."
    assert tablet.until("speech_start")["voice"] == "own"
    assert tablet.until("speech_end")["frames"] == 4
    tablet.until("state", state="ready")
    assert tablet.sound == PCM_DOWN
    assert place.worker.waited_for == [("live.restore", utterance)]


def test_what_was_said_is_kept_sealed_as_a_recording(place: Place) -> None:
    tablet = place.tablet()
    tablet.hello()
    say_something(tablet)
    (row,) = place.utterances()
    assert (row.number, row.state, row.cut_off) == (1, RECEIVED, False)
    with wave.open(io.BytesIO(get_vault().get_blob(place.patient_id, row.audio_blob_id))) as file:
        assert (file.getframerate(), file.getnchannels()) == (16_000, 1)
        kept = file.readframes(file.getnframes())
    assert clause()[8000:40_000] in kept
    assert row.duration_s == pytest.approx(len(kept) / 32_000)


def test_unsure_speaks_nothing_until_a_reading_is_touched(place: Place) -> None:
    place.worker.script = asks
    tablet = place.tablet()
    tablet.hello()
    utterance = say_something(tablet)
    assert [r["text"] for r in tablet.until("readings")["readings"]] == ["I want water.", "I won't wander."]
    tablet.until("state", state="unsure")
    assert tablet.sound == b""
    tablet.send("choose", utterance=utterance, reading=1)
    tablet.send("choose", utterance=utterance, reading=1)  # a trembling hand
    seen = [tablet.receive()]
    while {"error", "speech_end"} - {message["type"] for message in seen}:
        seen.append(tablet.receive())
    assert next(message for message in seen if message["type"] == "error")["code"] == "not_waiting"
    (row,) = place.utterances()
    assert row.chosen and get_vault().get_text(row, "spoken_text_sealed") == "I won't wander."
    assert [name for name, _ in place.worker.waited_for] == ["live.restore", "live.speak"]


@pytest.mark.parametrize("answer", ["again", "none_of_these"])
def test_no_reading_need_be_taken(place: Place, answer: str) -> None:
    place.worker.script = asks
    tablet = place.tablet()
    tablet.hello()
    utterance = say_something(tablet)
    tablet.until("state", state="unsure")
    tablet.send(answer, utterance=utterance)
    tablet.until("state", state="ready")
    (row,) = place.utterances()
    assert (row.state, row.error_code) == (CANCELLED, answer)


def test_cancelling_stops_the_work_and_nothing_of_it_sounds(place: Place) -> None:
    tablet = place.tablet()
    tablet.hello()
    utterance = say_something(tablet)
    tablet.send("cancel", utterance=utterance)
    tablet.until("state", state="ready")
    (row,) = place.utterances()
    assert row.state == CANCELLED
    speaks("live.restore", row)
    time.sleep(0.6)
    tablet.send("ping", t=7)
    assert tablet.receive() == {"type": "pong", "t": 7}
    assert tablet.sound == b""


def test_whoever_speaks_on_after_a_pause_is_heard_as_one(place: Place) -> None:
    """The pause that ends a turn is 0.6 s here; this patient pauses for 1.5 s in the middle of what they say."""
    tablet, sent = stop_in_the_middle(place)
    begun = tablet.until("turn_ended", turn=TURN)
    assert begun["joins_s"] > 2
    tablet.until("state", state="working")
    tablet.say(silence(0.5) + clause() + silence(3.0), first=sent)
    assert tablet.until("turn_resumed") == {"type": "turn_resumed", "turn": TURN, "utterance": begun["utterance"]}
    tablet.until("state", state="listening")
    whole = tablet.until("turn_ended", turn=TURN)
    assert whole["utterance"] != begun["utterance"]
    left, row = place.utterances()
    assert (left.state, left.error_code, left.turn_id) == (CANCELLED, WENT_ON, None)
    assert row.state == RECEIVED and row.duration_s > 2 * 1.88 + 1.4
    assert row.longest_pause_s == pytest.approx(1.5, abs=0.4)
    # Nothing of what was begun with comes any more, whatever a worker makes of it.
    speaks("live.restore", left)
    speaks("live.restore", row)
    assert tablet.until("words")["utterance"] == row.id
    assert [name for name, _ in place.worker.waited_for] == ["live.restore", "live.restore"]


def test_readings_that_came_too_early_go_when_the_patient_speaks_on(place: Place) -> None:
    place.worker.script = asks
    tablet, sent = stop_in_the_middle(place)
    early = tablet.until("readings")
    tablet.until("state", state="unsure")
    tablet.say(clause() + silence(3.0), first=sent)
    tablet.until("turn_resumed")
    assert tablet.until("readings")["utterance"] != early["utterance"]
    assert {row.state for row in place.utterances()} == {CANCELLED, "unsure"}


@pytest.mark.parametrize("answer", ["choose", "cancel", "start"])
def test_after_a_touch_nobody_is_waited_for(place: Place, answer: str) -> None:
    place.worker.script = asks
    tablet, sent = stop_in_the_middle(place)
    utterance = tablet.until("readings")["utterance"]
    tablet.until("state", state="unsure")
    match answer:
        case "choose":
            tablet.send("choose", utterance=utterance, reading=0)
            tablet.until("speech_end")
        case "cancel":
            tablet.send("cancel", utterance=utterance)
            tablet.until("state", state="ready")
        case "start":
            tablet.send("start", turn="turn-0002", mode="tap")
            tablet.until("state", state="listening")
            sent = 0
    tablet.say(clause() + silence(0.3), first=sent)
    tablet.send("ping", t=1)
    seen = []
    while not seen or seen[-1]["type"] != "pong":
        seen.append(tablet.receive())
    assert "turn_resumed" not in {message["type"] for message in seen}


def test_after_speech_began_to_sound_it_is_not_taken_back(place: Place) -> None:
    place.worker.script = speaks
    tablet, sent = stop_in_the_middle(place)
    tablet.until("speech_end")
    tablet.until("state", state="ready")
    tablet.say(clause(), first=sent)
    tablet.send("ping", t=1)
    assert tablet.receive() == {"type": "pong", "t": 1}
    (row,) = place.utterances()
    assert row.error_code is None


def test_what_was_said_until_a_pause_is_kept_and_worked_on_before_it_is_the_end(place: Place) -> None:
    tablet = place.tablet()
    tablet.hello()
    tablet.send("start", turn=TURN, mode="hold")
    sent = tablet.say(silence(0.6) + clause() + silence(0.8))
    place.worker.wait_for("live.ahead")
    (row,) = place.utterances()
    assert row.cut_off and row.state == RECEIVED and place.worker.waited_for == []
    so_far = get_vault().get_blob(place.patient_id, row.audio_blob_id)
    tablet.say(silence(0.8), first=sent)
    tablet.send("finish")
    assert tablet.until("turn_ended")["utterance"] == row.id
    (row,) = place.utterances()
    assert not row.cut_off and place.worker.waited_for == [("live.restore", row.id)]
    assert get_vault().get_blob(place.patient_id, row.audio_blob_id) == so_far


def test_a_database_that_is_away_in_a_pause_costs_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    keep, failed = utterances.keep, []

    def away_at_first(session_id: str, patient_id: str, turn_id: str, heard: Ended, mode: str | None) -> str:
        if heard.reason == "so_far":
            failed.append(turn_id)
            raise OperationalError("INSERT", {}, OSError("away"))
        return keep(session_id, patient_id, turn_id, heard, mode)

    monkeypatch.setattr(utterances, "keep", away_at_first)
    tablet = place.tablet()
    tablet.hello()
    utterance = say_something(tablet)
    (row,) = place.utterances()
    assert failed == [TURN] and row.id == utterance and place.worker.sent == [("live.restore", utterance)]


def test_whoever_works_on_what_was_not_all_is_told(place: Place) -> None:
    tablet = place.tablet()
    tablet.hello()
    tablet.send("start", turn=TURN, mode="hold")
    sent = tablet.say(silence(0.6) + clause() + silence(0.8))
    place.worker.wait_for("live.ahead")
    (row,) = place.utterances()
    topic = f"turn:{row.id}"
    assert get_stream().read(topic, place.patient_id, "", 0.0) == []
    tablet.say(clause(), first=sent)
    (told,) = get_stream().read(topic, place.patient_id, "", 5.0)
    assert told.event == {"type": "spoke_on", "bytes": round(row.duration_s * 32_000)}


@pytest.mark.parametrize("same_pause", [True, False])
def test_after_words_that_can_hardly_be_all_a_turn_waits_longer(place: Place, same_pause: bool) -> None:
    """The pause that ends a turn is 0.6 s here; another second is given to whoever stops after 'I would like to'."""
    tablet = place.tablet()
    tablet.hello()
    tablet.send("start", turn=TURN, mode="tap")
    sent = tablet.say(silence(0.6) + clause() + silence(0.45))
    place.worker.wait_for("live.ahead")
    (row,) = place.utterances()
    length = round(row.duration_s * 32_000)
    publish(row, "unfinished", bytes=length if same_pause else length - 1024)
    publish(row, "words", text="The relay has come by.", confidence=0.5)
    tablet.until("words")
    sent = tablet.say(silence(0.6), first=sent)
    tablet.send("ping", t=1)
    seen: list[str] = []
    while "pong" not in seen:
        seen.append(tablet.receive()["type"])
    assert ("turn_ended" in seen) is not same_pause
    if same_pause:
        tablet.say(silence(1.0), first=sent)
        assert tablet.until("turn_ended")["utterance"] == row.id


def test_what_a_patient_forgets_is_forgotten(place: Place) -> None:
    """They said something, paused, and took it back before they had finished."""
    tablet = place.tablet()
    session = tablet.hello()["session"]
    tablet.send("start", turn=TURN, mode="hold")
    tablet.say(silence(0.6) + clause() + silence(0.8))
    place.worker.wait_for("live.ahead")
    (row,) = place.utterances()
    tablet.send("cancel")
    tablet.until("turn_ended", reason="cancelled")
    assert place.utterances() == []
    with pytest.raises(PlainError):
        get_vault().get_blob(place.patient_id, row.audio_blob_id)
    tablet.vanish()
    back = place.tablet()
    back.hello(session=session)
    assert back.until("state")["state"] == "ready"


def test_a_hospital_may_spare_the_work_ahead(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_settings(), "work_ahead", False)
    tablet = place.tablet()
    tablet.hello()
    utterance = say_something(tablet)
    assert place.worker.sent == [("live.restore", utterance)]


def test_a_patients_own_pauses_are_learned_until_the_setting_is_moved(place: Place) -> None:
    from clinic.live.utterances import pause_of
    from clinic.patients.service import change_settings

    tablet = place.tablet()
    tablet.hello()
    for number in range(4):
        turn = f"turn-{number:04}"
        tablet.send("start", turn=turn, mode="hold")
        tablet.say(silence(0.6) + clause() + silence(1.5) + clause() + silence(0.6))
        tablet.send("finish")
        utterance = tablet.until("turn_ended", turn=turn)["utterance"]
        tablet.send("cancel", utterance=utterance)
        tablet.until("state", state="ready")
    with transaction() as session:
        learned = pause_of(session, place.patient_id)
        assert learned.learned_from == 4 and 1.5 < learned.pause_s < 2.2
        session.execute(update(Utterance).where(Utterance.number == 1).values(state=NOTHING_HEARD))
        assert pause_of(session, place.patient_id).learned_from == 3  # the first was the room
        change_settings(session, place.clinician, place.patient_id, {"pause_s": 0.8})
        assert pause_of(session, place.patient_id).pause_s == 0.8


def test_silence_is_told_and_not_kept(place: Place) -> None:
    tablet = place.tablet()
    tablet.hello()
    tablet.send("start", turn=TURN, mode="hold")
    tablet.say(silence(2))
    tablet.send("finish")
    assert tablet.until("turn_ended")["reason"] == "nothing_heard"
    assert "again" in tablet.until("nothing_heard")["message"]
    assert place.utterances() == []


def test_vanishing_mid_word_keeps_what_was_heard_and_asks_before_it_is_spoken(place: Place) -> None:
    tablet = place.tablet()
    session = tablet.hello()["session"]
    tablet.send("start", turn=TURN, mode="tap")
    tablet.say(silence(0.6) + clause()[:40_000])
    tablet.send("ping", t=1)
    tablet.until("pong")
    tablet.vanish()
    deadline = time.monotonic() + 5
    while not place.utterances() and time.monotonic() < deadline:
        time.sleep(0.05)
    (row,) = place.utterances()
    assert row.cut_off and row.state == RECEIVED and place.worker.sent == []

    place.worker.script = asks
    back = place.tablet()
    back.hello(session=session)
    assert back.until("state", state="cut_off")["utterance"] == row.id
    back.send("speak_cut_off", utterance=row.id)
    back.until("readings")
    assert back.sound == b""


def test_a_short_break_is_bridged_by_sequence_numbers(place: Place) -> None:
    tablet = place.tablet()
    session = tablet.hello()["session"]
    tablet.send("start", turn=TURN, mode="tap")
    pcm = silence(0.6) + clause() + silence(1.2)
    tablet.say(pcm[: 6400 * 8])
    tablet.send("ping", t=1)
    tablet.until("pong")
    tablet.vanish()
    back = place.tablet()
    welcome = back.hello(session=session, turn=TURN)
    assert welcome["resumed"] and welcome["turn"] == {"turn": TURN, "next_audio": 8}
    back.say(pcm[6400 * 5 :], first=5)  # three frames twice
    utterance = back.until("turn_ended")["utterance"]
    (row,) = place.utterances()
    assert row.id == utterance and not row.cut_off
    assert clause()[8000:40_000] in get_vault().get_blob(place.patient_id, row.audio_blob_id)
    assert place.worker.waited_for == [("live.restore", utterance)]


def test_a_turn_that_was_taken_is_not_taken_again(place: Place) -> None:
    tablet = place.tablet()
    session = tablet.hello()["session"]
    utterance = say_something(tablet)
    tablet.vanish()
    back = place.tablet()
    assert back.hello(session=session, turn=TURN)["turn"] == {"turn": TURN, "utterance": utterance}
    back.until("state", state="working")


def test_after_a_break_events_go_on_where_they_stopped(place: Place) -> None:
    tablet = place.tablet()
    session = tablet.hello()["session"]
    say_something(tablet)
    (row,) = place.utterances()
    publish(row, "words", text="Hello.", confidence=0.9)
    cursor = tablet.until("words")["event"]
    tablet.vanish()
    publish(row, "speech_start", rate_hz=24_000)
    publish(row, "speech", PCM_DOWN)
    back = place.tablet()
    back.hello(session=session, after=cursor)
    publish(row, "speech_end", duration_s=0.8, watermarked=True)
    back.until("speech_start")
    back.until("speech_end")
    assert back.sound == PCM_DOWN


def test_a_page_that_is_loaded_again_finds_its_readings_and_hears_nothing_twice(place: Place) -> None:
    place.worker.script = asks
    tablet = place.tablet()
    session = tablet.hello()["session"]
    say_something(tablet)
    tablet.until("state", state="unsure")
    tablet.ws.close()
    back = place.tablet()
    back.hello(session=session)
    assert len(back.until("readings")["readings"]) == 2
    back.until("state", state="unsure")


def test_the_newest_screen_wins_and_the_older_is_told(place: Place) -> None:
    older = place.tablet()
    older.hello()
    newer = place.tablet()
    newer.hello()
    assert older.until("error")["code"] == "replaced"
    assert older.receive() == {"type": "closed", "code": 4409}
    newer.send("ping", t=1)
    newer.until("pong")


def test_a_claim_from_another_process_is_heard(place: Place) -> None:
    tablet = place.tablet()
    tablet.hello()
    claim = {"type": "claimed", "connection": "somebody else"}
    get_stream().publish(f"tablet:{place.patient_id}", place.patient_id, claim)
    assert tablet.until("error")["code"] == "replaced"


@pytest.mark.parametrize(
    ("send", "code", "close"),
    [
        (lambda t: t.ws.send("}{ not json"), "not_json", 4400),
        (lambda t: t.ws.send("[1, 2]"), "unknown_type", 4400),
        (lambda t: t.send("shout"), "unknown_type", 4400),
        (lambda t: t.send("start", turn=TURN, mode="loudly"), "bad_field", 4400),
        (lambda t: t.send("start", turn="'; DROP TABLE", mode="tap"), "bad_field", 4400),
        (lambda t: t.send("choose", utterance="a" * 32, reading=True), "bad_field", 4400),
        (lambda t: t.send("ping", t="x" * 5000), "too_big", 1009),
        (lambda t: t.send("hello", version=1), "wrong_order", 4403),
        (lambda t: t.say(silence(0.1)), "wrong_order", 4403),
        (lambda t: t.ws.send_binary(b"\x00\x00\x00"), "bad_audio", 4400),
        (lambda t: t.ws.send_binary(b"\x00\x00\x00\x00\x01"), "bad_audio", 4400),
        (lambda t: t.ws.send_binary(bytes(4 + 6402)), "too_big", 1009),
    ],
)
def test_what_the_protocol_does_not_allow_is_told_and_ends_the_connection(
    place: Place, send: Any, code: str, close: int
) -> None:
    tablet = place.tablet()
    tablet.hello()
    tablet.until("state")
    send(tablet)
    error = tablet.until("error")
    assert (error["code"], error["fatal"]) == (code, True)
    assert tablet.receive() == {"type": "closed", "code": close}
    place.tablet().hello()  # the service is well


def test_a_first_message_that_is_no_hello_ends_the_connection(place: Place) -> None:
    tablet = place.tablet()
    tablet.send("ping", t=1)
    assert tablet.until("error")["code"] == "wrong_order"
    assert tablet.receive()["code"] == 4403
    other = place.tablet()
    other.send("hello", version=99)
    assert other.until("error")["code"] == "version"
    assert other.receive()["code"] == 4426


def test_a_gap_in_the_sound_is_never_papered_over(place: Place) -> None:
    tablet = place.tablet()
    tablet.hello()
    tablet.send("start", turn=TURN, mode="tap")
    tablet.say(silence(0.2), first=3)
    assert tablet.until("error")["code"] == "audio_gap"
    assert tablet.receive()["code"] == 4403


def test_a_message_beyond_all_limits_is_refused_by_the_layer_below(place: Place) -> None:
    tablet = place.tablet()
    tablet.hello()
    tablet.ws.send_binary(bytes(200_000))
    while (last := tablet.receive())["type"] != "closed":
        pass
    assert last["code"] == 1009
    place.tablet().hello()


def test_a_flood_of_sound_ends_the_connection_and_harms_nobody(place: Place) -> None:
    tablet = place.tablet()
    tablet.hello()
    tablet.send("start", turn=TURN, mode="hold")
    codes = []
    try:
        tablet.say(silence(90))
        while True:
            message = tablet.receive()
            codes.append(message.get("code"))
            if message["type"] == "closed":
                break
    except (OSError, websocket.WebSocketException):
        pass  # it may be gone before the flood has ended
    assert not codes or {"flood", 4429} <= set(codes)
    place.tablet().hello()


def test_somebody_elses_page_may_not_open_the_socket(place: Place) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
        place.tablet(origin="http://evil.example")


@pytest.mark.parametrize("who", ["nobody", "clinician"])
def test_only_a_signed_in_tablet_gets_in(place: Place, who: str) -> None:
    tablet = place.tablet(account=place.clinician if who == "clinician" else "nobody")
    assert tablet.receive()["code"] == "signed_out"
    assert tablet.receive() == {"type": "closed", "code": 4401}


def test_a_tablet_that_is_disabled_is_out_at_its_next_turn(place: Place) -> None:
    tablet = place.tablet()
    tablet.hello()
    with transaction() as session:
        session.execute(update(Account).where(Account.id == place.account).values(disabled_at=now()))
    tablet.send("start", turn=TURN, mode="tap")
    assert tablet.until("error")["code"] == "signed_out"
    assert tablet.receive()["code"] == 4401


def test_without_consent_nothing_is_listened_to(place: Place) -> None:
    with transaction() as session:
        session.execute(update(Consent).values(withdrawn_at=now()))
    tablet = place.tablet()
    tablet.hello()
    assert "consent" in tablet.until("state", state="no_voice")["message"]
    tablet.send("start", turn=TURN, mode="tap")
    assert tablet.until("error")["code"] == "no_consent"


def test_without_a_voice_the_tablet_says_so_and_a_stand_in_is_shown(place: Place) -> None:
    with transaction() as session:
        session.execute(update(Voice).values(state="failed"))
    tablet = place.tablet()
    assert tablet.hello()["voice"]["kind"] == "none"
    assert "not ready" in tablet.until("state", state="no_voice")["message"]
    with transaction() as session:
        session.execute(update(Patient).values(stand_in="af_heart"))
    assert place.tablet().hello()["voice"] == {
        "kind": "stand_in", "label": "stand-in: af_heart", "message": "Your own voice is not ready yet.",
    }  # fmt: skip


def test_a_worker_that_does_not_answer_is_told_and_given_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "SLOW_AFTER_S", 0.2)
    monkeypatch.setattr(relay, "GIVE_UP_AFTER_S", 0.9)
    tablet = place.tablet()
    tablet.hello()
    say_something(tablet)
    assert "longer" in tablet.until("slow")["message"]
    failed = tablet.until("failed")
    assert failed["code"] == "no_worker" and "kept" in failed["message"]
    tablet.until("state", state="ready")
    (row,) = place.utterances()
    assert row.state == FAILED


def test_a_voice_that_does_not_open_is_told_in_the_workers_words(place: Place) -> None:
    tablet = place.tablet()
    tablet.hello()
    say_something(tablet)
    (row,) = place.utterances()
    publish(row, "failed", code="no_voice", message="Your voice could not be opened.")
    assert tablet.until("failed")["message"] == "Your voice could not be opened."


def test_another_session_ends_the_one_before_and_drafts_its_note(place: Place) -> None:
    tablet = place.tablet()
    session = tablet.hello()["session"]
    say_something(tablet)
    assert place.tablet().hello()["session"] != session
    assert place.worker.wait_for("notes.draft") == session
    with transaction() as rows:
        ended = rows.get_one(LiveSession, session).ended_at
    assert ended is not None
    assert not place.tablet().hello(session=session)["resumed"]


def test_a_browser_that_takes_nothing_is_given_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clinic.live.websocket.SEND_TIMEOUT_S", 1)
    tablet = place.tablet()
    tablet.hello()
    say_something(tablet)
    (row,) = place.utterances()
    publish(row, "speech_start", rate_hz=24_000)
    for _ in range(30):
        publish(row, "speech", bytes(500_000))
    deadline = time.monotonic() + 15
    while relays() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not relays()
    place.tablet().hello()


def relays() -> list[str]:
    """The relay threads that still run."""
    return [thread.name for thread in threading.enumerate() if thread.name == "tablet-relay"]
