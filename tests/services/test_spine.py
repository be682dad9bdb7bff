"""The main job through the running service: enrol, build, speak, choose, draft. Real models, real speech."""

from __future__ import annotations

import pytest
import soundfile
from sqlalchemy import select

from bench import measure, steps, two_cities
from clinic.database import now, transaction
from clinic.live.tables import SPOKEN, UNSURE, Utterance
from clinic.patients.tables import Consent
from clinic.queue import send
from clinic.vault import get_vault
from clinic.voices.tables import Voice
from tests.services.conftest import Journey
from workers.contracts import Audio

CLEAR = two_cities.held_out()[3]


def test_a_historic_recording_is_judged_and_written_down(journey: Journey) -> None:
    quality = journey.recording.quality or {}
    assert quality["verdict"] in ("good", "usable")
    assert quality["speakers"] == 1
    assert quality["speech_s"] > 20
    text = get_vault().get_json(journey.recording, "transcript_sealed")["text"]
    said = " ".join(clip.text for clip in two_cities.enrolment())
    assert measure.word_error_rate([said], [text]) < 0.05


def test_the_voice_is_sealed_and_has_a_sample_to_hear(journey: Journey) -> None:
    assert journey.voice.vectors_sealed and journey.voice.checkpoint_sealed is None
    assert journey.voice.sample_blob_id
    assert get_vault().get_blob(journey.patient_id, journey.voice.sample_blob_id)[:4] == b"RIFF"


def test_clear_speech_is_said_again_in_the_words_that_were_said(journey: Journey) -> None:
    assert journey.clear.event("words"), journey.clear.events
    end = journey.clear.event("speech_end")
    assert end and end["watermarked"] is True
    from workers.tasks import rooms

    restored = measure.resample(Audio(journey.clear.samples, 24_000), 16_000)
    heard = rooms.recogniser().transcribe(restored).text
    assert measure.word_error_rate([two_cities.held_out()[3].text], [heard]) < 0.2


def test_what_is_understood_in_a_pause_is_what_is_understood_at_the_end(journey: Journey) -> None:
    """The patient pauses, and it was the end: the words are those of the same sound, heard as a whole."""
    from clinic.events import get_stream
    from clinic.live import utterances
    from clinic.live.turns import Ended
    from workers.tasks.codec import pcm16

    topic = f"session:{journey.session_id}"
    pcm = pcm16(measure.resample(CLEAR.audio, 16_000).samples)
    earlier = get_stream().read(topic, journey.patient_id, after="", timeout_s=0.0)
    after = earlier[-1].id if earlier else ""
    so_far = utterances.keep(journey.session_id, journey.patient_id, "turn-ahead", Ended(pcm, 3.0, "so_far"))
    whole = utterances.keep(journey.session_id, journey.patient_id, "turn-ahead", Ended(pcm, 3.0, "pause"))
    assert so_far == whole
    told: list[dict[str, object]] = []
    for _ in range(60):
        events = get_stream().read(topic, journey.patient_id, after=after, timeout_s=1.0)
        after = events[-1].id if events else after
        told += [event.event for event in events if event.event["utterance"] == whole]
        if told and told[-1]["type"] == "speech_end":
            break
    said = journey.clear.event("words")
    assert said is not None and [event["text"] for event in told if event["type"] == "words"] == [said["text"]]
    assert [event["type"] for event in told if event["type"] != "speech"] == [
        "working", "words", "speech_start", "speech_end",
    ]  # fmt: skip


def test_what_was_spoken_is_kept_marked_and_signed(journey: Journey, tmp_path_factory: pytest.TempPathFactory) -> None:
    from workers.speak import provenance
    from workers.tasks import rooms

    vault = get_vault()
    with transaction() as session:
        row = session.get(Utterance, journey.clear.utterance_id)
        assert row is not None and row.state == SPOKEN and row.restored_blob_id
        data = vault.get_blob(row.patient_id, row.restored_blob_id)
    path = tmp_path_factory.mktemp("kept") / "restored.wav"
    path.write_bytes(data)
    samples, rate_hz = soundfile.read(path, dtype="float32")
    assert rooms.watermark().detect(Audio(samples, rate_hz)).detected
    assert provenance.verify_file(path, [vault.verifying_key_pem()]).valid


def test_an_unsure_utterance_speaks_nothing_and_offers_readings(journey: Journey) -> None:
    assert len(journey.unsure.samples) == 0
    asked = journey.unsure.event("unsure")
    assert asked is not None and 1 <= len(asked["readings"]) <= 3
    assert asked["why"]


def test_a_chosen_reading_is_spoken_and_one_that_was_spoken_is_not_spoken_twice(journey: Journey) -> None:
    from clinic.events import get_stream

    topic = f"session:{journey.session_id}"
    with transaction() as session:
        row = session.get(Utterance, journey.unsure.utterance_id)
        assert row is not None and row.state == UNSURE
        row.chosen = True
        get_vault().put(row, "spoken_text_sealed", "for good or for evil")
        for _ in range(2):
            send(session, "live.speak", row.id)
    ends, after, empty = 0, "", 0
    while empty < 8:
        events = get_stream().read(topic, journey.patient_id, after=after, timeout_s=1.0)
        after = events[-1].id if events else after
        found = sum(e.event["type"] == "speech_end" and e.event["utterance"] == row.id for e in events)
        ends += found
        empty = 0 if events and not ends else empty + 1
    assert ends == 1


def test_silence_says_nothing_and_tells_the_patient_what_to_do(journey: Journey) -> None:
    assert len(journey.silent.samples) == 0
    told = journey.silent.event("nothing_heard")
    assert told is not None and "again" in told["message"]


def test_how_it_was_said_is_stored_with_its_cues(journey: Journey) -> None:
    with transaction() as session:
        row = session.get(Utterance, journey.clear.utterance_id)
        assert row is not None
        assert row.distress is not None and 0 <= row.distress <= 1
        assert row.urgency is not None and 0 <= row.urgency <= 1
        assert get_vault().get_json(row, "feeling_sealed")["prosody"]["f0_median_hz"] > 50


def test_every_line_of_the_note_names_utterances_of_this_session(journey: Journey) -> None:
    with transaction() as session:
        known = set(session.scalars(select(Utterance.id).where(Utterance.session_id == journey.session_id)))
    assert journey.note
    for statement in journey.note:
        assert statement["utterance_ids"] and set(statement["utterance_ids"]) <= known  # type: ignore[call-overload]


@pytest.mark.parametrize("change", [{"revision": "0" * 16}, {"vectors_sealed": b"SV\x01 not what was sealed"}])
def test_a_voice_that_does_not_open_is_said_and_no_other_voice_sounds(
    journey: Journey, change: dict[str, object]
) -> None:
    with transaction() as session:
        row = session.get_one(Voice, journey.voice.id)
        before = {name: getattr(row, name) for name in change}
        for name, value in change.items():
            setattr(row, name, value)
    try:
        number = 90 + len(str(change))
        said = steps.speak(journey.patient_id, journey.session_id, number, measure.resample(CLEAR.audio, 16_000))
    finally:
        with transaction() as session:
            row = session.get_one(Voice, journey.voice.id)
            for name, value in before.items():
                setattr(row, name, value)
    failed = said.event("failed")
    assert failed is not None and failed["code"] == "tampered" and failed["message"]
    assert len(said.samples) == 0 and said.event("speech_start") is None


def test_withdrawn_consent_stops_the_voice_at_the_next_utterance(journey: Journey) -> None:
    with transaction() as session:
        consent = session.scalars(
            select(Consent).where(Consent.patient_id == journey.patient_id, Consent.scope == "speak_for_me")
        ).one()
        consent.withdrawn_at = now()
    try:
        said = steps.speak(journey.patient_id, journey.session_id, 99, measure.resample(CLEAR.audio, 16_000))
    finally:
        with transaction() as session:
            session.get_one(Consent, consent.id).withdrawn_at = None
    failed = said.event("failed")
    assert failed is not None and failed["code"] == "no_consent"
    assert len(said.samples) == 0
