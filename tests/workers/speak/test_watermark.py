"""A mark is read back from what was marked, also over a telephone; it is not found where there is none."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from bench import two_cities
from workers.contracts import Audio
from workers.speak.watermark import Watermark


@pytest.fixture(scope="module")
def watermark() -> Watermark:
    """The real network; opening it is what costs."""
    return Watermark()


@pytest.fixture(scope="module")
def human() -> Audio:
    """Three seconds of the human reading, at the rate that speech is made in."""
    reading = two_cities.historic()
    samples = np.asarray(soxr.resample(reading.samples, reading.rate_hz, 24_000), np.float32)
    return Audio(samples[24_000 : 4 * 24_000], 24_000)


def test_a_person_is_not_taken_for_synthetic(watermark: Watermark, human: Audio) -> None:
    assert not watermark.detect(human).detected


@pytest.mark.parametrize("rate_hz", [48_000, 24_000, 8_000])
def test_a_mark_is_read_back_at_any_rate_also_after_a_telephone(
    watermark: Watermark, human: Audio, rate_hz: int
) -> None:
    marked = watermark.mark(human)
    heard = np.asarray(soxr.resample(marked.samples, 24_000, rate_hz), np.float32)
    assert watermark.detect(Audio(heard, rate_hz)).detected


def test_marking_keeps_length_rate_and_sound(watermark: Watermark, human: Audio) -> None:
    marked = watermark.mark(human)
    assert marked.rate_hz == human.rate_hz and marked.samples.shape == human.samples.shape
    added = marked.samples - human.samples
    assert 10 * np.log10(np.mean(human.samples**2) / np.mean(added**2)) > 12
    assert np.abs(marked.samples).max() <= 1.0


def test_a_clause_of_a_tenth_of_a_second_can_be_marked(watermark: Watermark, human: Audio) -> None:
    short = Audio(human.samples[:2_400], 24_000)
    assert watermark.mark(short).samples.shape == short.samples.shape
