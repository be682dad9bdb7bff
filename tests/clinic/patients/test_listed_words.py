"""Words that matter to a patient, from the clinician's side."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from clinic.audit.tables import AuditLine
from clinic.database import transaction
from clinic.patients import listed_words
from clinic.patients.service import erase
from clinic.patients.tables import ListedWord
from tests.browser import seeding
from tests.clinic.pages import Visitor

CANARY = "Quillonette"


def _add(visitor: Visitor, patient_id: str, typed: str) -> str:
    answer = visitor.post(f"/patients/{patient_id}/listed-words", {"words": typed}, follow_redirects=True)
    return str(answer.text)


def _words(patient_id: str) -> list[str]:
    with transaction() as session:
        return [one.word for one in listed_words.list_of(session, patient_id)]


def test_words_are_put_on_the_list_one_a_line_and_taken_off(clinician: Visitor, patient_id: str) -> None:
    page = _add(clinician, patient_id, "  Siobhan \r\n\r\nNurse   Okonkwo, Leominster\n")
    assert "3 words are on the list" in page and "Nurse Okonkwo" in page
    assert _words(patient_id) == ["Leominster", "Nurse Okonkwo", "Siobhan"]
    assert "Nothing new" in _add(clinician, patient_id, "SIOBHAN\nsiobhan")
    assert "One word is on the list" in _add(clinician, patient_id, "Siobhan\nAoife")
    with transaction() as session:
        (gone,) = [one.row.id for one in listed_words.list_of(session, patient_id) if one.word == "Leominster"]
    assert clinician.post(f"/listed-words/{gone}/remove").status_code == 302
    assert _words(patient_id) == ["Aoife", "Nurse Okonkwo", "Siobhan"]
    assert clinician.post(f"/listed-words/{gone}/remove").status_code == 404


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Type names or places"),
        (" \n,;", "Type names or places"),
        ("Siobhan\n1234", "Each needs letters"),
        ("x" * 61, "up to 60 characters"),
        ("She is coming to see me on Sunday", "on a line of its own"),
        ("\n".join(f"Name{letter}" for letter in map(chr, range(0x4E00, 0x4E00 + 201))), "Remove some"),
    ],
)
def test_what_cannot_be_taken_is_said_stays_typed_and_loses_nothing(
    clinician: Visitor, patient_id: str, typed: str, said: str
) -> None:
    _add(clinician, patient_id, "Siobhan")
    answer = clinician.post(f"/patients/{patient_id}/listed-words", {"words": typed})
    assert answer.status_code in (400, 409) and said in answer.text
    assert typed.strip() in answer.text.replace("\r", "")
    assert _words(patient_id) == ["Siobhan"]


def test_words_are_sealed_hostile_ones_are_text_and_no_log_or_audit_line_names_them(
    clinician: Visitor, patient_id: str, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        page = _add(clinician, patient_id, f"{CANARY}\n<script>alert(1)</script>\na\u202e<b>\x00")
    assert CANARY in page and "<script>alert" not in page and "&lt;script&gt;" in page and "\u202e" not in page
    for file in (file for file in home.rglob("*") if file.is_file()):
        assert CANARY.encode() not in file.read_bytes(), file.name
    assert CANARY not in caplog.text
    with transaction() as session:
        lines = session.scalars(select(AuditLine).where(AuditLine.action == "listed_word.add")).all()
    assert [line.detail for line in lines] == [{"count": 3}]


def test_one_damaged_word_does_not_hide_the_others(clinician: Visitor, patient_id: str) -> None:
    _add(clinician, patient_id, "Ann\nBo")
    with transaction() as session:
        session.scalars(select(ListedWord)).first().word_sealed = b"damaged" * 9  # type: ignore[union-attr]
    page = clinician.get(f"/patients/{patient_id}")
    assert page.status_code == 200 and "Not readable" in page.text


def test_erasing_the_patient_closes_their_words(clinician: Visitor, patient_id: str) -> None:
    _add(clinician, patient_id, "Siobhan")
    with transaction() as session:
        erase(session, "system", patient_id)
    assert _words(patient_id) == ["Not readable"]


def test_nobody_but_a_clinician_touches_the_list(
    visitor: Visitor, another: Callable[[str], Visitor], patient_id: str
) -> None:
    with transaction() as session:
        listed_words.add(session, "system", patient_id, "Siobhan")
        (word,) = session.scalars(select(ListedWord.id)).all()
    assert visitor.post(f"/listed-words/{word}/remove").status_code in (302, 401, 403)
    administrator = another(seeding.ADMINISTRATOR)
    assert administrator.post(f"/listed-words/{word}/remove").status_code in (302, 401, 403)
    assert administrator.post(f"/patients/{patient_id}/listed-words", {"words": "Bo"}).status_code in (302, 401, 403)
    assert _words(patient_id) == ["Siobhan"]
