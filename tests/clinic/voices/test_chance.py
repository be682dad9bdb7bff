"""Picks and what they are worth: the exact binomial, checked by counting every possible outcome."""

from __future__ import annotations

from itertools import product

import pytest

from clinic.voices.chance import by_chance, in_words


@pytest.mark.parametrize("of", range(1, 9))
def test_the_odds_are_those_of_counting_every_outcome(of: int) -> None:
    outcomes = [sum(heads) for heads in product((0, 1), repeat=of)]
    for picked in range(of + 1):
        uneven = abs(2 * picked - of)
        counted = sum(abs(2 * heads - of) >= uneven for heads in outcomes) / len(outcomes)
        assert by_chance(picked, of - picked) == pytest.approx(counted)


def test_the_words_say_how_many_and_how_likely_chance_is() -> None:
    assert "about 3 times in 100" in in_words(6, 0, "you") and "probably a real difference" in in_words(6, 0, "you")
    five = in_words(1, 5, "them")
    assert "about 22 times in 100" in five and "may well be chance" in five and "like them" in five
    assert "about 69 times in 100" in in_words(2, 4, "you")
    assert "less than once in 100" in in_words(0, 12, "you")


@pytest.mark.parametrize(("picked", "other"), [(0, 0), (3, 3)])
def test_even_picks_claim_nothing(picked: int, other: int) -> None:
    assert "no difference" in in_words(picked, other, "you")
