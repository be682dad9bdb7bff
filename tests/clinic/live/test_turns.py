"""When a turn begins and ends: on real speech with the real detector, and on a detector that reads the sound itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinic.live.turns import PRE_ROLL_S, TAIL_S, Ended, Turn
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
