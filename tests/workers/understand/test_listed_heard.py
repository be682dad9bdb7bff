"""Listed words in what the recogniser hears of a person: theirs where they were said, and nothing else changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from bench import two_cities
from workers.speak.phones import each_to_phones
from workers.understand import forced, listed
from workers.understand.listed import Listed, ListedWord
from workers.understand.nearness import PHONES
from workers.understand.readings import sounds_alike

if TYPE_CHECKING:
    from workers.understand.recogniser import Recogniser


def _listed(*words: str) -> Listed:
    def phones_of(texts: Sequence[str]) -> list[str]:
        return each_to_phones(texts, dict.fromkeys(PHONES, 0))

    return Listed(
        tuple(ListedWord(word, (phones,)) for word, phones in zip(words, phones_of(words), strict=True)), phones_of
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """What the decoder was asked about."""
    texts: list[Sequence[str]] = []
    score = forced.log_probabilities

    def scored(model: Any, tokenizer: Any, given: Sequence[str], encoded: Any) -> Any:
        texts.append(given)
        return score(model, tokenizer, given, encoded)

    monkeypatch.setattr(forced, "log_probabilities", scored)
    return texts


CLIP = two_cities.enrolment()[0]


def test_what_sounds_like_nothing_listed_is_heard_as_before_and_costs_no_decoding(
    recogniser: Recogniser, asked: list[Sequence[str]]
) -> None:
    plain = recogniser.transcribe(CLIP.audio)
    assert recogniser.transcribe(CLIP.audio, listed=_listed("Xiomara", "Ynysybwl")) == plain and asked == []
    assert recogniser.transcribe(CLIP.audio, listed=Listed((), lambda texts: [])) == plain


def test_a_listed_word_that_sounds_as_what_was_heard_is_offered_and_its_sureness_shows_the_change(
    recogniser: Recogniser, asked: list[Sequence[str]]
) -> None:
    plain = recogniser.transcribe(CLIP.audio)
    assert "times" in plain.text
    found = recogniser.transcribe(CLIP.audio, listed=_listed("Tymes"))
    assert len(asked) == 1 and "Tymes" in asked[0][0]
    first = found.text
    if "Tymes" in first:
        changed = next(word for word in found.words if "Tymes" in word.text)
        assert found.confidence < plain.confidence and changed.confidence < 0.99
        # It sounds as 'times', and who says it is heard as they would be; see the next test for one that does not.
        assert found.gate == plain.gate
    else:
        assert found.confidence == plain.confidence and found.words == plain.words
    assert any(sounds_alike(reading.text, plain.text, "en") for reading in found.readings)


def test_a_listed_word_that_sounds_otherwise_is_never_spoken_unasked(
    recogniser: Recogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However good its odds: they were never calibrated on anybody's speech."""
    monkeypatch.setattr(listed, "log_odds", lambda change, apart: 5.0)
    found = recogniser.transcribe(CLIP.audio, listed=_listed("Thames"), sure_at=0.0)
    assert "Thames" in found.text and found.gate == "listed_word"
    assert found.readings[0].text == found.text and len(found.readings) > 1


def test_a_text_that_was_said_is_likelier_than_one_that_was_not(recogniser: Recogniser) -> None:
    tokenizer = recogniser._tokenizer("en")
    encoded = recogniser._encode(CLIP.audio.samples, 14.0)
    texts = [CLIP.text, "Please call a nurse, I am cold."]
    said, other = forced.log_probabilities(recogniser._model.model, tokenizer, texts, encoded)
    assert len(said) == len(tokenizer.encode(" " + CLIP.text)) and max(said) <= 0
    assert sum(said) / len(said) > sum(other) / len(other) + 1
