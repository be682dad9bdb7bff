"""Whether somebody near speaks: the arithmetic, whose weights it belongs to, and what the shipped head hears."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench import nothing, two_cities
from bench.impair import impair
from bench.measure import resample
from workers import models
from workers.activity import speech_spans
from workers.contracts import Audio
from workers.understand import speech_head
from workers.understand.speech_head import FRAMES, SpeechHead

if TYPE_CHECKING:
    from workers.understand.recogniser import Recogniser


def made(width: int = 3) -> SpeechHead:
    """Scores a frame by its first number, less one."""
    one = np.zeros((width, 1), np.float32)
    one[0] = 1
    return SpeechHead(one, np.zeros(1, np.float32), np.ones(1, np.float32), np.float32([-1]), "base")


def test_one_short_word_among_long_noise_is_speech() -> None:
    frames = np.zeros((500, 3), np.float32)
    assert made().score(frames) == -1
    frames[200 : 200 + FRAMES, 0] = 3
    assert made().score(frames) == pytest.approx(2.0)
    assert made().score(frames[::-1]) == pytest.approx(2.0)


def test_a_click_is_not_and_nothing_never_is() -> None:
    frames = np.zeros((500, 3), np.float32)
    frames[200, 0] = 3
    assert made().score(frames) < 0
    assert made().score(frames[:0]) == -np.inf


def test_it_belongs_to_the_weights_that_are_served_and_to_no_others() -> None:
    files = models.manifest().artefacts["whisper-base"].files
    served = next(file.sha256 for file in files if file.path == "model.bin")
    head = speech_head.belonging_to(served)
    assert head is not None and head.base == served and len(head.hidden) == 512
    assert speech_head.belonging_to(served[::-1]) is None


@pytest.fixture(scope="module")
def ward() -> list[Audio]:
    """Pieces of a ward without a word in it, in which Silero hears speech all the same."""
    chance = np.random.default_rng(5)
    sound = nothing.ward(60.0, nothing.murmurers(None), chance) * 0.02
    pieces = nothing.held(Audio(sound.astype(np.float32), 16_000), seed=5)
    return [piece for piece in pieces if speech_spans(piece)]


def test_a_ward_puts_no_words_on_the_screen(recogniser: Recogniser, ward: list[Audio]) -> None:
    assert len(ward) >= 3
    heard = [recogniser.transcribe(piece) for piece in ward]
    assert [(one.gate, one.readings) for one in heard] == [("no_words", ())] * len(ward)
    assert all(one.speech_s > 0 for one in heard)


@pytest.fixture
def raised(learned: Recogniser, monkeypatch: pytest.MonkeyPatch) -> Recogniser:
    """Of a patient whose adapter lets wards score higher, as adapters do."""
    head = learned.speech_head
    assert head is not None
    monkeypatch.setattr(learned, "speech_head", replace(head, out_bias=head.out_bias + 2))
    return learned


def test_what_was_learned_of_a_patient_puts_no_ward_on_the_screen(
    raised: Recogniser, ward: list[Audio], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [raised.transcribe(piece).gate for piece in ward] == ["no_words"] * len(ward)
    monkeypatch.setattr(raised, "_everybodys", None)
    assert any(raised.transcribe(piece).readings for piece in ward)


def test_who_clearly_speaks_does_not_wait_for_everybodys(
    raised: Recogniser, recogniser: Recogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recogniser, "_near_alone", None)
    said = resample(two_cities.enrolment()[0].audio, 16_000)
    assert raised.transcribe(said).readings


@pytest.mark.parametrize("severity", ["clean", "severe"])
def test_short_words_are_heard(recogniser: Recogniser, severity: str) -> None:
    for clip in two_cities.enrolment()[:6]:
        word = Audio(clip.audio.samples[: round(0.9 * clip.audio.rate_hz)], clip.audio.rate_hz)
        said = resample(impair(word, severity, seed=2), 16_000)
        assert recogniser.speech_head is not None and recogniser.transcribe(said).readings


def test_with_other_weights_everything_is_decoded(
    recogniser: Recogniser, ward: list[Audio], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recogniser, "speech_head", None)
    assert recogniser.transcribe(ward[0]).gate != "no_words"
