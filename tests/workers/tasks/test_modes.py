"""As they said it, and interpreted: nothing that was made for one mode sounds in another; English never unasked."""

# pytest finds a fixture by the name of a parameter.
# ruff: noqa: F811

from __future__ import annotations

from typing import Any

import pytest

from clinic.database import transaction
from clinic.errors import PlainError
from clinic.events import get_stream
from clinic.learning import versions
from clinic.live import utterances
from clinic.live.tables import FAILED, NOTHING_HEARD, SPOKEN, UNSURE, LiveSession
from clinic.patients.tables import AS_SAID, INTERPRET, RESTORE, Patient
from clinic.vault import get_vault
from tests.workers.tasks.conftest import Hum
from tests.workers.tasks.test_ahead import SENTENCE, Bedside, Hears, bedside, row  # noqa: F401
from workers.contracts import Audio, Capabilities, Manner, Reading, Transcript, Voice, Word
from workers.tasks import learning, notes, speaking

SAID, ENGLISH = "Me duele mucho el pecho.", "My chest hurts a lot."


class Interprets(Hears):
    """Hears Spanish, and has English for its first reading, as the recogniser does."""

    english: str = ENGLISH

    def interpret(self, audio: Audio, language: str, *, sure_at: float = 0.7, into: str = "en") -> Transcript:
        assert (language, into) == ("es", "en")
        self.times += 1
        readings = (Reading(SAID, 0.97, self.english),) if self.english else ()
        gate = self.gate if readings else "no_english"
        return Transcript(SAID, (Word("Me", 0.1, 0.3, 0.97),), 0.97, language, readings, gate, 1.0)


@pytest.fixture
def spanish(bedside: Bedside, monkeypatch: pytest.MonkeyPatch) -> Bedside:
    """The same bedside, whose patient speaks Spanish: sure, and learned from, so that nothing else asks first."""
    from workers.tasks import rooms

    bedside.hears = Interprets()
    monkeypatch.setattr(rooms, "recogniser", lambda: bedside.hears)
    with transaction() as session:
        patient = session.get_one(Patient, bedside.patient_id)
        patient.language, patient.speech_mode, patient.asks_first = "es", INTERPRET, False
    return bedside


def told(bedside: Bedside, kind: str) -> dict[str, Any]:
    events = get_stream().read(f"session:{bedside.session_id}", bedside.patient_id, "", 0.0)
    return dict(next(event.event for event in events if event.event["type"] == kind))


def set_mode(bedside: Bedside, mode: str) -> None:
    with transaction() as session:
        session.get_one(Patient, bedside.patient_id).speech_mode = mode


@pytest.mark.parametrize(("mode", "in_place"), [(RESTORE, False), (AS_SAID, True)])
def test_how_it_is_said_is_how_it_was_set_whatever_the_patients_strength_and_pace(
    bedside: Bedside,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    in_place: bool,
) -> None:
    manners = manners_of(bedside.hum, monkeypatch)
    set_mode(bedside, mode)
    with transaction() as session:
        patient = session.get_one(Patient, bedside.patient_id)
        patient.manner_strength, patient.pace = 0.0, 0.8
    row_id = bedside.hears_turn(SENTENCE, "pause")
    bedside.work("live.restore")
    assert row(row_id).state == SPOKEN and row(row_id).speech_mode == mode
    (manner,) = manners
    assert (manner.performance is not None and manner.performance.in_place) is in_place
    assert manner.pace == (1.0 if in_place else 0.8)


def test_what_was_begun_in_one_mode_does_not_sound_in_another(bedside: Bedside) -> None:
    bedside.hears_turn(SENTENCE, "so_far")
    bedside.work("live.ahead")
    assert bedside.hum.said == ["Water, please."]
    utterances.choose_mode(bedside.session_id, AS_SAID, "tablet")
    row_id = bedside.hears_turn(SENTENCE, "pause")
    bedside.work("live.restore")
    assert row(row_id).speech_mode == AS_SAID
    assert bedside.hum.said == ["Water, please."] * 2  # made again
    assert bedside.heard().count("speech") == 1


def test_what_was_chosen_at_the_tablet_ends_with_its_session(bedside: Bedside) -> None:
    utterances.choose_mode(bedside.session_id, AS_SAID, "tablet")
    assert utterances.speech_mode(bedside.session_id)[0] == AS_SAID
    assert utterances.speech_mode(utterances.open_session(bedside.patient_id, "tablet"))[0] == RESTORE


def test_a_voice_that_cannot_follow_says_so_and_nothing_sounds(
    bedside: Bedside,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    able = Capabilities(("en",), 10.0, pace=False, pitch=False, manner=False, streaming=True)
    monkeypatch.setattr(bedside.hum, "capabilities", lambda: able)
    set_mode(bedside, AS_SAID)
    row_id = bedside.hears_turn(SENTENCE, "pause")
    bedside.work("live.restore")
    assert (row(row_id).state, row(row_id).error_code) == (FAILED, "cannot_follow")
    assert "speech" not in bedside.heard()


def test_english_is_shown_and_never_spoken_unasked_however_sure(spanish: Bedside) -> None:
    row_id = spanish.hears_turn(SENTENCE, "so_far")
    spanish.work("live.ahead")
    assert spanish.hum.said == []
    spanish.hears_turn(SENTENCE, "pause")
    spanish.work("live.restore")
    assert spanish.heard() == ["working", "unsure"] and spanish.hears.times == 1
    assert (row(row_id).state, row(row_id).gate) == (UNSURE, "interpreted")
    asked = told(spanish, "unsure")
    assert [(one["text"], one["english"]) for one in asked["readings"]] == [(SAID, ENGLISH)]


def test_what_is_touched_sounds_in_english_and_their_own_words_stay_the_record(spanish: Bedside) -> None:
    row_id = spanish.hears_turn(SENTENCE, "pause")
    spanish.work("live.restore")
    spanish.work("live.open_readings")
    assert spanish.hum.said == [ENGLISH]  # begun while they look at it
    utterances.choose(row_id, spanish.session_id, 0, "tablet")
    spanish.work("live.speak")
    assert spanish.hum.said == [ENGLISH] and row(row_id).state == SPOKEN
    vault, kept = get_vault(), row(row_id)
    assert vault.get_text(kept, "original_text_sealed") == SAID
    assert vault.get_text(kept, "spoken_text_sealed") == ENGLISH
    assert vault.get_json(kept, "transcript_sealed")["text"] == SAID
    record = notes._record(kept)
    assert (record.text, record.english, record.language) == (SAID, ENGLISH, "es")


def test_distress_is_read_in_the_language_that_was_spoken(spanish: Bedside) -> None:
    row_id = spanish.hears_turn(SENTENCE, "pause")
    spanish.work("live.restore")
    utterances.choose(row_id, spanish.session_id, 0, "tablet")
    spanish.work("live.speak")
    feeling = get_vault().get_json(row(row_id), "feeling_sealed")
    assert any("duele" in cue for cue in feeling["distress"]["cues"])
    assert not any("hurts" in cue for cue in feeling["distress"]["cues"])


def test_what_is_learned_from_a_choice_is_what_they_said_and_not_its_english(spanish: Bedside) -> None:
    row_id = spanish.hears_turn(SENTENCE, "pause")
    spanish.work("live.restore")
    utterances.choose(row_id, spanish.session_id, 0, "tablet")
    spanish.work("live.speak")
    with transaction() as session:
        assert versions.corrections(session, spanish.patient_id) == [row_id]
    version = type("Version", (), {"read_aloud_ids": [], "utterance_ids": [row_id], "patient_id": spanish.patient_id})
    assert [clip.text for clip in learning._sentences(version)] == [SAID]  # type: ignore[arg-type]


def test_what_cannot_be_put_into_english_is_said_so_and_its_distress_is_read(spanish: Bedside) -> None:
    spanish.hears.english = ""  # type: ignore[attr-defined]
    row_id = spanish.hears_turn(SENTENCE, "pause")
    spanish.work("live.restore")
    assert row(row_id).state == NOTHING_HEARD and row(row_id).distress is not None
    assert "could not put them into English" in told(spanish, "nothing_heard")["message"]
    assert get_vault().get_json(row(row_id), "transcript_sealed")["text"] == SAID


def test_a_reading_without_english_is_not_spoken_in_its_place(spanish: Bedside) -> None:
    row_id = spanish.hears_turn(SENTENCE, "pause")
    spanish.work("live.restore")
    with transaction() as session:
        kept = session.get_one(type(row(row_id)), row_id)
        transcript = get_vault().get_json(kept, "transcript_sealed")
        transcript["readings"][0]["english"] = ""
        get_vault().put(kept, "transcript_sealed", transcript)
    with pytest.raises(PlainError) as refused:
        utterances.choose(row_id, spanish.session_id, 0, "tablet")
    assert refused.value.code == "no_english"
    assert row(row_id).spoken_text_sealed is None and row(row_id).state == UNSURE


def test_another_language_does_not_sound_in_an_english_voice(bedside: Bedside) -> None:
    """Its row says Restore: a patient from before there were modes, or whose language was changed by hand."""
    with transaction() as session:
        session.get_one(Patient, bedside.patient_id).language = "es"
    row_id = bedside.hears_turn(SENTENCE, "pause")
    bedside.work("live.restore")
    assert (row(row_id).state, row(row_id).error_code) == (FAILED, "language_not_spoken")
    assert "speech" not in bedside.heard() and bedside.hum.said == []


def test_a_session_of_before_the_modes_goes_on(bedside: Bedside) -> None:
    row_id = bedside.hears_turn(SENTENCE, "pause")
    with transaction() as session:
        session.get_one(type(row(row_id)), row_id).speech_mode = None
        assert session.get_one(LiveSession, bedside.session_id).speech_mode is None
    bedside.work("live.restore")
    assert row(row_id).state == SPOKEN


def manners_of(hum: Hum, monkeypatch: pytest.MonkeyPatch) -> list[Manner]:
    """Keeps what the engine is asked for."""
    manners: list[Manner] = []
    say = hum.say

    def keep(text: str, voice: Voice, manner: Manner | None = None, **options: Any) -> Any:
        assert manner is not None
        manners.append(manner)
        return say(text, voice, manner, **options)

    monkeypatch.setattr(hum, "say", keep)
    assert speaking  # the tasks ask the engine through it
    return manners
