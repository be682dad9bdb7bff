"""What is measured is what was put in, and what cannot be measured is said to be unknown."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from tests.workers.feel.conftest import Said, words_of
from workers.contracts import Audio, Word
from workers.feel import summary
from workers.feel.prosody import measure
from workers.wording.syllables import count_syllables

RATE_HZ = 16_000


def vowel(f0_hz: float, duration_s: float, level: float = 0.1) -> np.ndarray:
    """A buzz with falling harmonics and a little noise, as a voice has."""
    time_s = np.arange(int(duration_s * RATE_HZ)) / RATE_HZ
    buzz = sum(np.sin(2 * np.pi * f0_hz * k * time_s) / k**1.5 for k in range(1, 20))
    noise = 0.01 * np.random.default_rng(1).standard_normal(len(time_s))
    return (level * (buzz + noise)).astype(np.float32)


def silence(duration_s: float) -> np.ndarray:
    return np.zeros(int(duration_s * RATE_HZ), np.float32)


@pytest.mark.parametrize("f0_hz", [85.0, 120.0, 210.0, 330.0])
def test_pitch_is_the_one_put_in_with_no_octave_error(f0_hz: float) -> None:
    prosody = measure(Audio(vowel(f0_hz, 1.0), RATE_HZ), ())
    assert prosody.f0_median_hz == pytest.approx(f0_hz, rel=0.01)
    voiced = prosody.f0_hz[prosody.f0_hz > 0]
    assert np.all(np.abs(np.log2(voiced / f0_hz)) < 0.5)
    assert prosody.f0_spread_semitones < 0.2
    assert prosody.jitter < 0.01
    assert prosody.hnr_db > 15


def test_pauses_pace_and_articulation() -> None:
    sound = np.concatenate(
        [silence(0.5), vowel(120, 1.0), silence(0.6), vowel(120, 1.0), silence(0.1), vowel(120, 0.5)]
    )
    words = [Word("one two three", 0.5, 1.5, 1.0), Word("four five six", 2.1, 3.7, 1.0)]  # six syllables
    prosody = measure(Audio(sound, RATE_HZ), words)
    assert len(prosody.pauses) == 1  # 0.1 s is a stop consonant's, not a pause; silence at the ends is none
    start, end = prosody.pauses[0]
    assert (start, end) == (pytest.approx(1.5, abs=0.05), pytest.approx(2.1, abs=0.05))
    assert prosody.rate_syllables_s == pytest.approx(6 / 3.2, rel=0.05)
    assert prosody.articulation_syllables_s == pytest.approx(6 / 2.6, rel=0.05)


def test_a_bang_after_the_last_word_is_no_speech() -> None:
    sound = np.concatenate([vowel(120, 1.0), silence(1.5), vowel(60, 0.1, 0.3)])
    prosody = measure(Audio(sound, RATE_HZ), [Word("hello", 0.0, 1.0, 1.0)])
    assert prosody.pauses == ()


def test_twice_the_amplitude_is_six_decibels_and_nothing_else() -> None:
    one, two = (measure(Audio(vowel(150, 1.0, level), RATE_HZ), ()) for level in (0.05, 0.1))
    assert two.energy_median_db - one.energy_median_db == pytest.approx(6.02, abs=0.05)
    assert two.f0_median_hz == pytest.approx(one.f0_median_hz, rel=0.002)
    assert two.tilt_db_octave == pytest.approx(one.tilt_db_octave, abs=0.1)


@pytest.mark.parametrize(
    "samples",
    [silence(0), silence(0.01), silence(1.0), np.full(RATE_HZ, 0.3, np.float32), np.full(RATE_HZ, np.nan, np.float32)],
    ids=["empty", "10 ms", "silence", "constant", "nan"],
)
def test_no_voice_measures_nothing_and_invents_nothing(samples: np.ndarray) -> None:
    prosody = measure(Audio(samples, RATE_HZ), ())
    assert math.isnan(prosody.f0_median_hz)
    assert math.isnan(prosody.rate_syllables_s)
    assert math.isnan(prosody.jitter)
    assert len(prosody.f0_hz) == len(prosody.energy_db)
    assert not prosody.f0_hz.any()


def test_a_whisper_has_energy_and_no_pitch() -> None:
    noise = 0.05 * np.random.default_rng(3).standard_normal(RATE_HZ).astype(np.float32)
    noise[:3000] = noise[-3000:] = 0
    prosody = measure(Audio(noise, RATE_HZ), [Word("hello", 0.2, 0.8, 0.5)])
    assert prosody.voiced_share < 0.1
    assert math.isfinite(prosody.energy_median_db)
    assert prosody.rate_syllables_s > 0


def test_clipping_leaves_the_pitch(calm: list[Said]) -> None:
    clear = calm[4]
    clipped = Audio(np.clip(clear.audio.samples * 50, -1, 1), RATE_HZ)
    prosody = measure(clipped, words_of(clear.text, clipped.duration_s))
    assert prosody.f0_median_hz == pytest.approx(clear.prosody.f0_median_hz, rel=0.1)


def test_a_human_reader_measures_like_one(calm: list[Said]) -> None:
    for one in calm:
        assert 80 < one.prosody.f0_median_hz < 250
        assert 2.5 < one.prosody.articulation_syllables_s < 9
        assert 0.3 < one.prosody.voiced_share <= 1
        assert -15 < one.prosody.tilt_db_octave < 0


def test_the_summary_is_plain_small_and_comes_back(calm: list[Said]) -> None:
    stored = summary.to_json(calm[14].prosody)
    text = json.dumps(stored, allow_nan=False)
    assert len(text) < 3000
    back = summary.from_json(json.loads(text))
    assert back.f0_median_hz == pytest.approx(calm[14].prosody.f0_median_hz, rel=1e-4)
    assert np.asarray(back.pauses) == pytest.approx(np.asarray(calm[14].prosody.pauses), abs=0.01)
    nothing = summary.from_json(json.loads(json.dumps(summary.to_json(measure(Audio(silence(1), RATE_HZ), ())))))
    assert math.isnan(nothing.f0_median_hz)


def test_a_long_utterance_is_kept_small() -> None:
    long = measure(Audio(np.tile(vowel(120, 1.0), 180), RATE_HZ), ())
    assert len(summary.to_json(long)["f0_hz"]) <= 1200


@pytest.mark.parametrize(
    ("text", "syllables"),
    [
        ("it was the best of times", 6),
        ("foolishness", 3),
        ("incredulity", 5),
        ("superlative", 4),
        ("I can't breathe", 3),
        ("I couldn't", 3),
        ("called", 1),
        ("needed", 2),
        ("table", 2),
        ("please", 1),
        ("hospital medication", 7),
        ("7", 2),
        ("", 0),
        ("?!", 0),
    ],
)
def test_syllables(text: str, syllables: int) -> None:
    assert count_syllables(text) == syllables
