"""Words keep their place, whatever their phones, their neighbours and their rests do."""

from __future__ import annotations

import numpy as np
import pytest

from workers.speak.timeline import MOST_KEPT_REST_S, Timeline

STEP_S = 0.025
#: A clause of three words of two phones each, with pauses around: lead, word, space, word, space, word, tail.
OWNERS = [None, 0, 0, None, 1, 1, None, 2, 2, None]
PAUSES = np.array([owner is None for owner in OWNERS])


def _kept(timeline: Timeline, durations: list[float], starts_s: dict[int, float]) -> list[float]:
    """Where the words start, in s from the first, after a clause of these tokens."""
    given = np.full(len(OWNERS), np.nan, np.float32)
    for token, start_s in starts_s.items():
        given[token] = start_s
    out = timeline.kept(np.array(durations, np.float32), given, PAUSES, OWNERS)
    before = timeline._passed
    timeline.passed(out, OWNERS)
    return [(before + float(out[:token].sum())) * STEP_S for token in (1, 4, 7)]


def test_a_phone_that_was_cut_short_is_made_up_for_by_the_rest_after_it() -> None:
    starts = _kept(Timeline(STEP_S), [2, 4, 4, 1, 4, 4, 1, 4, 4, 2], {1: 1.0, 4: 1.8, 7: 2.4})
    assert np.diff(starts) == pytest.approx([0.8, 0.6], abs=1e-3)


def test_a_word_that_takes_too_long_makes_the_next_late_and_no_other() -> None:
    starts = _kept(Timeline(STEP_S), [2, 20, 20, 1, 4, 4, 1, 4, 4, 2], {1: 1.0, 4: 1.5, 7: 2.6})
    assert starts[1] - starts[0] == pytest.approx(41 * STEP_S)  # a pause keeps one frame
    assert starts[2] - starts[0] == pytest.approx(1.6, abs=1e-3)


def test_words_that_were_run_together_have_a_rest_of_nothing_between_them() -> None:
    starts = _kept(Timeline(STEP_S), [2, 4, 4, 0, 4, 4, 0, 4, 4, 2], {1: 1.0, 4: 1.3, 7: 1.5})
    assert np.diff(starts) == pytest.approx([0.3, 9 * STEP_S], abs=1e-3)


def test_after_a_word_that_was_not_heard_the_next_is_in_its_place_again() -> None:
    starts = _kept(Timeline(STEP_S), [2, 4, 4, 1, 9, 9, 1, 4, 4, 2], {1: 1.0, 7: 3.0})
    assert starts[2] - starts[0] == pytest.approx(2.0, abs=1e-3)


def test_clauses_keep_step_with_each_other() -> None:
    timeline = Timeline(STEP_S)
    first = _kept(timeline, [2, 4, 4, 1, 4, 4, 1, 4, 4, 3], {1: 0.5, 4: 0.9, 7: 1.3})
    second = _kept(timeline, [4, 4, 4, 1, 4, 4, 1, 4, 4, 3], {1: 3.1, 4: 3.5, 7: 3.9})
    third = _kept(timeline, [4, 4, 4, 1, 4, 4, 1, 4, 4, 3], {1: 4.4, 4: 4.8, 7: 5.2})
    assert np.array([*first, *second, *third]) - first[0] == pytest.approx(
        [0.0, 0.4, 0.8, 2.6, 3.0, 3.4, 3.9, 4.3, 4.7], abs=1e-3
    )


def test_a_rest_that_is_longer_than_anybody_waits_is_shortened_and_what_follows_keeps_step_from_there() -> None:
    timeline = Timeline(STEP_S)
    starts = _kept(timeline, [2, 4, 4, 1, 4, 4, 1, 4, 4, 3], {1: 0.0, 4: 0.4, 7: 20.0})
    assert starts[2] - starts[1] == pytest.approx(MOST_KEPT_REST_S + 8 * STEP_S, abs=0.01)
    after = _kept(timeline, [4, 4, 4, 1, 4, 4, 1, 4, 4, 3], {1: 21.0, 4: 21.4, 7: 21.8})
    assert np.array(after) - starts[2] == pytest.approx([1.0, 1.4, 1.8], abs=0.01)


def test_where_nothing_was_heard_nothing_is_moved() -> None:
    durations = [2, 4, 4, 1, 4, 4, 1, 4, 4, 3]
    starts = _kept(Timeline(STEP_S), durations, {})
    assert starts == pytest.approx([2 * STEP_S, 11 * STEP_S, 20 * STEP_S])
