"""Phrases, taught by saying them."""

from __future__ import annotations

from pathlib import Path

import pytest

from clinic.database import transaction
from clinic.learning import phrases
from clinic.learning.tables import (
    CHECKED,
    RECEIVED,
    REFUSED,
    Phrase,
    PhraseExample,
)
from tests.browser import seeding
from tests.clinic.learning.acts import HOSTILE, Sent, blobs, lines, rows, say
from tests.clinic.pages import Visitor


def test_a_phrase_is_added_said_twice_and_taught(
    clinician: Visitor, tablet: Visitor, patient_id: str, sent: Sent
) -> None:
    answer = clinician.post(f"/patients/{patient_id}/phrases", {"phrase": " Turn me  over "})
    (phrase,) = rows(Phrase)
    assert answer.headers["Location"] == f"/patients/{patient_id}/phrases/say?phrase={phrase.id}"
    for visitor, remark in ((clinician, "Say it once."), (tablet, "And once more")):
        item = visitor.get(f"/patients/{patient_id}/phrases/say/next").json["items"][0]
        assert item["text"] == "Turn me over" and item["remark"].startswith(remark)
        told = say(visitor, item["keep"]).json
        assert visitor.get(told["look"]).json["state"] == RECEIVED
    assert [name for name, _ in sent] == ["learning.check_phrase"] * 2
    assert clinician.get(f"/patients/{patient_id}/phrases/say/next").json["items"] == []
    once_more = clinician.get(f"/patients/{patient_id}/phrases/say/next?phrase={phrase.id}").json["items"]
    assert len(once_more) == 1
    assert "Taught" in clinician.get(f"/patients/{patient_id}/phrases").text
    assert "taught" in tablet.get("/tablet/phrases").text
    assert len(lines("phrase.add")) == 1 and len(lines("example.add")) == 2


def test_a_refused_example_gives_way_and_what_is_deleted_is_destroyed(
    clinician: Visitor, patient_id: str, sent: Sent, home: Path
) -> None:
    with transaction() as session:
        phrase_id = phrases.add(session, "system", patient_id, "Water").id
        seeding.example(session, patient_id, phrase_id, REFUSED, error_message="Hardly any sound was in it.")
        kept = seeding.example(session, patient_id, phrase_id).id
    assert "Hardly any sound was in it." in clinician.get(f"/patients/{patient_id}/phrases").text
    assert clinician.get(f"/examples/{kept}/sound").data == seeding.tone()
    say(clinician, f"/phrases/{phrase_id}/examples")
    assert sorted(row.state for row in rows(PhraseExample)) == [CHECKED, RECEIVED] and blobs(home) == 2
    clinician.post(f"/examples/{kept}/delete")
    assert blobs(home) == 1
    clinician.post(f"/phrases/{phrase_id}/remove")
    assert rows(Phrase) == [] and rows(PhraseExample) == [] and blobs(home) == 0
    assert [line.subject for line in lines("phrase.remove")] == [phrase_id]
    assert say(clinician, f"/phrases/{phrase_id}/examples").status_code == 404


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("  ", "Type what the phrase says"),
        ("?!", "Type what"),
        ("x" * 121, "Shorten it"),
        ("WATER", "on the list already"),
    ],
)
def test_a_phrase_that_cannot_be_taken_says_why(
    clinician: Visitor, tablet: Visitor, patient_id: str, typed: str, said: str
) -> None:
    with transaction() as session:
        phrases.add(session, "system", patient_id, "Water")
    assert said in clinician.post(f"/patients/{patient_id}/phrases", {"phrase": typed}).text
    token = tablet.token("/nowhere")
    answer = tablet.client.post("/tablet/phrases", data={"csrf_token": token, "phrase": typed})
    assert answer.status_code == 400 and said in answer.text and len(rows(Phrase)) == 1


def test_a_patient_types_a_phrase_at_their_tablet(tablet: Visitor, patient_id: str) -> None:
    token = tablet.token("/nowhere")
    answer = tablet.client.post("/tablet/phrases", data={"csrf_token": token, "phrase": HOSTILE})
    (phrase,) = rows(Phrase)
    assert answer.headers["Location"] == f"/tablet/phrases/say?phrase={phrase.id}"
    page = tablet.get("/tablet/phrases").text
    assert "<script>alert" not in page and "&lt;script&gt;" in page


def test_there_are_200_phrases_at_most_and_ten_examples_of_each(
    clinician: Visitor, patient_id: str, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (phrases.MOST, phrases.LEAST_EXAMPLES) == (200, 2)
    monkeypatch.setattr(phrases, "MOST", 1)
    monkeypatch.setattr(phrases, "MOST_EXAMPLES", 2)
    with transaction() as session:
        phrase_id = phrases.add(session, "system", patient_id, "Water").id
        for _ in range(2):
            seeding.example(session, patient_id, phrase_id)
    answer = clinician.post(f"/patients/{patient_id}/phrases", {"phrase": "Tea"})
    assert answer.status_code == 409 and "Remove one that is not needed" in answer.text
    answer = say(clinician, f"/phrases/{phrase_id}/examples")
    assert answer.status_code == 409 and "plenty" in answer.json["error"]["message"] and len(rows(PhraseExample)) == 2
