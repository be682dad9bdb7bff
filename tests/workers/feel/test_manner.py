"""What is carried over is today's difference from the patient's usual, never the impairment, and never too far."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.feel.test_distress import A_PROSODY, OWN
from workers.contracts import Audio, Baseline, Manner, Word
from workers.feel import baseline
from workers.feel.manner import GAIN_MOST_DB, PACE_MOST, PITCH_MOST_SEMITONES, RANGE_MOST, as_said, carry_over

LIVELY = replace(
    A_PROSODY,
    f0_median_hz=120 * 2 ** (2 / 12),
    f0_spread_semitones=2.4,
    rate_syllables_s=4.8,
    energy_median_db=-27.0,
)


def test_ones_usual_changes_nothing_however_impaired_it_is() -> None:
    slow = replace(A_PROSODY, rate_syllables_s=1.2, f0_spread_semitones=0.4, energy_median_db=-48.0)
    own = baseline.build([baseline.features(slow)] * 10)
    manner = carry_over(slow, own)
    assert (manner.pace, manner.pitch_semitones, manner.pitch_range, manner.gain_db) == pytest.approx((1, 0, 1, 0))


def test_todays_difference_is_carried_over_in_its_own_units() -> None:
    manner = carry_over(LIVELY, OWN)
    assert manner.pace == pytest.approx(1.2)
    assert manner.pitch_semitones == pytest.approx(2.0)
    assert manner.pitch_range == pytest.approx(1.2)
    assert manner.gain_db == pytest.approx(3.0)


def test_strength_scales_it_down_to_none() -> None:
    assert carry_over(LIVELY, OWN, strength=0.0) == Manner()
    half = carry_over(LIVELY, OWN, strength=0.5)
    assert half.pitch_semitones == pytest.approx(1.0)
    assert half.pace == pytest.approx(1.2**0.5)


@pytest.mark.parametrize("nothing_known", [None, Baseline({}, {}, 0)])
def test_no_baseline_is_neutral(nothing_known: Baseline | None) -> None:
    assert carry_over(LIVELY, nothing_known) == Manner()


def test_a_young_baseline_carries_its_share() -> None:
    assert carry_over(LIVELY, replace(OWN, count=1)).pitch_semitones == pytest.approx(0.4)


def test_what_cannot_be_measured_is_neutral() -> None:
    whispered = replace(LIVELY, f0_median_hz=float("nan"), f0_spread_semitones=float("nan"))
    manner = carry_over(whispered, OWN)
    assert (manner.pitch_semitones, manner.pitch_range) == (0.0, 1.0)
    assert manner.pace == pytest.approx(1.2)


def test_a_voice_at_the_edge_of_its_range_is_not_pushed_over_it() -> None:
    assert carry_over(LIVELY, OWN, {"f0_median_hz": 390.0}).pitch_semitones == pytest.approx(0.438, abs=0.01)


@settings(max_examples=80, deadline=None)
@given(st.floats(40, 700), st.floats(0.01, 20), st.floats(0.1, 30), st.floats(-90, 0), st.floats(-1, 3))
def test_it_never_goes_too_far(f0_hz: float, spread: float, rate: float, level: float, strength: float) -> None:
    wild = replace(
        A_PROSODY, f0_median_hz=f0_hz, f0_spread_semitones=spread, rate_syllables_s=rate, energy_median_db=level
    )
    manner = carry_over(wild, OWN, strength=strength)
    assert 1 / PACE_MOST - 1e-9 <= manner.pace <= PACE_MOST + 1e-9
    assert abs(manner.pitch_semitones) <= PITCH_MOST_SEMITONES
    assert 1 / RANGE_MOST - 1e-9 <= manner.pitch_range <= RANGE_MOST + 1e-9
    assert abs(manner.gain_db) <= GAIN_MOST_DB


def test_as_said_is_all_of_today_whatever_is_usual_and_however_little_is_known() -> None:
    words = (Word("yes", 0.1, 0.4, 0.9),)
    sound = Audio(np.zeros(16_000, np.float32), 16_000)
    for known in (None, Baseline({}, {}, 0), replace(OWN, count=1)):
        how = as_said(LIVELY, sound, words, known)
        performance = how.performance
        assert performance is not None and performance.in_place
        assert (how.pace, performance.tempo, performance.closeness) == (1.0, 1.0, 1.0)
        assert (performance.pauses_kept, performance.strength) == (1.0, 1.0)
    assert as_said(LIVELY, sound, (), OWN) == Manner()


@settings(max_examples=40, deadline=None)
@given(st.floats(40, 700), st.floats(-90, 0))
def test_as_said_stays_within_the_voice(f0_hz: float, level: float) -> None:
    sound = Audio(np.zeros(16_000, np.float32), 16_000)
    wild = replace(A_PROSODY, f0_median_hz=f0_hz, energy_median_db=level)
    how = as_said(wild, sound, (Word("yes", 0.1, 0.4, 0.9),), OWN)
    assert abs(how.pitch_semitones) <= PITCH_MOST_SEMITONES and abs(how.gain_db) <= GAIN_MOST_DB
