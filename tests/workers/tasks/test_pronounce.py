"""A name, said in the patient's voice as it was respelt; and every sentence of theirs says it so."""

from __future__ import annotations

import pytest

from clinic.database import transaction
from clinic.patients import consents, pronunciations
from clinic.patients.tables import FAILED, MADE, Pronunciation
from clinic.vault import get_vault
from tests.workers.tasks.conftest import Hum, ready
from workers.tasks import sealed
from workers.tasks.pronounce import pronounce


@pytest.fixture
def word(patient_id: str, hum: Hum) -> str:
    """Siobhan, of a patient with a voice; the row's id."""
    ready(patient_id, 1, 110.0)
    with transaction() as session:
        return pronunciations.keep(session, "system", patient_id, "Siobhan", "shiv-awn").id


def _row(row_id: str) -> Pronunciation:
    with transaction() as session:
        return session.get_one(Pronunciation, row_id)


def test_the_name_is_said_as_it_was_respelt(
    word: str, patient_id: str, hum: Hum, sent: list[tuple[str, tuple[str, ...]]]
) -> None:
    assert sent[-1] == ("voices.pronounce", (word,))
    pronounce(word)
    assert hum.said == ["Siobhan. This is how I say Siobhan."]
    assert hum.respelt == [{"Siobhan": "shiv-awn"}]
    row = _row(word)
    assert row.preview == MADE and row.preview_blob_id
    assert get_vault().get_blob(patient_id, row.preview_blob_id)[:4] == b"RIFF"
    pronounce(word)  # a message that came twice
    assert len(hum.said) == 1


def test_a_word_that_changed_meanwhile_keeps_no_stale_sound(word: str, patient_id: str, hum: Hum) -> None:
    def change(text: str) -> None:
        with transaction() as session:
            pronunciations.keep(session, "system", patient_id, "siobhan", "chiffon")

    hum.while_saying = change
    pronounce(word)
    assert _row(word).preview_blob_id is None and _row(word).preview == "wanted"


def test_what_went_wrong_is_said_at_the_word(word: str, patient_id: str, hum: Hum) -> None:
    hum.revision = "r2"
    pronounce(word)
    assert _row(word).preview == FAILED and "another engine" in str(_row(word).preview_message)
    with transaction() as session:
        pronunciations.want_preview(session, session.get_one(Pronunciation, word))
        consents.withdraw(session, "system", patient_id, "keep_voice")
    hum.revision = "r1"
    pronounce(word)
    assert "no consent" in str(_row(word).preview_message) and hum.said == []


def test_one_damaged_word_does_not_silence_the_patient(word: str, patient_id: str) -> None:
    with transaction() as session:
        bad = pronunciations.keep(session, "system", patient_id, "Nguyen", "win")
        bad.say_sealed = b"damaged" * 10
    with transaction() as session:
        assert sealed.pronunciations(session, patient_id) == {"Siobhan": "shiv-awn"}
