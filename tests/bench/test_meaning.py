"""The semantic score: a slip that keeps the meaning costs little, another sentence costs all, silence is no match."""

from __future__ import annotations

import pytest

from bench import meaning

SAID = [
    "Please call my nurse.",
    "The window is open and I am cold.",
    "Rosie is coming to see me on Sunday.",
    "I would like some tea with milk.",
]


def _kept(heard: list[str]) -> float:
    found = meaning.kept(SAID, heard)
    assert found is not None
    return found.kept


def test_the_same_sentences_mean_the_same_whatever_their_marks() -> None:
    assert _kept([text.upper().rstrip(".") for text in SAID]) == pytest.approx(1.0, abs=1e-5)


def test_a_slip_keeps_more_of_the_meaning_than_an_invention_with_as_many_words_wrong() -> None:
    slips = ["Please call the nurse.", "The window's open, and I'm cold.", SAID[2], "I would like some tea and milk."]
    inventions = ["Please call my lawyer.", "The market is open and I am bold.", SAID[2], "I would like some pie."]
    assert _kept(slips) > 0.85 > _kept(inventions) > 0


def test_another_sentence_is_worth_nothing_and_nothing_heard_is_no_better() -> None:
    assert abs(_kept([*SAID[1:], SAID[0]])) < 0.2
    assert _kept([""] * len(SAID)) == pytest.approx(0.0, abs=1e-6)


def test_there_is_no_score_without_a_scale_or_in_another_language() -> None:
    assert meaning.kept(["Water."], ["Water."]) is None
    assert meaning.kept(["Water.", "water"], ["Water.", "tea"]) is None
    assert meaning.kept(["De l'eau.", "Merci."], ["De l'eau.", "Merci."], "fr") is None


def test_embeddings_are_unit_vectors_and_do_not_depend_on_their_neighbours() -> None:
    alone, beside = meaning.embedded([SAID[0]]), meaning.embedded([SAID[1] * 20, SAID[0]])
    assert alone.shape == (1, 384) and alone.dtype.name == "float32"
    assert float((alone[0] ** 2).sum()) == pytest.approx(1.0, abs=1e-5)
    assert (alone[0] == beside[1]).all()
