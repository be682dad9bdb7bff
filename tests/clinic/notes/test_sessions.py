"""A session as a clinician reads it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from clinic.audit.tables import AuditLine
from clinic.database import transaction
from clinic.live.tables import FAILED, NOTHING_HEARD, RECEIVED
from clinic.notes.tables import Note
from tests.browser import seeding
from tests.clinic.pages import Visitor


@pytest.fixture
def seeded(clinician_id: str) -> seeding.Seeded:
    """Patients with a session."""
    return seeding.seed(clinician_id)


def _page(visitor: Visitor, session_id: str) -> str:
    return re.sub(r"\s+", " ", visitor.get(f"/sessions/{session_id}").text)


def test_what_was_said_is_shown_in_order_with_what_made_it_certain(clinician: Visitor, seeded: seeding.Seeded) -> None:
    page = _page(clinician, seeded.session_id)
    places = [page.index(f'id="u-{utterance_id}"') for utterance_id in seeded.utterance_ids]
    assert places == sorted(places)
    assert "The patient chose these words." in page and "Please could somebody burn me now." in page
    assert "5.2 semitones higher" in page and "(between 71 % and 93 %)" in page


def test_an_unspoken_moment_says_why_and_has_no_restored_player(clinician: Visitor, seeded: seeding.Seeded) -> None:
    page, unsure = _page(clinician, seeded.session_id), seeded.utterance_ids[2]
    assert "Not spoken: the patient was asked which reading was meant" in page
    assert "The software was not sure enough of the words." in page and "“What is on the table”" in page
    assert f"/utterances/{unsure}/heard" in page and f"/utterances/{unsure}/restored" not in page
    assert clinician.get(f"/utterances/{unsure}/restored").status_code == 404


def test_silence_and_failure_are_said_plainly(clinician: Visitor, seeded: seeding.Seeded) -> None:
    with transaction() as session:
        seeding.utterance(session, seeded.session_id, seeded.patient_id, 5, "", state=NOTHING_HEARD, gate="no_speech")
        seeding.utterance(
            session, seeded.session_id, seeded.patient_id, 6, "Hello", state=FAILED, error_code="no_voice",
            error_message="The voice cannot be opened, so nothing was spoken.",
        )  # fmt: skip
        seeding.utterance(session, seeded.session_id, seeded.patient_id, 7, "", state=RECEIVED, cut_off=True)
    page = _page(clinician, seeded.session_id)
    assert "Nothing was spoken. No speech was heard in it." in page
    assert "The voice cannot be opened, so nothing was spoken." in page
    assert "Not finished: they speak still" in page and "cut off" not in page


def test_every_sentence_of_the_note_leads_to_its_moment_and_struck_ones_say_why(
    clinician: Visitor, seeded: seeding.Seeded
) -> None:
    page = _page(clinician, seeded.session_id)
    note = page[page.index('id="note"') :]
    for item in re.findall(r"<li class=\"[^\"]*\">(.*?)</li>", note):
        target = re.search(r'href="#(u-[0-9a-f]{32})"', item)
        assert target and f'id="{target.group(1)}"' in page
    assert "<s>Asked for morphine.</s>" in note and "Struck: No utterance holds these words." in note
    assert "Draft" in note and "not a medical device" in note and "recognised by software" in note


def test_the_newest_draft_is_shown_and_the_page_that_waits_is_told(clinician: Visitor, seeded: seeding.Seeded) -> None:
    state = f"/sessions/{seeded.session_id}/state"
    before = clinician.get(state).json["fingerprint"]
    with transaction() as session:
        old = session.scalars(select(Note).where(Note.session_id == seeded.session_id)).one()
        note = Note(id=seeding.new_id(), patient_id=old.patient_id, session_id=old.session_id, version=2)
        line = {"section": "Asked for", "text": "<b>Tea</b>", "utterance_ids": [seeded.utterance_ids[0]], "at": ""}
        seeding.get_vault().put(note, "body_sealed", [line])
        session.add(note)
    page = _page(clinician, seeded.session_id)
    assert "&lt;b&gt;Tea&lt;/b&gt;" in page and "morphine" not in page
    assert clinician.get(state).json["fingerprint"] != before


def test_a_note_that_is_written_while_the_page_is_read_appears_all_the_same(
    clinician: Visitor, seeded: seeding.Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page holds the old note; were its fingerprint that of the new one, it would never ask again."""
    from clinic.notes import service
    from workers.tasks import notes

    newest = service.newest_draft

    def read_just_before_it_was_written(*args: Any) -> service.Draft | None:
        found = newest(*args)
        notes.draft(seeded.session_id)
        return found

    monkeypatch.setattr(service, "newest_draft", read_just_before_it_was_written)
    page = _page(clinician, seeded.session_id)
    shown = re.search(r'data-fingerprint="([^"]+)"', page)
    assert shown and "Version 1" in page
    assert clinician.get(f"/sessions/{seeded.session_id}/state").json["fingerprint"] != shown[1]


def test_a_note_is_drafted_again_only_with_consent(
    clinician: Visitor, seeded: seeding.Seeded, sent: list[tuple[str, tuple[Any, ...]]]
) -> None:
    path = f"/sessions/{seeded.session_id}/draft"
    assert clinician.post(path).status_code == 302
    assert sent == [("notes.draft", (seeded.session_id,))]
    clinician.post(f"/patients/{seeded.patient_id}/consents/draft_notes/withdraw")
    assert "has not agreed that notes are drafted" in clinician.post(path, follow_redirects=True).text
    assert len(sent) == 1


def test_both_sounds_play_and_reading_and_playing_are_on_record(clinician: Visitor, seeded: seeding.Seeded) -> None:
    clinician.get(f"/sessions/{seeded.session_id}")
    for which in ("heard", "restored"):
        path = f"/utterances/{seeded.utterance_ids[0]}/{which}"
        assert clinician.get(path).data[:4] == b"RIFF"
        assert clinician.get(path, headers={"Range": "bytes=10-19"}).status_code == 206
    with transaction() as session:
        lines = session.execute(select(AuditLine.action, AuditLine.detail)).all()
    assert sum(action == "note.read" for action, _ in lines) == 1
    played = [detail["which"] for action, detail in lines if action == "utterance.play"]
    assert played == ["heard", "restored"]


def test_a_damaged_utterance_does_not_hide_the_others(clinician: Visitor, seeded: seeding.Seeded) -> None:
    with transaction() as session:
        row = session.get_one(seeding.Utterance, seeded.utterance_ids[0])
        row.transcript_sealed = b"damaged" * 9
    page = _page(clinician, seeded.session_id)
    assert "damaged, or is not in the place" in page and "could somebody turn me now" in page


def test_somebody_elses_roles_read_no_session(visitor: Visitor, seeded: seeding.Seeded, another: Any) -> None:
    administrator = another(seeding.ADMINISTRATOR)
    paths = (f"/sessions/{seeded.session_id}", f"/utterances/{seeded.utterance_ids[0]}/heard")
    for path in paths:
        assert visitor.get(path).status_code == 302
        assert administrator.get(path).status_code == 403
    assert administrator.get("/sessions/nowhere").status_code == 403  # nor is it told whether there is one


def test_a_note_that_could_not_be_drafted_is_said_and_the_last_good_one_stays(
    clinician: Visitor, seeded: seeding.Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workers.tasks import notes

    def breaks(*_: object) -> None:
        raise RuntimeError("the neck hurts")

    monkeypatch.setattr(notes.note, "draft", breaks)
    before = clinician.get(f"/sessions/{seeded.session_id}/state").json
    notes.draft(seeded.session_id)
    page = _page(clinician, seeded.session_id)
    assert "The last draft could not be written." in page and "Version 1" in page and "hurts again" in page
    assert clinician.get(f"/sessions/{seeded.session_id}/state").json != before


def test_what_was_said_and_what_was_spoken_as_english_are_both_shown(
    clinician: Visitor, seeded: seeding.Seeded
) -> None:
    from workers.tasks import notes

    spoken, asked = "My chest hurts a lot.", {"text": "No puedo.", "confidence": 0.6, "english": "I can't."}
    with transaction() as session:
        row = seeding.utterance(
            session, seeded.session_id, seeded.patient_id, 8, spoken, chosen=True, gate="interpreted",
            confidence=0.9, understood="Me duele mucho el pecho.", speech_mode="interpret",
        )  # fmt: skip
        seeding.get_vault().put(row, "original_text_sealed", "Me duele mucho el pecho.")
        transcript = seeding.get_vault().get_json(row, "transcript_sealed")
        seeding.get_vault().put(row, "transcript_sealed", {**transcript, "language": "es"})
        seeding.utterance(
            session, seeded.session_id, seeded.patient_id, 9, "No puedo.", state="unsure", gate="interpreted",
            confidence=0.6, readings=[asked],
        )  # fmt: skip
    notes.draft(seeded.session_id)
    page = _page(clinician, seeded.session_id)
    assert '<p class="said">Me duele mucho el pecho.</p>' in page
    assert "Spoken in English, as software put it: “My chest hurts a lot.”" in page
    assert "Offered in English: “I can&#39;t.”" in page and "always asked before English is spoken" in page
    note = page[page.index('id="note"') :]
    line = "Chosen by the patient: “Me duele mucho el pecho.” Spoken in English as “My chest hurts a lot.”"
    assert line in note and f"<s>{line}" not in note
