"""When a turn begins and ends: on real speech with the real detector, and on a detector that reads the sound itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinic.live.turns import JOINS_S, PRE_ROLL_S, TAIL_S, Ended, Turn
from clinic.live.voice_activity import WINDOW_S, Silero
from tests.clinic.live.speech import RATE_HZ, clause, silence, speech


class Loudness:
    """A detector that is sure: loud is speech."""

    def probability(self, window: bytes) -> float:
        return 1.0 if np.abs(np.frombuffer(window, "<i2")).max() > 1000 else 0.0

    def reset(self) -> None:
        pass


def loud(seconds: float) -> bytes:
    return (np.full(int(seconds * RATE_HZ), 8000, "<i2")).tobytes()


def run(turn: Turn, pcm: bytes, chunk_bytes: int = 1280) -> Ended | None:
    for start in range(0, len(pcm), chunk_bytes):
        ended = turn.feed(pcm[start : start + chunk_bytes])
        if ended:
            return ended
    return None


def seconds(ended: Ended) -> float:
    return len(ended.pcm) / 2 / RATE_HZ


def test_real_speech_ends_after_the_patients_pause_and_keeps_the_pre_roll() -> None:
    ended = run(Turn("tap", 1.2, Silero()), silence(3) + clause() + silence(3))
    assert ended is not None and ended.reason == "pause"
    assert 1.2 < ended.speech_s < 2.4
    # The clause, half a second before its detected start, half a second behind its end.
    assert 1.88 + 0.6 < seconds(ended) < 1.88 + 1.4
    assert clause()[8000:40_000] in ended.pcm


def test_a_long_pause_inside_a_sentence_does_not_cut_a_patient_who_asked_for_time() -> None:
    said = silence(1) + clause() + silence(2.0) + speech(6.42, 8.50) + silence(5)
    patient = run(Turn("tap", 3.0, Silero()), said)
    hurried = run(Turn("tap", 0.6, Silero()), said)
    assert patient is not None and hurried is not None
    assert seconds(patient) > 5.5
    assert seconds(hurried) < 3.5


@pytest.mark.parametrize("mode", ["hold", "tap", "free"])
@pytest.mark.parametrize("detector", [Loudness, Silero])
def test_what_was_said_until_a_pause_is_what_the_end_brings_if_nobody_speaks_on(mode: str, detector: type) -> None:
    """To the sample: what was understood of the one is the understanding of the other."""
    turn = Turn(mode, 1.5, detector())
    told: list[Ended] = []
    on = 0
    ended = None
    for start in range(0, len(sound := silence(1) + clause() + silence(0.9) + clause() + silence(2)), 1280):
        ended = turn.feed(sound[start : start + 1280])
        told += [so_far] if (so_far := turn.settled()) else []
        on += turn.spoke_on()
    ended = ended or turn.finish()
    assert [so_far.reason for so_far in told] == ["so_far", "so_far"]
    assert told[0].pcm == ended.pcm[: len(told[0].pcm)] and len(told[0].pcm) < len(ended.pcm)
    assert told[1].pcm == ended.pcm
    assert turn.settled() is None
    assert on == 1  # after the first of the two


def test_what_is_no_speech_is_not_taken_for_what_was_said() -> None:
    turn = Turn("tap", 1.2, Loudness())
    run(turn, silence(1) + loud(1.5 * WINDOW_S) + silence(1))
    assert turn.settled() is None


def test_holding_ends_only_when_the_button_is_let_go() -> None:
    turn = Turn("hold", 0.4, Silero())
    assert run(turn, clause() + silence(8) + clause()) is None
    ended = turn.finish()
    assert ended.reason == "finish" and seconds(ended) > 11


@pytest.mark.parametrize("mode", ["hold", "tap", "free"])
def test_a_turn_without_speech_was_nothing(mode: str) -> None:
    turn = Turn(mode, 1.2, Silero())
    run(turn, silence(3))
    assert turn.finish() == Ended(b"", 0.0, "nothing_heard")


def test_noise_is_not_speech() -> None:
    noise = (np.random.default_rng(3).standard_normal(RATE_HZ * 4) * 300).astype("<i2").tobytes()
    turn = Turn("tap", 1.2, Silero())
    run(turn, noise)
    assert turn.finish().reason == "nothing_heard"


def test_a_touch_on_the_tablets_case_begins_nothing() -> None:
    turn = Turn("tap", 1.2, Loudness())
    run(turn, silence(1) + loud(1.5 * WINDOW_S) + silence(2))
    assert turn.finish().reason == "nothing_heard"


def test_after_a_tap_silence_comes_to_an_end_but_hands_free_listens_on() -> None:
    tapped = run(Turn("tap", 1.2, Loudness()), silence(25))
    assert tapped is not None and tapped.reason == "nothing_heard"
    free = Turn("free", 1.2, Loudness())
    assert run(free, silence(90)) is None
    ended = run(free, loud(1) + silence(3))
    assert ended is not None and seconds(ended) < 1 + PRE_ROLL_S + TAIL_S + 8 * WINDOW_S


def test_nobody_is_listened_to_for_more_than_a_minute() -> None:
    ended = run(Turn("hold", 1.2, Loudness()), loud(70))
    assert ended is not None and ended.reason == "longest"
    assert seconds(ended) == pytest.approx(60, abs=0.05)


def test_what_was_heard_so_far_can_be_looked_at_without_ending_the_turn() -> None:
    turn = Turn("tap", 1.2, Loudness())
    run(turn, silence(1) + loud(1.01))
    heard = turn.so_far()
    assert heard.reason == "cut_off" and seconds(heard) == pytest.approx(1.01 + PRE_ROLL_S, abs=0.04)
    ended = run(turn, silence(3))
    assert ended is not None and ended.reason == "pause" and ended.pcm.startswith(heard.pcm[:32_000])


def test_once_over_a_turn_stays_as_it_is() -> None:
    turn = Turn("tap", 0.4, Loudness())
    ended = run(turn, loud(1) + silence(1))
    assert ended is not None
    assert turn.feed(loud(3)) == ended == turn.finish()


def room(seconds: float, level: float = 30.0, seed: int = 1) -> bytes:
    """A quiet room: noise at about -60 dB."""
    noise = np.random.default_rng(seed).standard_normal(int(seconds * RATE_HZ)) * level
    return noise.astype("<i2").tobytes()


class Deaf(Loudness):
    """A detector that hears nobody, as Silero does for most of a severely impaired sentence."""

    def probability(self, window: bytes) -> float:
        return 0.0


def test_somebody_whom_the_detector_does_not_hear_is_heard_to_the_end() -> None:
    said = room(1) + loud(1) + room(0.5) + loud(2) + room(4)
    ended = run(Turn("tap", 1.2, Deaf()), said)
    assert ended is not None and ended.reason == "pause"
    assert seconds(ended) == pytest.approx(PRE_ROLL_S + 3.5 + TAIL_S, abs=0.15)
    assert ended.longest_pause_s == pytest.approx(0.5, abs=0.07)


def test_severe_simulated_speech_is_not_cut_where_the_detector_stops_hearing_it() -> None:
    from bench.impair import impair
    from workers.activity import at_recognition_rate
    from workers.contracts import Audio

    clear = np.frombuffer(speech(2.90, 8.50), "<i2").astype(np.float32) / 32768
    said = at_recognition_rate(impair(Audio(clear, RATE_HZ), "severe", seed=4))
    pcm = room(1.5) + (np.clip(said, -1, 1) * 32767).astype("<i2").tobytes() + room(5)
    detector, turn = Silero(), Turn("tap", 2.2, Silero())
    heard = [detector.probability(pcm[at : at + 1024]) >= 0.2 for at in range(0, len(pcm) - 1023, 1024)]
    ended = run(turn, pcm)
    assert np.mean(heard[50 : 50 + int(len(said) / 512)]) < 0.5
    assert ended is not None and ended.reason == "pause"
    assert seconds(ended) > len(said) / RATE_HZ - 0.3


def test_a_soft_beginning_is_kept_from_where_it_began() -> None:
    soft = (np.full(int(1.5 * RATE_HZ), 2000, "<i2") * np.tile([1, -1], int(0.75 * RATE_HZ))).astype("<i2").tobytes()

    class HearsLoud(Deaf):
        def probability(self, window: bytes) -> float:
            return 1.0 if np.abs(np.frombuffer(window, "<i2")).max() > 5000 else 0.0

    turn = Turn("free", 1.2, HearsLoud())
    ended = run(turn, room(3) + soft + loud(1) + room(3))
    assert ended is not None and soft[3200:] in ended.pcm
    assert seconds(ended) < PRE_ROLL_S + 2.5 + TAIL_S + 0.4


def test_hands_free_begins_with_speech_alone() -> None:
    """A door, a trolley: in a room that is always listened to, what only stands out is no turn."""
    turn = Turn("free", 1.2, Deaf())
    assert run(turn, room(1) + loud(1) + room(3)) is None
    assert turn.finish().pcm  # but whoever says that they spoke is believed


def test_what_was_no_speech_does_not_end_the_turn_of_somebody_who_has_still_to_begin() -> None:
    turn = Turn("tap", 0.6, Deaf())
    assert run(turn, room(1) + loud(0.4) + room(4)) is None
    ended = run(turn, loud(2) + room(3))
    assert ended is not None and ended.reason == "pause" and ended.speech_s > 1.9


def test_letting_go_of_the_button_is_believed_where_nothing_was_detected() -> None:
    turn = Turn("hold", 1.2, Deaf())
    run(turn, room(1) + loud(0.22) + room(1))
    ended = turn.finish()
    assert ended.reason == "finish" and loud(0.2) in ended.pcm


def test_a_short_first_word_that_was_not_detected_belongs_to_what_follows() -> None:
    turn = Turn("hold", 1.2, Deaf())
    run(turn, room(1) + loud(0.2) + room(0.8) + loud(0.4) + room(1))
    ended = turn.finish()
    assert seconds(ended) == pytest.approx(PRE_ROLL_S + 1.4 + TAIL_S, abs=0.15)
    assert ended.longest_pause_s == pytest.approx(0.75, abs=0.1)


def test_pauses_of_a_turn_that_nobody_detected_are_learned_too() -> None:
    turn = Turn("hold", 1.2, Deaf())
    run(turn, room(1) + loud(0.12) + room(0.8) + loud(0.12) + room(1))
    assert turn.finish().longest_pause_s == pytest.approx(0.75, abs=0.1)


def test_a_loud_room_does_not_hold_a_turn_open() -> None:
    """A ward 14 dB under the speech, with bursts: the end is found, and nothing is learned from it."""

    class HearsLoud(Deaf):
        def probability(self, window: bytes) -> float:
            return 1.0 if np.abs(np.frombuffer(window, "<i2")).max() > 7000 else 0.0

    chance = np.random.default_rng(7)
    noise = chance.standard_normal(20 * RATE_HZ) * 250 * (1 + 1.5 * (np.arange(20 * RATE_HZ) % 24_000 < 800))
    sound = noise.copy()
    tone = 8000 * np.sin(2 * np.pi * 300 * np.arange(3 * RATE_HZ) / RATE_HZ)
    sound[6 * RATE_HZ : 9 * RATE_HZ] += tone
    turn = Turn("tap", 1.2, HearsLoud())
    ended = run(turn, np.clip(sound, -32768, 32767).astype("<i2").tobytes())
    assert ended is not None and ended.reason == "pause"
    assert seconds(ended) < 3 + PRE_ROLL_S + TAIL_S + 0.6
    assert ended.longest_pause_s is None


def test_a_turn_that_goes_on_after_its_end_is_one_turn() -> None:
    turn = Turn("tap", 0.6, Loudness())
    first = run(turn, silence(1) + loud(1) + silence(0.7))
    assert first is not None and first.reason == "pause"
    assert not turn.goes_on(silence(0.5)) and not turn.is_over
    assert turn.goes_on(loud(1))
    ended = run(turn, silence(2))
    assert ended is not None and ended.pcm.startswith(first.pcm[:40_000])
    assert seconds(ended) == pytest.approx(PRE_ROLL_S + 1 + 1.2 + 1 + TAIL_S, abs=0.15)
    assert ended.longest_pause_s == pytest.approx(1.15, abs=0.1)


def test_within_a_turn_a_pause_like_the_ones_before_does_not_end_it() -> None:
    turn = Turn("tap", 0.6, Loudness())
    run(turn, silence(1) + loud(1) + silence(0.7))
    assert turn.goes_on(silence(0.4) + loud(0.5))
    assert run(turn, loud(0.5) + silence(1.1) + loud(0.5)) is None
    assert run(turn, silence(2)) is not None


def test_a_turn_is_not_waited_for_for_ever() -> None:
    turn = Turn("tap", 0.6, Loudness())
    assert run(turn, loud(1) + silence(1)) is not None
    assert not turn.goes_on(silence(JOINS_S))
    assert turn.is_over and not turn.goes_on(loud(2))
    finished = Turn("tap", 0.6, Loudness())
    finished.feed(loud(1))
    finished.finish()
    assert finished.is_over and not finished.goes_on(loud(2))


PIECES = st.lists(st.tuples(st.booleans(), st.floats(0.05, 1.5)), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(
    pieces=PIECES, cuts=st.lists(st.integers(1, 9000), min_size=1, max_size=40), mode=st.sampled_from(["hold", "tap"])
)
def test_any_chunking_gives_the_same_utterance(pieces: list[tuple[bool, float]], cuts: list[int], mode: str) -> None:
    pcm = b"".join(loud(length) if voiced else silence(length) for voiced, length in pieces)
    whole = Turn(mode, 0.6, Loudness())
    whole.feed(pcm)
    pieced, at, turn = iter(cuts * (len(pcm) // sum(cuts) + 1)), 0, Turn(mode, 0.6, Loudness())
    while at < len(pcm):
        size = next(pieced)
        turn.feed(pcm[at : at + size])
        at += size
    assert turn.finish() == whole.finish()


def test_any_chunking_gives_the_same_utterance_of_real_speech() -> None:
    pcm = silence(1) + clause() + silence(2)
    ends = [run(Turn("tap", 1.0, Silero()), pcm, size) for size in (1, 333, 1280, len(pcm))]
    assert ends[0] is not None
    assert all(ended == ends[0] for ended in ends)
