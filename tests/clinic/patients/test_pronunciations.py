"""Names as the patient says them, from the clinician's side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from clinic.database import transaction
from clinic.patients import pronunciations
from clinic.patients.service import erase
from clinic.patients.tables import MADE, Pronunciation
from clinic.vault import get_vault
from clinic.voices.tables import READY
from tests.browser import seeding
from tests.clinic.pages import Visitor

Sent = list[tuple[str, tuple[Any, ...]]]


def _keep(visitor: Visitor, patient_id: str, word: str, say: str) -> Any:
    form = {"word": word, "say": say}
    return visitor.post(f"/patients/{patient_id}/pronunciations", form, follow_redirects=True)


def _rows(patient_id: str) -> dict[str, str]:
    with transaction() as session:
        return {one.word: one.say for one in pronunciations.list_of(session, patient_id)}


def _made(patient_id: str) -> Pronunciation:
    with transaction() as session:
        row = session.scalars(select(Pronunciation)).one()
        row.preview, row.preview_blob_id = MADE, get_vault().put_blob(patient_id, seeding.tone())
        return row


def test_a_word_is_kept_heard_changed_and_removed(clinician: Visitor, patient_id: str, sent: Sent, home: Path) -> None:
    with transaction() as session:
        seeding.voice(session, patient_id, 1, READY, [])
    page = _keep(clinician, patient_id, "  Siobhan ", "shiv-awn").text
    assert "<strong>Siobhan</strong>" in page and "Being said" in page
    row = _made(patient_id)
    assert sent == [("voices.pronounce", (row.id,))]
    before = clinician.get(f"/patients/{patient_id}/pronunciations/state").json["fingerprint"]
    assert f"/pronunciations/{row.id}/preview" in clinician.get(f"/patients/{patient_id}").text
    assert clinician.get(f"/pronunciations/{row.id}/preview").data == seeding.tone()
    _keep(clinician, patient_id, "SIOBHAN", "shuh-vawn")
    assert _rows(patient_id) == {"SIOBHAN": "shuh-vawn"}
    assert clinician.get(f"/pronunciations/{row.id}/preview").status_code == 404
    assert clinician.get(f"/patients/{patient_id}/pronunciations/state").json["fingerprint"] != before
    _made(patient_id)
    clinician.post(f"/pronunciations/{row.id}/remove")
    assert _rows(patient_id) == {} and not any(file.is_file() for file in (home / "blobs").rglob("*"))
    assert clinician.post(f"/pronunciations/{row.id}/remove").status_code == 404


def test_without_a_voice_the_word_is_kept_and_nothing_is_said(clinician: Visitor, patient_id: str, sent: Sent) -> None:
    page = _keep(clinician, patient_id, "Siobhan", "shiv-awn").text
    assert "Siobhan" in page and "Hear it" not in page and sent == []


@pytest.mark.parametrize(
    ("word", "say", "said"),
    [
        ("", "x", "Type the word"),
        ("...", "x", "Type the word"),
        ("Ann", "  ", "Type how it is said"),
        ("x" * 5000, "y", "Shorten it"),
        ("Ann", "y" * 5000, "Shorten it"),
    ],
)
def test_what_cannot_be_kept_is_said_and_loses_nothing(
    clinician: Visitor, patient_id: str, sent: Sent, word: str, say: str, said: str
) -> None:
    _keep(clinician, patient_id, "Siobhan", "shiv-awn")
    assert said in _keep(clinician, patient_id, word, say).text
    assert _rows(patient_id) == {"Siobhan": "shiv-awn"}


def test_hostile_words_are_text(clinician: Visitor, patient_id: str, sent: Sent) -> None:
    page = _keep(clinician, patient_id, "<script>alert(1)</script>", "a\u202e<b>\x00").text
    assert "<script>alert" not in page and "&lt;script&gt;" in page and "\u202e" not in page


def test_there_is_an_end_to_how_many(
    clinician: Visitor, patient_id: str, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pronunciations, "MOST", 1)
    _keep(clinician, patient_id, "Ann", "an")
    assert "1 words already" in _keep(clinician, patient_id, "Bo", "boh").text
    assert "1 words already" not in _keep(clinician, patient_id, "ann", "ann-uh").text


def test_one_damaged_word_does_not_hide_the_others(clinician: Visitor, patient_id: str, sent: Sent) -> None:
    for word in ("Ann", "Bo"):
        _keep(clinician, patient_id, word, "x")
    with transaction() as session:
        session.scalars(select(Pronunciation)).first().say_sealed = b"damaged" * 9  # type: ignore[union-attr]
    page = clinician.get(f"/patients/{patient_id}")
    assert page.status_code == 200 and "Not readable" in page.text


def test_erasing_the_patient_erases_their_words(clinician: Visitor, patient_id: str, sent: Sent, home: Path) -> None:
    _keep(clinician, patient_id, "Siobhan", "shiv-awn")
    _made(patient_id)
    with transaction() as session:
        erase(session, "system", patient_id)
    with transaction() as session:
        assert [one.word for one in pronunciations.list_of(session, patient_id)] == ["Not readable"]
    assert not any(file.is_file() for file in (home / "blobs").rglob("*"))
