"""A mark is read back from what was marked, also over a telephone; it is not found where there is none."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import soxr

from bench import two_cities
from bench.attacks import ATTACKS
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


@pytest.mark.parametrize("attack", ["opus16", "mp3_64", "telephone", "slower_stretched", "clipped", "cut1"])
def test_a_mark_survives_what_a_phone_or_a_messenger_does(watermark: Watermark, human: Audio, attack: str) -> None:
    found = watermark.detect(ATTACKS[attack].change(watermark.mark(human)))
    assert found.detected and "read back" in found.words


def test_half_a_second_is_too_short_to_tell(watermark: Watermark, human: Audio) -> None:
    found = watermark.detect(Audio(human.samples[:10_000], 24_000))
    assert not found.detected and "too short" in found.words


def test_what_is_not_found_is_not_called_a_person(watermark: Watermark, human: Audio) -> None:
    assert "does not show that a person spoke" in watermark.detect(human).words


def test_a_mark_made_piece_by_piece_is_read_back_from_the_whole(watermark: Watermark, human: Audio) -> None:
    """As an engine that streams within a sentence leaves it: 0.64 s first, then 1.28 s at a time."""
    cuts = [0, 15_360, 46_080, len(human.samples)]
    marked = [watermark.mark(Audio(human.samples[start:end], 24_000)).samples for start, end in pairwise(cuts)]
    whole = watermark.detect(Audio(np.concatenate(marked), 24_000))
    assert whole.detected and whole.confidence > 0.9
