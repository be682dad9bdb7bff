"""Texts of the packaged prompts, and what counts as the same text in another language than English."""

from __future__ import annotations

import pytest

from bench import further_voices, measure


@pytest.mark.parametrize(
    ("typed", "spelt"),
    [
        ("Cet agent est présentemnet en ligne.", "Cet agent est présentement en ligne."),
        ("La limite d'appel simultane a ete atteinte", "La limite d'appel simultané a été atteinte"),
        ("Vous êtes présentement seul.", "Vous êtes présentement seul."),
    ],
)
def test_what_was_typed_wrongly_is_mended(typed: str, spelt: str) -> None:
    assert further_voices._spelt(typed, "fr") == spelt
    assert further_voices._spelt(typed, "en") == typed


def test_english_texts_are_mended_too() -> None:
    typed, spelt = "Un-indentified or witheld and therefore", "Unidentified or withheld and therefore"
    assert further_voices._spelt(typed, "en") == spelt
    assert further_voices._spelt(typed, "fr") == typed


def test_each_language_has_its_normaliser() -> None:
    assert measure.normalised("Appuyez sur « étoile » !", "fr") == measure.normalised("appuyez sur étoile", "fr")
    assert measure.normalised("Twenty-two colours") == measure.normalised("22 colors")
    assert measure.word_error_rate(["l'appel est terminé"], ["L’appel est terminé."], "fr") == 0
    assert measure.word_error_rate(["deux mots"], ["deux maux"], "fr") == 0.5
