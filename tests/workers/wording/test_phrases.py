"""Phrases are found where they are said, and negation reaches what it governs and no further."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.wording.phrases import find

PHRASES = ["pain", "chest pain", "dizzy", "can't breathe", "now", "help"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I have chest pain", [("chest pain", False)]),
        ("I am not in pain today", [("pain", True)]),
        ("I’m not dizzy or in pain", [("dizzy", True), ("pain", True)]),
        ("I can’t breathe", [("can't breathe", False)]),
        ("no I can't breathe", [("can't breathe", False)]),
        ("No, pain", [("pain", False)]),
        ("I have no pain and I can't breathe", [("pain", True), ("can't breathe", False)]),
        ("not only pain", [("pain", False)]),
        ("The pain has gone", [("pain", True)]),
        ("The pain hasn't gone", [("pain", False)]),
        ("I deny pain but I'm dizzy", [("pain", True), ("dizzy", False)]),
        ("painting nowadays", []),
        ("", []),
    ],
)
def test_negation(text: str, expected: list[tuple[str, bool]]) -> None:
    assert [(one.phrase, one.negated) for one in find(text, PHRASES)] == expected


def test_an_excused_wording_is_not_found() -> None:
    assert find("thank you for your help", ["help"], ["your help"]) == []


@given(st.text(max_size=200))
def test_any_text_is_read_and_every_place_is_true(text: str) -> None:
    for one in find(text + " I have pain", PHRASES):
        assert 0 <= one.start < one.end <= len(text) + len(" I have pain")
    assert not find("I have pain. " + text, ["pain"])[0].negated


def test_a_long_text_is_still_quick_to_read() -> None:
    found = find("no pain and pain " * 1000, PHRASES)  # a quadratic reading would run into the suite's time-out
    assert len(found) == 2000
