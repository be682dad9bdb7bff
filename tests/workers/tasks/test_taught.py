"""Taught phrases among what may have been said: where they stand, that none is spoken unasked, and what is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from bench import two_cities
from clinic.database import new_id, transaction
from clinic.learning import phrases as phrase_room
from clinic.learning import tables as t
from clinic.learning.tables import Phrase, PhraseExample
from clinic.patients import consents
from clinic.vault import VaultError, get_vault
from workers.contracts import Audio, FloatArray, Reading, SpokenError, Transcript
from workers.tasks import learning, rooms, taught
from workers.tasks.sound import wav_bytes
from workers.understand.phrases import Match, Near

SPEECH = two_cities.held_out()[3].audio
TEXTS = ("Turn me over, please.", "Water.", "I am cold.", "Call my wife.", "The pillow.")


@dataclass
class Ear:
    """Everybody's recogniser, as far as phrases need it."""

    asked: list[float] = field(default_factory=list)

    def features(self, audio: Audio) -> FloatArray:
        self.asked.append(audio.duration_s)
        return np.full((50, 8), float(len(self.asked)), np.float32)


@dataclass
class Matches:
    """In place of the matching."""

    match_: Match
    made: list[dict[str, list[FloatArray]]] = field(default_factory=list)

    def match(self, features: FloatArray) -> Match:
        return self.match_


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Ear:
    made = Ear()
    monkeypatch.setattr(rooms, "recogniser", lambda: made)
    rooms._taught.clear()
    return made


@pytest.fixture
def phrase_ids(patient_id: str, ear: Ear) -> list[str]:
    """Five phrases, taught twice each."""
    vault = get_vault()
    ids: list[str] = []
    for text in TEXTS:
        with transaction() as session:
            row = Phrase(id=new_id(), patient_id=patient_id)
            vault.put(row, "text_sealed", text)
            session.add(row)
            session.flush()
            examples = [
                PhraseExample(
                    id=new_id(), patient_id=patient_id, phrase_id=row.id,
                    blob_id=vault.put_blob(patient_id, wav_bytes(SPEECH)),
                )
                for _ in range(2)
            ]  # fmt: skip
            session.add_all(examples)
            ids.append(row.id)
        for example in examples:
            learning.check_phrase(example.id)
    return ids


def heard(text: str = "Something else.", gate: str | None = None) -> Transcript:
    readings = (Reading(text, 0.8), Reading("Another thing.", 0.1), Reading("A third.", 0.05))
    return Transcript(text, (), 0.8, "en", readings, gate, 1.0)


Said = Callable[..., Transcript]


@pytest.fixture
def said(patient_id: str, phrase_ids: list[str], monkeypatch: pytest.MonkeyPatch) -> Said:
    """What comes of an utterance whose nearest phrase is the first, accepted or not."""

    def say(accepted: bool, transcript: Transcript, learned: bool = False) -> Transcript:
        near = tuple(Near(one, 0.9 if place == 0 and accepted else 0.3) for place, one in enumerate(phrase_ids[:3]))
        match = Match(phrase_ids[0] if accepted else None, near[0].probability, near)
        monkeypatch.setattr(rooms, "phrases", lambda *_: Matches(match))
        return taught.with_taught(patient_id, SPEECH, transcript, learned=learned)

    return say


def texts(transcript: Transcript) -> list[str]:
    return [reading.text for reading in transcript.readings]


def test_one_that_matches_comes_first_and_is_asked_for(said: Said) -> None:
    found = said(True, heard())
    assert texts(found) == [TEXTS[0], "Something else.", "Another thing."] and found.gate == "taught_phrase"


def test_words_that_say_the_same_are_enough_for_both(said: Said) -> None:
    found = said(True, heard("turn me over please"))
    assert found.gate is None and texts(found)[0] == TEXTS[0] and len({text.lower() for text in texts(found)}) == 3


@pytest.mark.parametrize(("learned", "place"), [(False, 0), (True, 1)])
def test_the_nearest_is_offered_in_any_case(said: Said, learned: bool, place: int) -> None:
    found = said(False, heard(), learned)
    assert texts(found)[place] == TEXTS[0] and found.gate is None


@pytest.mark.parametrize("gate", ["no_speech", "too_short"])
def test_where_nobody_spoke_nothing_is_offered(said: Said, gate: str) -> None:
    silent = Transcript("", (), 0.0, "en", (), gate, 0.0)
    assert said(True, silent) is silent


def test_a_sound_without_words_is_a_phrase_only_if_it_matches(said: Said) -> None:
    wordless = Transcript("", (), 0.0, "en", (), "no_words", 1.0)
    assert said(False, wordless) is wordless
    found = said(True, wordless)
    assert texts(found)[0] == TEXTS[0] and found.gate == "taught_phrase"


def test_another_gate_stays_closed(said: Said) -> None:
    assert said(True, heard(gate="looping")).gate == "looping"


def test_without_consent_nothing_is_compared(said: Said, patient_id: str) -> None:
    with transaction() as session:
        consents.withdraw(session, "system", patient_id, "learn_corrections")
    assert texts(said(True, heard())) == ["Something else.", "Another thing.", "A third."]


def test_what_is_compared_with_is_sealed_and_goes_with_the_phrase(
    patient_id: str, phrase_ids: list[str], ear: Ear
) -> None:
    with transaction() as session:
        rows = phrase_room.phrases_of(session, patient_id)
        (example, _) = next(one for one in rows if one.row.id == phrase_ids[0]).examples
        features = example.features_blob_id
    assert example.state == t.CHECKED and features and len(ear.asked) == 10
    with transaction() as session:
        phrase_room.remove(session, "system", phrase_ids[0])
    with pytest.raises(VaultError) as gone:
        get_vault().get_blob(patient_id, features)
    assert gone.value.code == "blob_missing"


def test_the_features_of_other_weights_and_missing_ones_are_made_again(
    patient_id: str, phrase_ids: Sequence[str], ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction() as session:
        (lost, kept) = next(one for one in phrase_room.phrases_of(session, patient_id)).examples
        session.get_one(PhraseExample, lost.id).features_blob_id = None  # a worker died between check and features
    ear.asked.clear()
    taught._features(patient_id, kept)
    assert ear.asked == []
    with transaction() as session:
        taught._features(patient_id, session.get_one(PhraseExample, lost.id))
    assert len(ear.asked) == 1
    monkeypatch.setattr(rooms, "recognition_weights", lambda: "whisper-base@other")
    taught._features(patient_id, kept)
    with transaction() as session:
        again = session.get_one(PhraseExample, kept.id)
    assert len(ear.asked) == 2 and again.features_blob_id != kept.features_blob_id
    taught._features(patient_id, again)
    assert len(ear.asked) == 2


def test_too_few_phrases_are_not_listened_for(patient_id: str, ear: Ear) -> None:
    before = heard()
    assert taught.with_taught(patient_id, SPEECH, before, learned=False) is before and ear.asked == []


def test_a_matching_that_fails_costs_nothing(said: Said, patient_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise SpokenError("foreign_features", "Learn them anew.")

    monkeypatch.setattr(rooms, "phrases", fail)
    before = heard()
    assert taught.with_taught(patient_id, SPEECH, before, learned=False) is before
