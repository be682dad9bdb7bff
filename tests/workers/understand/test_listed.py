"""Listed words: tried where something sounds like them, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.contracts import Word
from workers.understand.listed import Changed, Listed, ListedWord, candidates, holds, log_odds, told, weighed
from workers.understand.nearness import PHONES, distance
from workers.understand.readings import Hypothesis, distinct

#: As espeak reads them.
SOUNDS = {
    "is": "ɪz", "neve": "nˈiːv", "neve's": "nˈiːvz", "niamh": "nˈaɪæm", "coming": "kˈʌmɪŋ", "on": "ˈɔn",
    "sunday": "sˈʌndeɪ",
    "please": "plˈiːz", "tell": "tˈɛl", "and": "ˈænd", "go": "ɡˈoʊ", "see": "sˈiː", "i": "aɪ", "am": "æm",
    "tired": "tˈaɪɚd", "would": "wʊd", "like": "lˈaɪk", "tea": "tˈiː", "the": "ðə", "nurse": "nˈɜːs", "a": "ɐ",
    "it's": "ɪts", "conquer": "kˈɑːŋkɚ", "oh": "ˈoʊ",
}  # fmt: skip
NIAMH = ListedWord("Niamh", ("nˈaɪæm", "nˈiːv"))
NGOZI = ListedWord("Ngozi", ("ɛnɡˈoʊziː",))


def _listed(*words: ListedWord) -> Listed:
    def phones_of(texts: Sequence[str]) -> list[str]:
        return [SOUNDS[text] for text in texts]

    return Listed(words, phones_of)


def test_a_word_that_sounds_like_a_listed_one_is_tried_as_that() -> None:
    (found,) = candidates(_listed(NIAMH, NGOZI), ["Is Neve coming on Sunday?"], 4)
    assert found.text == "Is Niamh coming on Sunday?" and found.heard == "Neve" and found.distance == 0.0
    assert found.text[found.start : found.end] == found.word == "Niamh"


def test_several_words_may_be_one_name_and_what_stands_around_it_stays() -> None:
    (found,) = candidates(_listed(NGOZI), ["Please tell and go see, I am tired."], 4)
    assert found.text == "Please tell Ngozi, I am tired." and found.heard == "and go see"


def test_whose_it_is_is_kept() -> None:
    (found,) = candidates(_listed(NIAMH), ["Neve's tea"], 4)
    assert found.text == "Niamh's tea" and found.text[found.start : found.end] == "Niamh's"


def test_a_board_of_two_words_is_found() -> None:
    nurse = ListedWord("Nurse Okonkwo", ("nˈɜːs oʊkˈɔnkwoʊ",))
    found = candidates(_listed(nurse), ["Tell the nurse a conquer."], 4)
    assert found[0].text == "Tell the Nurse Okonkwo."


@pytest.mark.parametrize("text", ["I would like the tea.", "", "...", "Is Niamh coming?", "is NIAMH coming on Sunday"])
def test_nothing_is_tried_where_nothing_is_near_or_the_word_is_there(text: str) -> None:
    assert candidates(_listed(NIAMH), [text], 4) == []


def test_every_text_is_looked_through_the_nearest_come_first_and_there_is_an_end() -> None:
    texts = ["Is neve coming?", "Please tell and go see.", "Neve", "Neve"]
    found = candidates(_listed(NGOZI, NIAMH), texts, 2)
    assert [(one.source, one.text) for one in found] == [(0, "Is Niamh coming?"), (1, "Please tell Ngozi.")]
    assert len(candidates(_listed(NGOZI, NIAMH), texts, 1)) == 1
    assert candidates(_listed(), texts, 2) == [] and candidates(_listed(NIAMH), [], 2) == []


def test_a_word_that_cannot_be_said_is_never_near() -> None:
    assert candidates(_listed(ListedWord("...", ())), ["Neve"], 4) == []
    assert distance("", "niv") == distance("niv", "ˈː") == 1.0


HEARD = (
    Hypothesis("Is Neve coming?", -0.3, 5),
    Hypothesis("Is Niamh coming", -2.0, 5),
    Hypothesis("It's neve.", -2.5, 4),
)


def test_a_listed_word_comes_first_where_the_recogniser_holds_it_nearly_as_likely() -> None:
    found = weighed(_listed(NIAMH), HEARD, lambda texts: [[-0.5] * 5 for _ in texts])
    assert found.changed is not None and found.changed.probability > 0.5
    first = found.hypotheses[0].text
    assert first == "Is Niamh coming?" and first[found.changed.start : found.changed.end] == "Niamh"
    assert found.hypotheses[1:] == HEARD
    # What was heard is still there to be touched.
    assert [one.text for one in distinct(found.hypotheses, "en")][:2] == ["Is Niamh coming?", "Is Neve coming?"]


def test_it_is_offered_and_not_first_where_it_is_less_likely_and_not_there_where_it_is_unlikely() -> None:
    def at(log_probability: float) -> list[str]:
        found = weighed(_listed(NIAMH), HEARD, lambda texts: [[log_probability] for _ in texts])
        assert found.changed is None and found.hypotheses[: len(HEARD)] == HEARD
        return [one.text for one in found.hypotheses[len(HEARD) :]]

    unlikely = next(change for change in range(0, -99, -1) if log_odds(change, 0.0) < -1)
    assert at(unlikely - 1.5) == ["Is Niamh coming?"]
    assert at(-99.0) == []


def test_the_recogniser_is_asked_nothing_where_nothing_is_near() -> None:
    def never(texts: Sequence[str]) -> list[list[float]]:
        raise AssertionError(texts)

    heard = (Hypothesis("I would like the tea.", -0.3, 6),)
    found = weighed(_listed(NIAMH, NGOZI), heard, never)
    assert found.hypotheses == heard and found.changed is None


def test_the_sureness_of_a_change_is_that_of_its_word_alone() -> None:
    words = tuple(Word(text, 0.0, 0.0, 0.9) for text in ("Tell", "Nurse", "Okonkwo,", "please."))
    found = told(words, Changed(5, 18, 0.6))
    assert [word.confidence for word in found] == [0.9, 0.6, 0.6, 0.9]
    assert [word.text for word in found] == [word.text for word in words]


def test_holds_whole_words_alone() -> None:
    assert holds("Is ANN here?", "Ann") and not holds("Is Anna here?", "Ann") and not holds("", "Ann")
    assert holds("the (new) ward", "(new)")


_PHONES = st.text(sorted(PHONES), min_size=1, max_size=12)


@settings(deadline=None)
@given(_PHONES, _PHONES)
def test_a_distance_is_the_same_both_ways_and_nothing_only_to_itself(one: str, other: str) -> None:
    apart = distance(one, other)
    assert 0 <= apart <= 1 and apart == pytest.approx(distance(other, one)) and distance(one, one) == 0
    assert distance(f"ˈ{one}ː", other) == pytest.approx(apart)


@pytest.mark.parametrize(
    ("word", "nearer", "further"),
    [("niːv", "nɛv", "stoʊv"), ("pæt", "bæt", "sæt"), ("ʃɪvɔːn", "ʃɪvən", "saɪmən"), ("tiː", "diː", "miː")],
)
def test_what_is_blurred_easily_is_near(word: str, nearer: str, further: str) -> None:
    assert distance(word, nearer) < distance(word, further)
