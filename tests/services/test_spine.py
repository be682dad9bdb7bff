"""The main job through the running service: enrol, build, speak, choose, draft. Real models, real speech."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import soundfile
from sqlalchemy import select

from bench import measure, steps, two_cities
from clinic.accounts.service import create_account
from clinic.database import transaction
from clinic.live.tables import SPOKEN, UNSURE, Utterance
from clinic.queue import send
from clinic.vault import get_vault
from clinic.voices.tables import Recording, Voice
from tests.services.conftest import Service
from workers.contracts import Audio
from workers.tasks.sound import wav_bytes

NAME = "Wilhelmina Canary-Featherstonehaugh"
FILENAME = "canary-grandfathers-birthday.wav"


@dataclass
class Journey:
    """What one patient's way through the service left behind."""

    patient_id: str
    recording: Recording
    voice: Voice
    session_id: str
    clear: steps.Said
    unsure: steps.Said
    silent: steps.Said
    note: list[dict[str, object]]


def _unsure_audio() -> Audio:
    """Real speech under so much noise that nobody should be sure of it."""
    clip = two_cities.held_out()[0].audio
    noise = np.random.default_rng(7).standard_normal(len(clip.samples)).astype(np.float32)
    level = float(np.sqrt(np.mean(clip.samples**2)))
    return measure.resample(Audio(clip.samples + noise * level * 1.2, clip.rate_hz), 16_000)


@pytest.fixture(scope="module")
def journey(service: Service) -> Journey:
    """Enrol the reading, build a voice (a short search), speak three times, draft the note."""
    with transaction() as session:
        clinician = create_account(session, "spine-clinician", "a long enough pass phrase", "clinician").id
    patient_id = steps.enrol_patient(NAME, clinician)
    recording = steps.wait_checked(steps.upload(patient_id, wav_bytes(two_cities.historic()), FILENAME))
    voice = steps.wait_built(steps.build(patient_id, [recording.id]), timeout_s=300)
    session_id = steps.open_session(patient_id)
    clear = steps.speak(patient_id, session_id, 1, measure.resample(two_cities.held_out()[3].audio, 16_000))
    unsure = steps.speak(patient_id, session_id, 2, _unsure_audio())
    silent = steps.speak(patient_id, session_id, 3, Audio(np.zeros(32_000, np.float32), 16_000))
    return Journey(patient_id, recording, voice, session_id, clear, unsure, silent, steps.draft(session_id, patient_id))


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
