"""Names said as somebody respelt them: whole words only, whatever their capitals, and never anything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.contracts import Voice
from workers.models.voice_space import open_voice_space
from workers.speak.kokoro import KokoroEngine
from workers.speak.pronunciations import respelt

WORDS = {"Siobhan": "shiv-awn", "Nguyen": "win", "St. John": "sinjin", "Straße": "shtrah-suh", "C++": "see plus plus"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Siobhan is here.", "shiv-awn is here."),
        ("SIOBHAN, siobhan!", "shiv-awn, shiv-awn!"),
        ("Siobhan's coat", "shiv-awn's coat"),
        ("Siobhans and Xsiobhan stay", "Siobhans and Xsiobhan stay"),
        ("Dr. Nguyen-Smith", "Dr. win-Smith"),
        ("Ask St.  John.", "Ask sinjin."),
        ("in der STRASSE, Straße", "in der STRASSE, shtrah-suh"),
        ("I like C++ and C", "I like see plus plus and C"),
        ("Sio\u0308bhan", "Si\u00f6bhan"),
        ("", ""),
    ],
)
def test_whole_words_are_said_as_they_are_respelt(text: str, said: str) -> None:
    assert respelt(text, WORDS) == said


def test_letters_that_are_written_in_two_ways_are_the_same_word() -> None:
    assert respelt("Zoe\u0308 and Zo\u00eb", {"Zo\u00eb": "zoh-ee"}) == "zoh-ee and zoh-ee"


def test_the_longest_entry_wins_and_no_two_chase_each_other() -> None:
    words = {"Ann": "Anna", "Anna": "Ann", "Anna Maria": "one two"}
    assert respelt("Ann, Anna, Anna Maria", words) == "Anna, Ann, one two"


@pytest.mark.parametrize("words", [None, {}, {"": "x"}, {"Ann": ""}, {"Ann": "..."}, {"...": "dots"}])
def test_an_entry_that_says_nothing_is_passed_over(words: dict[str, str] | None) -> None:
    assert respelt("Ann said ... so.", words) == "Ann said ... so."


@given(st.text(max_size=80), st.dictionaries(st.text(max_size=12), st.text(max_size=12), max_size=6))
def test_any_entry_is_plain_text_and_never_a_pattern(text: str, words: dict[str, str]) -> None:
    assert isinstance(respelt(text, words), str)


def test_a_clause_is_said_respelt_and_told_as_it_was_written(engine: KokoroEngine) -> None:
    style = open_voice_space().style("af_heart", 40)
    measures = {"pace": 1.0, "f0_ratio": 1.0, "f0_movement": 1.0, "gain_db": 0.0}
    voice = Voice(engine.name, engine.model, engine.revision, {"style": style}, measures)
    (asked,) = engine.say("Siobhan is here.", voice, pronunciations=WORDS)
    (meant,) = engine.say("shiv-awn is here.", voice)
    assert asked.text == "Siobhan is here."
    assert len(asked.audio.samples) == pytest.approx(len(meant.audio.samples), rel=0.02)


def test_the_phones_are_those_of_the_respelling() -> None:
    import json

    from workers import models
    from workers.speak.phones import to_phones

    found = json.loads((models.path("kokoro") / "vocab.json").read_text(encoding="utf-8"))
    vocab = dict(found.get("vocab", found))
    asked = to_phones(respelt("Siobhan is here.", WORDS), vocab)
    assert asked == to_phones("shiv-awn is here.", vocab) != to_phones("Siobhan is here.", vocab)
