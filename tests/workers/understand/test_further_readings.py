"""Whoever has to touch a reading is offered more than one beam holds; whoever is spoken for does not wait for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from bench import two_cities
from bench.impair import impair
from workers.contracts import Audio
from workers.understand.readings import sounds_alike

if TYPE_CHECKING:
    from workers.understand.recogniser import Recogniser


@pytest.fixture
def beams(learned: Recogniser, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How wide each search was."""
    widths: list[int] = []
    search = learned._decode

    def decode(encoded: Any, tokenizer: Any, beam: int, *limits: Any) -> Any:
        widths.append(beam)
        return search(encoded, tokenizer, beam, *limits)

    monkeypatch.setattr(learned, "_decode", decode)
    return widths


@pytest.fixture(scope="module")
def said() -> Sequence[Audio]:
    return [impair(clip.audio, "moderate", place) for place, clip in enumerate(two_cities.enrolment()[:4])]


def test_who_is_asked_is_offered_what_a_wider_search_finds(
    recogniser: Recogniser, learned: Recogniser, said: Sequence[Audio], beams: list[int]
) -> None:
    more = 0
    for audio in said:
        first, asked = recogniser.transcribe(audio, sure_at=1.0), learned.transcribe(audio, sure_at=1.0)
        assert (asked.text, asked.words, asked.confidence) == (first.text, first.words, first.confidence)
        assert asked.gate == first.gate == "low_confidence"
        assert len(first.readings) <= len(asked.readings) <= 3
        assert asked.readings[0].text == asked.text
        assert not any(
            sounds_alike(one.text, other.text, "en")
            for place, one in enumerate(asked.readings)
            for other in asked.readings[:place]
        )
        assert 0 < sum(reading.confidence for reading in asked.readings) <= 1.0001
        more += {reading.text for reading in asked.readings} != {reading.text for reading in first.readings}
    assert more
    assert beams == [5, 16] * len(said)


def test_who_is_spoken_for_does_not_wait_for_it(
    recogniser: Recogniser, learned: Recogniser, said: Sequence[Audio], beams: list[int]
) -> None:
    spoken = learned.transcribe(said[0], sure_at=0.0)
    assert spoken == recogniser.transcribe(said[0], sure_at=0.0)
    assert spoken.gate is None and beams == [5]


def test_a_wide_search_does_not_loop_for_long(learned: Recogniser, said: Sequence[Audio]) -> None:
    heard = learned._decode(learned._encode(said[0].samples, 14.0), learned._tokenizer("en"), 16, 3)
    assert heard[1] and max(one.tokens for one in heard[1]) <= 4


def test_everybodys_recogniser_does_not_look_further(
    recogniser: Recogniser, said: Sequence[Audio], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is learned the right words are hardly ever among them, and everybody would wait."""
    monkeypatch.setattr(recogniser, "_further", None)
    assert recogniser.transcribe(said[0], sure_at=1.0).gate == "low_confidence"
