"""Text on its way to phones: numbers, abbreviations, hostile text, and where a speaker would breathe."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers import models
from workers.contracts import SpokenError
from workers.speak.clauses import FIRST_MOST_WORDS, MOST_WORDS, clauses
from workers.speak.phones import syllables, tidy, to_phones
from workers.speak.text import LONGEST_TEXT, in_reach, speakable


@pytest.fixture(scope="module")
def vocab() -> dict[str, int]:
    """Kokoro's phones."""
    found = json.loads((models.path("kokoro") / "vocab.json").read_text(encoding="utf-8"))
    return dict(found.get("vocab", found))


@pytest.mark.parametrize(
    ("text", "contains"),
    [("3.5 mg", "pˈɔɪnt"), ("Dr. Smith", "dˈɑːktɚ"), ("at 12:30", "θˈɜːɾi"), ("25%", "pɚsˈɛnt"), ("No.", "nˈoʊ")],
)
def test_what_is_written_short_is_spoken_in_full(text: str, contains: str, vocab: dict[str, int]) -> None:
    assert contains in to_phones(text, vocab)


@pytest.mark.parametrize("text", ["", "😀", "\x00", "♪♪", "—"])
def test_what_cannot_be_spoken_gives_no_phones(text: str, vocab: dict[str, int]) -> None:
    assert to_phones(text, vocab) == ""


def test_a_language_that_the_engine_lacks_is_refused(vocab: dict[str, int]) -> None:
    with pytest.raises(SpokenError) as refused:
        to_phones("bonjour", vocab, "fr")
    assert refused.value.code == "unknown_language"


@given(st.text(max_size=300))
def test_any_text_becomes_plain_text(text: str) -> None:
    tidied = tidy(text)
    assert tidied == tidied.strip() and len(tidied) <= 20 * len(text)
    assert tidied.isprintable()


@pytest.mark.parametrize(("text", "count"), [("banana", 3), ("no", 1), ("hospital", 3), ("water", 2)])
def test_syllables_of_phones(text: str, count: int, vocab: dict[str, int]) -> None:
    assert syllables(to_phones(text, vocab)) == count


def test_who_speaks_at_the_same_time_as_somebody_else_gets_their_own_words(vocab: dict[str, int]) -> None:
    texts = ("Please tell my daughter.", "The nurse changed the dressing at half past seven.", "My left arm hurts.")
    alone = [to_phones(text, vocab) for text in texts]

    def again(first: int) -> list[bool]:
        places = [(first + turn) % len(texts) for turn in range(60)]
        return [to_phones(texts[place], vocab) == alone[place] for place in places]

    with ThreadPoolExecutor(4) as threads:
        assert all(right for found in threads.map(again, range(4)) for right in found)


def test_clauses_are_cut_where_a_speaker_breathes() -> None:
    assert clauses("Help. I can't breathe, call the nurse now.") == ["Help.", "I can't breathe,", "call the nurse now."]
    assert clauses("Dr. Smith gave 3.5 mg, and then he left.") == ["Dr. Smith gave 3.5 mg,", "and then he left."]
    assert clauses("Yes") == ["Yes"]


@given(st.lists(st.from_regex(r"[a-z]{1,8}[,.!?]?", fullmatch=True), min_size=1, max_size=120))
def test_no_word_is_lost_or_moved_and_no_clause_is_endless(words: list[str]) -> None:
    pieces = clauses(" ".join(words))
    assert " ".join(pieces).split() == words
    assert all(len(piece.split()) <= MOST_WORDS for piece in pieces)


def test_the_first_clause_of_a_long_sentence_is_short_where_it_can_be() -> None:
    text = "I would like to go outside today and sit under the big tree because the weather is good"
    assert len(clauses(text)[0].split()) <= FIRST_MOST_WORDS


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("<speak>Good <break time='500ms'/>morning.</speak>", "Good morning."),
        ('<prosody rate="slow" pitch="+2st">I am <emphasis level="strong">cold</emphasis>.</prosody>', "I am cold ."),
        ("<?xml version='1.0'?><!-- a note -->Yes", "Yes"),
        ("Tom &amp; Jerry", "Tom & Jerry"),
        ("5 < 6 and 7 > 3", "5 < 6 and 7 > 3"),
        ("a <b and c> d", "a <b and c> d"),
        ("I am fine 😀👍🏽", "I am fine 😀👍🏽"),
        ("Take ٣ pills", "Take 3 pills"),
        ("a β-blocker, Ω", "a beta-blocker, omega"),
        ("Zoë paid at the café", "Zoë paid at the café"),
    ],
)
def test_markup_is_not_read_aloud_and_words_are_kept(text: str, spoken: str) -> None:
    assert speakable(text) == spoken


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        ("", "nothing_to_say", "nothing"),
        ("😀 ❤️", "nothing_to_say", "nothing"),
        ("<break time='1s'/>", "nothing_to_say", "nothing"),
        ("&#8203;", "nothing_to_say", "nothing"),
        ("Я хочу воды", "other_script", "Cyrillic"),
        ("I want 水", "other_script", "Chinese"),
        ("أريد ماء", "other_script", "Arabic"),
        ("νερό", "other_script", "Greek"),
        ("पानी", "other_script", "Devanagari"),
        ("a" * (LONGEST_TEXT + 1), "text_too_long", "2,000"),
        ("word " * 1_000, "text_too_long", "5,000 characters"),
    ],
)
def test_what_cannot_be_spoken_whole_is_refused_in_plain_words(text: str, code: str, word: str) -> None:
    with pytest.raises(SpokenError) as refused:
        speakable(text)
    assert refused.value.code == code and word in refused.value.message


@given(st.text(max_size=200))
def test_any_text_is_spoken_or_refused(text: str) -> None:
    try:
        assert any(letter.isalnum() for letter in speakable(text))
    except SpokenError as refused:
        assert refused.code in ("nothing_to_say", "other_script")


@pytest.mark.parametrize("text", ["999 " * 60, "9" * 400, "WWW " * 100, "word " * 20, "a" * 2_000])
def test_no_part_of_a_long_clause_is_dropped(text: str, vocab: dict[str, int]) -> None:
    pieces = list(in_reach(clauses(text), lambda piece: to_phones(piece, vocab)[:508], 508))
    assert "".join(piece for piece, _ in pieces).replace(" ", "") == text.replace(" ", "")
    assert all(0 < len(phones) < 508 for _, phones in pieces)
