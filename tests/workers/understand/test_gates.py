"""The gates between a text and a loudspeaker: what they close on, and what they let through."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.understand.gates import is_impossible_rate, is_invented, is_looping, restore_gate
from workers.wording.syllables import count_syllables

DICKENS = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, "
    "it was the epoch of belief, it was the epoch of incredulity, it was the season of light, it was the season of "
    "darkness, it was the spring of hope, it was the winter of despair, we had everything before us, we had nothing "
    "before us, we were all going direct to heaven, we were all going direct the other way."
)
ORDINARY = (
    "Yes.",
    "No, no, no!",
    "Could you please open the window and tell my daughter that I called?",
    "I would like a cup of tea, and a cup of tea for my wife, please.",
    "The doctor said that that was what he had had in mind.",
    "Row, row, row your boat, gently down the stream.",
    "Bye bye. See you on Tuesday at half past two.",
    "Thank you for listening. Thank you very much.",
    "I watched a film with subtitles.",
    DICKENS,
)


@pytest.mark.parametrize(
    ("text", "duration_s", "speech_s", "confidence", "gate"),
    [
        ("Open the window, please.", 3.0, 1.8, 0.9, None),
        ("Yes.", 0.6, 0.3, 0.9, None),
        ("Thank you for watching.", 3.0, 0.0, 0.99, "no_speech"),
        ("", 3.0, 1.0, 0.0, "no_speech"),
        ("...", 3.0, 1.0, 0.9, "no_speech"),
        ("Yes.", 0.2, 0.2, 0.9, "too_short"),
        ("Yes.", 1.0, 0.1, 0.9, "too_short"),
        ("I'm sorry. I'm sorry. I'm sorry. I'm sorry.", 6.0, 5.0, 0.99, "looping"),
        ("Thank you for watching, and do not forget to subscribe to my channel.", 3.0, 0.4, 0.99, "impossible_rate"),
        ("Open the window, please.", 3.0, 1.8, 0.59, "low_confidence"),
        ("Open the window, please.", 3.0, 1.8, 0.6, None),
    ],
)
def test_each_gate_closes_on_its_sign(
    text: str, duration_s: float, speech_s: float, confidence: float, gate: str | None
) -> None:
    found = restore_gate(text, duration_s=duration_s, speech_s=speech_s, confidence=confidence, sure_at=0.6)
    assert found == gate


def test_the_patient_decides_how_sure_is_sure() -> None:
    said = {"duration_s": 3.0, "speech_s": 1.8, "confidence": 0.7}
    assert restore_gate("Open the window.", **said, sure_at=0.5) is None
    assert restore_gate("Open the window.", **said, sure_at=0.9) == "low_confidence"


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_speech_does_not_loop(text: str) -> None:
    assert not is_looping(text)


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_speech_at_a_quick_pace_is_possible(text: str) -> None:
    quick_s = count_syllables(text) / 7.0
    assert not is_impossible_rate(text, quick_s)


word = st.text(string.ascii_letters + "äéø", min_size=1, max_size=7)
phrase = st.lists(word, min_size=1, max_size=6).map(" ".join)


@given(phrase=phrase, times=st.integers(4, 12), before=phrase, join=st.sampled_from([" ", ", ", ". ", "! "]))
def test_any_phrase_four_times_over_is_looping(phrase: str, times: int, before: str, join: str) -> None:
    assert is_looping(before + join + join.join([phrase] * times))


@given(st.lists(word, min_size=1, max_size=40, unique_by=str.lower).map(" ".join))
def test_words_that_never_come_back_are_not_looping(text: str) -> None:
    assert not is_looping(text)


def test_a_loop_within_one_word_is_looping() -> None:
    assert is_looping("ha" * 12)
    assert is_looping("well " + "o" * 20)


def test_a_loose_loop_is_looping() -> None:
    assert is_looping("I want to go home and I want to go out and " * 8 + "then I want to go home")


@given(st.text(max_size=200))
def test_no_text_breaks_a_gate(text: str) -> None:
    closed = restore_gate(text, duration_s=2.0, speech_s=1.0, confidence=0.5, sure_at=0.6)
    assert closed in ("no_speech", "looping", "impossible_rate", "low_confidence"), (
        "under the threshold, some gate closes"
    )


@pytest.mark.parametrize(("text", "count"), [("window", 2), ("please", 1), ("daughter", 2), ("table", 2), ("the", 1)])
def test_syllables_of_common_words(text: str, count: int) -> None:
    assert count_syllables(text) == count


@pytest.mark.parametrize(
    ("text", "count"), [("l'eau", 1), ("qu'il", 1), ("d'accord", 2), ("aujourd'hui", 3), ("o'clock", 2)]
)
def test_syllables_about_an_apostrophe(text: str, count: int) -> None:
    assert count_syllables(text) == count


@pytest.mark.parametrize(
    "text",
    [
        "Thank you for watching.",
        "Thanks so much for watching! Please subscribe.",
        "See you in the next video.",
        "Subtitles by the Amara.org community",
        "Sous-titrage Société Radio-Canada",
        "Merci d’avoir regardé cette vidéo !",
        "Subtítulos realizados por la comunidad de Amara.org",
        "Untertitel im Auftrag des ZDF, 2020",
    ],
)
def test_what_only_films_end_with_is_offered_and_never_spoken_unasked(text: str) -> None:
    assert is_invented(text)
    assert restore_gate(text, duration_s=4.0, speech_s=3.0, confidence=0.99, sure_at=0.7) == "invented"


def test_what_people_say_is_not_taken_for_the_end_of_a_film() -> None:
    assert not any(is_invented(text) for text in ORDINARY)
