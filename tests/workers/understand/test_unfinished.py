"""What can hardly be all that somebody wants to say."""

from __future__ import annotations

import pytest

from workers.understand.unfinished import seems_unfinished


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Please hold while I...", "en"),
        ("I would like to", "en"),
        ("Tell my daughter that the.", "en"),
        ("I need … ", "en"),
        ("Je voudrais parler à", "fr"),
        ("Quiero agua y", "es"),
        ("Ich möchte mit meiner", "de"),
        ("Ritka...", "hu"),
    ],
)
def test_a_sentence_that_hangs_is_not_finished(text: str, language: str) -> None:
    assert seems_unfinished(text, language)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("I would like some water.", "en"),
        ("What is this for?", "en"),
        ("Water", "en"),
        ("", "en"),
        ("Je voudrais de l'eau.", "fr"),
        ("the", "hu"),
    ],
)
def test_what_could_be_all_is_taken_for_all(text: str, language: str) -> None:
    assert not seems_unfinished(text, language)
