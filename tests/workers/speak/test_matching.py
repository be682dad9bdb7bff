"""Words of a text find what was heard of them, and phones their word, however espeak joins them."""

from __future__ import annotations

from workers.contracts import Word
from workers.speak.matching import matched, words_of_phones


def _heard(text: str) -> tuple[Word, ...]:
    return tuple(Word(word, at / 2, (at + 1) / 2, 0.9) for at, word in enumerate(text.split()))


def test_each_clause_gets_its_own_words() -> None:
    first, second = matched(["I am cold,", "and I am tired."], _heard("I am cold and I am tired"))
    assert [word and word.start_s for word in first] == [0.0, 0.5, 1.0]
    assert [word and word.start_s for word in second] == [1.5, 2.0, 2.5, 3.0]


def test_a_misheard_word_gets_the_time_of_what_was_heard_there() -> None:
    (words,) = matched(["please call my daughter now"], _heard("please call my water now"))
    assert words[3] is not None and (words[3].start_s, words[3].end_s) == (1.5, 2.0)


def test_words_that_were_run_together_are_not_lost() -> None:
    (words,) = matched(["we were all going home"], _heard("we're all going home"))
    assert all(words)


def test_another_text_matches_nothing() -> None:
    (words,) = matched(["my sister is coming on Sunday"], _heard("turn the light off"))
    assert not any(words)


def test_phones_find_their_words_where_espeak_joins_two() -> None:
    owners = words_of_phones("ði ˈɛnd ʌvðə dˈeɪ.", ["ðˈiː", "ˈɛnd", "ˈʌv", "ðˈə", "dˈeɪ"])
    assert [owner for owner in owners if owner is not None] == [0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 4, 4]
    assert owners[2] is None and owners[-1] is None
