"""A patient's words on their way to recognition."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import select

from clinic.database import transaction
from clinic.learning import phrases, service
from clinic.patients import consents, listed_words, pronunciations
from clinic.patients.tables import ListedWord
from workers.tasks import listed
from workers.understand.nearness import distance


def _put(patient_id: str, typed: str) -> None:
    with transaction() as session:
        listed_words.add(session, "system", patient_id, typed)


def test_words_come_from_the_list_from_names_with_a_pronunciation_and_from_the_patients_sentences(
    patient_id: str,
) -> None:
    assert listed.words_of(patient_id) == ()
    _put(patient_id, "Leominster\nniamh")
    with transaction() as session:
        pronunciations.keep(session, "system", patient_id, "Niamh", "neev")
        service.add_own(session, "system", patient_id, "Is Rosie's tea cold?\nI think OK means yes.")
        phrases.add(session, "system", patient_id, "Call Doctor Okonkwo")
    assert listed.words_of(patient_id) == (
        ("Doctor", ()), ("Leominster", ()), ("Niamh", ("neev",)), ("Okonkwo", ()), ("Rosie", ()),
    )  # fmt: skip
    with transaction() as session:
        consents.withdraw(session, "system", patient_id, "learn_corrections")
    assert [word for word, _ in listed.words_of(patient_id)] == ["Leominster", "Niamh"]


def test_a_damaged_word_costs_itself_alone_and_no_log_names_the_others(
    patient_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    _put(patient_id, "Ann\nBronagh\nZebedee")
    with transaction() as session:
        row = session.scalars(select(ListedWord).order_by(ListedWord.id)).first()
        assert row is not None
        row.word_sealed = b"damaged" * 9
    with caplog.at_level(logging.DEBUG):
        found = listed.words_of(patient_id)
        assert len(found) == 2 and listed.opened(patient_id, found, "en") is not None
    assert row.id in caplog.text and not any(name in caplog.text for name in ("Ann", "Bronagh", "Zebedee"))


def test_a_word_is_known_by_its_spelling_and_by_how_the_patient_says_it(patient_id: str) -> None:
    known = listed.opened(patient_id, (("...", ()), ("Niamh", ("neev",))), "en")
    assert known is not None
    (niamh,) = known.words  # what cannot be said is left out
    heard, other = known.phones_of(["neve", "stove"])
    near = [distance(heard, phones) for phones in niamh.phones]
    assert len(near) == 2 and min(near) < 0.1 < min(distance(other, phones) for phones in niamh.phones)


def test_without_words_or_in_a_language_without_phones_nothing_is_looked_for(patient_id: str) -> None:
    assert listed.opened(patient_id, (), "en") is None
    assert listed.opened(patient_id, (("Niamh", ()),), "xx") is None


@pytest.mark.parametrize(
    ("sentence", "names"),
    [
        ("Rosie, your tea is getting cold.", []),
        ("Is Siobhan at Leominster Hospital?", ["Siobhan", "Leominster", "Hospital"]),
        ("Tell O’Brien and Anne-Marie. Now I’m tired! I'd like TV", ["O’Brien", "Anne-Marie"]),
        ("", []),
    ],
)
def test_names_are_what_has_a_capital_inside_a_sentence(sentence: str, names: list[str]) -> None:
    assert listed.names_in([sentence]) == names
