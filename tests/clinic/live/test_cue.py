"""Whoever stands near the tablet is told that the voice is made, as the installation sets it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from flask import Flask

from clinic.settings import get_settings
from tests.clinic.pages import Visitor
from workers.contracts import Audio, Manner, Speech, Voice
from workers.speak.cue import led_by_tone
from workers.tasks import rooms, speaking

WORDS = Audio(np.full(12_000, 0.1, np.float32), 24_000)


@pytest.fixture
def set_cue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Sets SAMEVOICE_SYNTHETIC_CUE."""

    def to(value: str) -> None:
        monkeypatch.setenv("SAMEVOICE_SYNTHETIC_CUE", value)
        get_settings.cache_clear()

    yield to
    monkeypatch.undo()
    get_settings.cache_clear()


def test_the_tone_is_short_soft_and_ends_in_silence() -> None:
    led = led_by_tone(WORDS)
    tone = led.samples[: len(led.samples) - len(WORDS.samples)]
    assert 0.3 < len(tone) / 24_000 < 0.5 and 0.01 < np.abs(tone).max() < 0.06
    assert np.abs(np.diff(led.samples[: len(tone)])).max() < 0.02  # no click
    np.testing.assert_array_equal(led.samples[len(tone) :], WORDS.samples)


@pytest.mark.parametrize(("cue", "there"), [("visible", True), ("tone", True), ("none", False)])
def test_the_tablet_shows_a_label_unless_it_is_set_off(
    web: Flask, clinician: Visitor, patient_id: str, set_cue: Any, cue: str, there: bool
) -> None:
    set_cue(cue)
    page = clinician.post(f"/patients/{patient_id}/tablets").text
    tablet = Visitor(web.test_client())
    tablet.sign_in(*re.findall(r"<dd>([^<]+)</dd>", page)[:2])
    assert ("Restored voice, made by a computer" in tablet.get("/tablet").text) is there


@pytest.mark.parametrize(
    ("cue", "spoken_before", "led"),
    [("tone", False, True), ("tone", True, False), ("visible", False, False), ("none", False, False)],
)
def test_a_tone_comes_before_the_first_words_of_a_session_alone(
    monkeypatch: pytest.MonkeyPatch, home: object, set_cue: Any, cue: str, spoken_before: bool, led: bool
) -> None:
    set_cue(cue)
    voice = Voice("kokoro", "m", "r", {}, {})
    kept: list[Audio] = []

    @contextmanager
    def nothing() -> Iterator[None]:
        yield None

    spoken = [Speech("One.", WORDS, False), Speech("Two.", WORDS, True)]
    patient = SimpleNamespace(manner_strength=0.6, pace=1.0, language="en", speech_mode="restore")
    monkeypatch.setattr(speaking, "transaction", nothing)
    monkeypatch.setattr(speaking.sealed, "patient_of", lambda *_: patient)
    monkeypatch.setattr(speaking.sealed, "consents", lambda *_: {"speak_for_me", "keep_voice"})
    monkeypatch.setattr(speaking.sealed, "open_voice", lambda *_: ("v", voice))
    monkeypatch.setattr(speaking.sealed, "pronunciations", lambda *_: {})
    monkeypatch.setattr(speaking.listen, "manner_for", lambda *_: Manner())
    monkeypatch.setattr(speaking, "_spoken_before", lambda *_: spoken_before)
    monkeypatch.setattr(speaking, "_keep", lambda _id, audio, *_: kept.append(audio))
    engine = SimpleNamespace(
        say=lambda *_, **__: (one for one in spoken), capabilities=lambda: SimpleNamespace(languages=("en",))
    )
    monkeypatch.setattr(rooms, "engine_of", lambda _: engine)
    monkeypatch.setattr(rooms, "watermark", lambda: SimpleNamespace(mark=lambda audio: audio))
    row: Any = SimpleNamespace(speech_mode="restore", id="u", patient_id="p", session_id="s", ended_at=speaking.now())
    heard: Any = SimpleNamespace(audio=WORDS, measured=None, transcript=SimpleNamespace(words=()))
    speaking.say(row, "One. Two.", heard, lambda *_: None)
    assert (len(kept[0].samples) > 2 * len(WORDS.samples)) is led


def test_only_a_session_that_sounded_has_had_its_tone(patient_id: str) -> None:
    from bench.steps import open_session
    from clinic.database import new_id, now, transaction
    from clinic.live.tables import SPOKEN, UNSURE, Utterance

    one, other = open_session(patient_id), open_session(patient_id)
    for number, (session_id, state) in enumerate([(one, UNSURE), (other, SPOKEN)]):
        with transaction() as session:
            row = Utterance(
                id=new_id(), patient_id=patient_id, session_id=session_id, number=number, ended_at=now(),
                duration_s=1.0, audio_blob_id="b", state=state,
            )  # fmt: skip
            session.add(row)
            session.flush()
            assert speaking._spoken_before(session, row) is (state == SPOKEN)
