"""Pauses are shortened before recognition, and times are led back. Made sounds; what it does to words is in
test_recogniser.py."""

from __future__ import annotations

import numpy as np
import pytest

from tests.workers.understand.test_sounding import made
from workers.contracts import RECOGNITION_RATE_HZ
from workers.understand.pauses import Shortened, shortened

#: A room, a word, 2 s of the room, a word of 0.8 s that voice activity lost, 0.2 s, a word, and the room.
SOUND = made((0.5, 0), (0.6, 0.05), (2.0, 0), (0.8, 0.04), (0.2, 0), (0.4, 0.05), (1.0, 0))
SPEECH = [(0.55, 1.05)]


@pytest.fixture(scope="module")
def said() -> Shortened:
    return shortened(SOUND, SPEECH)


def test_no_word_is_lost_and_no_long_pause_is_left(said: Shortened) -> None:
    assert [(round(a / 1600), round(b / 1600)) for a, b in said.pieces] == [(0, 12), (30, 55)]
    assert said.duration_s == pytest.approx(0.5 + 0.6 + 0.2 + 0.8 + 0.2 + 0.4 + 1.0, abs=0.2)
    assert said.sounds_s == pytest.approx(2.0, abs=0.2)
    loud = np.abs(SOUND) > 0.02
    inside = np.zeros(len(SOUND), np.bool_)
    for first, last in said.pieces:
        inside[first:last] = True
    assert inside[loud].all()


def test_spans_are_led_there_and_back(said: Shortened) -> None:
    spans = [(0.5, 1.1), (3.2, 3.8), (4.1, 4.5)]
    left = said.left_of(spans)
    assert [round(b - a, 3) for a, b in left] == [0.6, 0.6, 0.4]
    assert [said.was(*span) for span in left] == [pytest.approx(span, abs=1e-3) for span in spans]


def test_a_word_on_a_cut_does_not_take_the_pause_with_it(said: Shortened) -> None:
    cut_s = (said.pieces[0][1] - said.pieces[0][0]) / RECOGNITION_RATE_HZ
    before, after = said.was(cut_s - 0.3, cut_s), said.was(cut_s, cut_s + 0.3)
    assert before[1] == pytest.approx(said.pieces[0][1] / RECOGNITION_RATE_HZ, abs=1e-3)
    assert after[0] == pytest.approx(said.pieces[1][0] / RECOGNITION_RATE_HZ, abs=1e-3)
    # One that was spoken around the pause lasts as long as it did.
    start_s, end_s = said.was(cut_s - 0.3, cut_s + 0.3)
    assert end_s - start_s == pytest.approx(0.6 + after[0] - before[1], abs=2e-3)


def test_what_lies_in_a_pause_is_gone(said: Shortened) -> None:
    assert said.left_of([(1.6, 2.4)]) == ()


@pytest.mark.parametrize("count", [0, 100, 40_000])
def test_where_nobody_speaks_all_is_left(count: int) -> None:
    sound = SOUND[:count]
    said = shortened(sound, [])
    assert np.array_equal(said.samples, sound) and said.pieces == ((0, len(sound)),) and said.sounds == ()


def test_times_beyond_the_end_stay_inside(said: Shortened) -> None:
    start_s, end_s = said.was(said.duration_s, said.duration_s + 1.0)
    assert start_s <= end_s
    assert said.left_of([(5.0, 99.0)])[0][1] <= said.duration_s + 1e-6
