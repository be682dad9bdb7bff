"""The figures of `bench live`, from traces that are known."""

from __future__ import annotations

import pytest

from bench.live import HOPS, Trace, _gain, _summary


def trace(**at_s: float) -> Trace:
    return Trace({name.replace("_", " "): at for name, at in at_s.items()})


WITHOUT = trace(turn_ended=1.0, task_begun=1.1, understood=1.6, first_piece=2.6, first_sound=2.7)
AHEAD = trace(turn_ended=1.0, task_begun=1.1, understood=1.1, first_piece=1.2, first_sound=1.2)
ASKED = trace(turn_ended=1.0, task_begun=1.1, understood=1.6, asked=1.7)


def test_where_the_time_goes_adds_up_to_what_is_waited() -> None:
    found = _summary([WITHOUT])
    assert [hop[0] for hop in HOPS] == list(found["hops_s"])
    assert sum(found["hops_s"].values()) == pytest.approx(found["last_word_to_first_sound_s"])
    assert found["turn_ended_to_first_sound_s"] == pytest.approx(1.7)


def test_what_was_asked_is_counted_and_not_timed() -> None:
    found = _summary([WITHOUT, ASKED])
    assert (found["spoken"], found["of"]) == (1, 2)
    assert _summary([ASKED]) == {"spoken": 0, "of": 1}


def test_the_gain_is_of_utterances_that_sounded_both_ways() -> None:
    assert _gain({True: [AHEAD, ASKED], False: [WITHOUT, WITHOUT]}) == pytest.approx(1.5)
    assert _gain({True: [ASKED], False: [WITHOUT]}) is None


def test_only_the_first_time_counts() -> None:
    one = Trace()
    one.note("first sound")
    at_s = one.at_s["first sound"]
    one.note("first sound")
    assert one.at_s["first sound"] == at_s
