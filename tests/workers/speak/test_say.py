"""Speech in a fitted voice: the right words, in pieces, steerable; and never in another voice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench import measure
from workers import models
from workers.contracts import Audio, Manner, SpokenError, Stopped, Voice
from workers.feel import prosody
from workers.speak.kokoro import KokoroEngine

TEXT = "Good morning, doctor. I slept badly, and my left arm hurts."
SHORT = "Please call my daughter."


def _say(engine: KokoroEngine, text: str, voice: Voice, manner: Manner | None = None) -> Audio:
    return measure.joined([speech.audio for speech in engine.say(text, voice, manner)])


def _f0_median_hz(audio: Audio) -> float:
    return prosody.measure(measure.resample(audio, 16_000), ()).f0_median_hz


@pytest.fixture(scope="module")
def plain(engine: KokoroEngine, voice: Voice) -> Audio:
    """The short sentence in the voice's own manner."""
    return _say(engine, SHORT, voice)


def test_the_words_that_were_to_be_spoken_are_heard(engine: KokoroEngine, voice: Voice) -> None:
    from workers.understand.recogniser import Recogniser

    spoken = list(engine.say(TEXT, voice))
    assert [piece.last for piece in spoken][-1] is True and not any(piece.last for piece in spoken[:-1])
    assert " ".join(piece.text for piece in spoken) == TEXT
    heard = Recogniser(models.path("whisper-base")).transcribe(measure.joined([piece.audio for piece in spoken])).text
    assert measure.word_error_rate([TEXT], [heard]) <= 1 / 11


def test_sound_is_24_khz_loud_enough_and_not_clipped(plain: Audio) -> None:
    assert plain.rate_hz == 24_000
    assert 0.05 < np.abs(plain.samples).max() < 0.95
    assert np.isfinite(plain.samples).all()


def test_the_voice_has_the_pitch_of_the_patient(plain: Audio, voice: Voice) -> None:
    assert _f0_median_hz(plain) == pytest.approx(voice.measures["f0_median_hz"], rel=0.25)


def test_manner_moves_pitch_pace_and_loudness(engine: KokoroEngine, voice: Voice, plain: Audio) -> None:
    moved = _say(engine, SHORT, voice, Manner(pace=0.7, pitch_semitones=4.0, gain_db=-12.0))
    assert _f0_median_hz(moved) > 1.12 * _f0_median_hz(plain)
    assert moved.duration_s > 1.15 * plain.duration_s
    assert np.sqrt(np.mean(moved.samples**2)) < 0.5 * np.sqrt(np.mean(plain.samples**2))


@pytest.mark.parametrize("change", [{"revision": "0" * 16}, {"model": "kokoro-90m"}, {"engine": "other"}])
def test_a_voice_of_another_model_is_refused_and_nothing_sounds(
    engine: KokoroEngine, voice: Voice, change: dict[str, str]
) -> None:
    with pytest.raises(SpokenError) as refused:
        next(engine.say(SHORT, replace(voice, **change)))
    assert refused.value.code == "wrong_voice"


@pytest.mark.parametrize("text", ["", "   ", "😀 😀", "…", "\x00\x07", "<break time='1s'/>", "水", "word " * 1_000])
def test_what_cannot_be_spoken_is_said_plainly_and_nothing_sounds(
    engine: KokoroEngine, voice: Voice, text: str
) -> None:
    with pytest.raises(SpokenError) as refused:
        next(engine.say(text, voice))
    assert refused.value.code in ("nothing_to_say", "other_script", "text_too_long")


def test_cancelling_stops_before_the_next_clause(engine: KokoroEngine, voice: Voice) -> None:
    heard: list[str] = []
    pieces = engine.say("Yes, I know. This is never said.", voice, cancelled=lambda: bool(heard))
    heard.append(next(pieces).text)
    with pytest.raises(Stopped):
        next(pieces)
    assert heard == ["Yes, I know."]
