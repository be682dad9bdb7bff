"""Words as the recogniser's attention gives them: marks stay with the words beside them, in French too."""

from __future__ import annotations

from workers.understand.words import _with_their_marks


def test_marks_that_stand_apart_belong_to_the_word_beside_them() -> None:
    found = [
        {"word": word, "probability": place / 10}
        for place, word in enumerate([" «", " Oui", " »", " ?", " Bien.", " -"])
    ]
    kept = _with_their_marks(found)
    assert [item["word"] for item in kept] == ["« Oui » ?", " Bien. -"]
    assert [item["probability"] for item in kept] == [0.1, 0.4], "how sure a mark is says nothing of the word"


def test_nothing_but_marks_is_no_word() -> None:
    assert _with_their_marks([{"word": " ..."}, {"word": " ?"}]) == []
