"""Sentences to read aloud: short, and together with every sound, most of them early."""

from __future__ import annotations

import logging
from functools import cache

import pytest

from clinic.learning.prompts import CATALOGUES, catalogue, find


@cache
def sounds(language: str) -> list[set[str]]:
    """The phones of each sentence, as espeak hears them."""
    import espeakng_loader
    from phonemizer.backend import EspeakBackend
    from phonemizer.backend.espeak.wrapper import EspeakWrapper
    from phonemizer.separator import Separator

    EspeakWrapper.set_library(espeakng_loader.get_library_path())
    EspeakWrapper.set_data_path(espeakng_loader.get_data_path())
    logging.getLogger("phonemizer").setLevel(logging.ERROR)
    texts = [prompt.text for prompt in catalogue(language)]
    voice = {"en": "en-gb", "fr": "fr-fr"}.get(language, language)
    said = EspeakBackend(voice).phonemize(texts, separator=Separator(phone=" ", word="  "), strip=True)
    return [set(line.split()) for line in said]


def share(language: str, first: int) -> float:
    """Of all the phones of the catalogue, those in its first sentences. The order was made for British English."""
    each = sounds(language)
    return len(set().union(*each[:first])) / len(set().union(*each))


@pytest.mark.parametrize(
    ("language", "first", "least"),
    [("en", 5, 0.65), ("en", 10, 1.0), ("en-us", 10, 0.85), ("fr", 10, 1.0)],
)
def test_the_first_sentences_hold_nearly_every_sound(language: str, first: int, least: float) -> None:
    assert share(language, first) >= least


def test_english_has_every_phone_that_espeak_knows_of_it() -> None:
    known = "p b t d k ɡ f v θ ð s z ʃ ʒ h m n ŋ l ɹ w j tʃ dʒ ɪ ɛ a ɒ ʌ ʊ iː ɑː ɔː uː ɜː ə eɪ aɪ ɔɪ əʊ aʊ".split()
    assert set(known) - set().union(*sounds("en")) == set()


def test_each_is_one_breath_long_and_there_once() -> None:
    for language, prompts in CATALOGUES.items():
        assert len(prompts) >= {"en": 100, "fr": 20}[language]
        assert len({prompt.text.casefold() for prompt in prompts}) == len(prompts)
        for number, prompt in enumerate(prompts, start=1):
            assert prompt.key == f"{language}-{number:03}" and find(prompt.key) is prompt
            assert 4 <= len(prompt.text.split()) <= 12 and len(prompt.text) <= 60


def test_who_speaks_a_language_without_sentences_reads_english() -> None:
    assert catalogue("fr-CA")[0].key == "fr-001" and catalogue("sv") == catalogue("en") and find("en-999") is None
