"""What is offered when the recogniser is unsure."""

from __future__ import annotations

import pytest

from workers.contracts import Word
from workers.understand.confidence import confidence_of
from workers.understand.readings import Hypothesis, distinct, normalised


def said(*texts: str) -> list[Hypothesis]:
    return [Hypothesis(text, -0.1 - 0.05 * rank, 8) for rank, text in enumerate(texts)]


def test_readings_that_sound_alike_are_one() -> None:
    readings = distinct(said("I want two.", "I want 2", "i want TWO!", "I want to."), "en")
    assert [reading.text for reading in readings] == ["I want two.", "I want to."]
    assert sum(reading.confidence for reading in readings) == pytest.approx(1.0)


def test_the_likelier_text_comes_before_the_one_that_is_longer() -> None:
    """Its mean may be the worse: 'to get the list message' beside 'to get the message'."""
    hypotheses = [Hypothesis("first", -0.1, 8), Hypothesis("a longer text", -0.3, 14), Hypothesis("short", -0.4, 8)]
    assert [reading.text for reading in distinct(hypotheses, "en")] == ["first", "short", "a longer text"]


def test_at_most_three_best_first() -> None:
    readings = distinct(said("one thing", "another thing", "a third", "a fourth", "a fifth"), "en")
    assert [reading.text for reading in readings] == ["one thing", "another thing", "a third"]
    assert [reading.confidence for reading in readings] == sorted((r.confidence for r in readings), reverse=True)


def test_the_text_of_the_transcript_stays_first() -> None:
    readings = distinct(said("tea", "a key", "a key.", "A key!"), "en")
    assert readings[0].text == "tea"


@pytest.mark.parametrize("texts", [(), ("",), (" ", "...")])
def test_nothing_to_offer(texts: tuple[str, ...]) -> None:
    assert distinct(said(*texts), "en") == ()


def test_other_languages_keep_their_letters() -> None:
    assert normalised("Ich möchte Tee!", "de") == "ich möchte tee"


def words(*confidences: float) -> list[Word]:
    return [Word("word", 0.0, 0.1, confidence) for confidence in confidences]


def test_one_invented_word_weighs_more_than_many_sure_ones() -> None:
    fluent_invention = words(0.99, 0.99, 0.99, 0.99, 0.05)
    unsteady = words(0.75, 0.75, 0.75, 0.75, 0.75)
    assert confidence_of(fluent_invention) < confidence_of(unsteady)


def test_confidence_stays_between_none_and_all() -> None:
    assert confidence_of([]) == 0.0
    assert confidence_of(words(1.0, 1.0, 1.0)) == pytest.approx(1.0)
    assert 0.0 < confidence_of(words(0.0, 0.0)) < 0.01
