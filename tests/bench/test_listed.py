"""The benchmark of listed words: what it lists, and what it counts."""

from __future__ import annotations

from bench import listed, names_said
from workers.contracts import Reading, Transcript


def _heard(plain: str, biased: str, word: str = "", gate: str | None = None) -> listed.Heard:
    def transcript(text: str, closed: str | None) -> Transcript:
        return Transcript(text, (), 0.5, "en", (Reading(text, 0.5),), closed, 1.0)

    return listed.Heard("Is Niamh here?", word, transcript(plain, None), transcript(biased, gate), 1.0, 1.5)


def test_what_is_chosen_on_and_what_is_judged_on_share_no_word_and_no_sentence() -> None:
    assert not names_said.CHOOSING.keys() & names_said.JUDGING.keys()
    assert not {*names_said.SHORT, *names_said.UNSAID} & {*names_said.CHOOSING, *names_said.JUDGING}
    chosen, judged = (
        {sentence for sentence, _ in names_said.sentences(words, says)}
        for words, says, _ in names_said.SETS.values()
    )  # fmt: skip
    assert len(chosen) == len(judged) == 48 and not chosen & judged
    assert not set(names_said.SETS["choosing"][2]) & set(names_said.SETS["judging"][2])


def test_a_name_counts_where_it_is_whole_and_a_change_to_another_is_a_harm() -> None:
    heard = [
        _heard("Is Neve here?", "Is Niamh here?", "Niamh"),
        _heard("Is Neve here?", "Is Nevada here?", "Niamh"),
        _heard("Is Niamh here?", "Is Niamh here?", "Niamh"),
    ]
    found = listed._recall(heard)
    assert (found["asked"], found["wrongly_changed"]) == (3, 1)
    assert found["word_first_plain"] == 1 / 3 and found["word_first"] == 2 / 3 and found["wer"] < found["wer_plain"]
    assert found["further_s_where_near"] == 0.5 and found["further_s_elsewhere"] == 0.5


def test_of_harms_those_that_would_be_spoken_unasked_are_counted_apart() -> None:
    heard = [
        _heard("I know.", "I Noah."),
        _heard("I know.", "I Noah.", gate="low_confidence"),
        _heard("Tea.", "Tea."),
    ]
    found = listed._harm(heard)
    assert (found["asked"], found["wrongly_changed"], found["of_these_unasked"], found["offered_beside"]) == (
        3,
        2,
        1,
        0,
    )


def test_the_list_is_as_the_service_makes_it() -> None:
    known = listed.known_as({"Niamh": "neev", "Evangeline": ""})
    assert [(word.text, len(word.phones)) for word in known.words] == [("Niamh", 2), ("Evangeline", 1)]
