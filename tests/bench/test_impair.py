"""The simulated impairment does to speech what its recipe says, the same way every time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from faster_whisper import WhisperModel

from bench import two_cities
from bench.impair import RECIPES, SEVERITIES, Recipe, apply, impair
from bench.impair_wer import simulated_wer
from bench.measure import resample
from workers.contracts import Audio, SpokenError
from workers.feel.prosody import measure


@pytest.fixture(scope="module")
def clear() -> Audio:
    return resample(two_cities.held_out()[1].audio, 16_000)


def test_the_same_seed_gives_the_same_sound_and_another_seed_another(clear: Audio) -> None:
    one, again, other = impair(clear, "moderate", 1), impair(clear, "moderate", 1), impair(clear, "moderate", 2)
    np.testing.assert_array_equal(one.samples, again.samples)
    assert len(one.samples) != len(other.samples) or not np.array_equal(one.samples, other.samples)


def test_clean_is_the_recording_itself(clear: Audio) -> None:
    assert impair(clear, "clean", 1) is clear


def test_each_severity_is_slower_flatter_and_quieter_than_the_one_before(clear: Audio) -> None:
    measured = [measure(impair(clear, severity, 3), ()) for severity in SEVERITIES]
    for milder, harder in pairwise(measured):
        assert harder.duration_s > milder.duration_s
        assert harder.f0_spread_semitones < milder.f0_spread_semitones
        assert harder.energy_median_db < milder.energy_median_db
        assert harder.f0_median_hz == pytest.approx(milder.f0_median_hz, rel=0.15)  # the same person


def test_rate_alone_changes_only_the_length(clear: Audio) -> None:
    slowed = apply(clear, Recipe(slowing=1.5), 1)
    assert slowed.duration_s == pytest.approx(1.5 * clear.duration_s, rel=0.02)
    assert measure(slowed, ()).f0_median_hz == pytest.approx(measure(clear, ()).f0_median_hz, rel=0.05)


def test_pauses_are_put_in(clear: Audio) -> None:
    paused = measure(apply(clear, Recipe(pauses_per_s=1.0, pause_s=0.6), 5), ()).pauses
    assert len(paused) > len(measure(clear, ()).pauses)


@pytest.mark.parametrize("severity", ["mild", "severe"])
@pytest.mark.parametrize("sound", ["silence", "noise", "clipped"])
def test_odd_sound_is_no_crash_and_stays_in_range(severity: str, sound: str, clear: Audio) -> None:
    samples = {
        "silence": np.zeros(16_000, np.float32),
        "noise": np.random.default_rng(1).uniform(-1, 1, 16_000).astype(np.float32),
        "clipped": np.clip(clear.samples[:16_000] * 100, -1, 1),
    }[sound]
    out = impair(Audio(samples, 16_000), severity, 1)
    assert np.isfinite(out.samples).all()
    assert np.abs(out.samples).max() <= 1.0


def test_what_it_cannot_do_it_says(clear: Audio) -> None:
    with pytest.raises(SpokenError, match="mild"):
        impair(clear, "terrible", 1)
    with pytest.raises(SpokenError) as told:
        impair(Audio(np.zeros(100, np.float32), 16_000), "mild", 1)
    assert told.value.code == "too_short"


def test_the_recogniser_finds_each_severity_harder(whisper: WhisperModel) -> None:
    clips = two_cities.held_out()
    mild, moderate, severe = (simulated_wer(whisper, clips, severity, [1]) for severity in list(RECIPES)[1:])
    assert mild < 0.25
    assert mild < moderate < severe
    assert severe > 0.6
