"""Clear speech made to sound as a patient does: what is measured comes out again, on other sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from bench import impair, measure, two_cities
from workers.contracts import Audio, Clip
from workers.feel import prosody
from workers.understand.imitation import Imitation, imitations

CLEAR = [Clip(measure.resample(clip.audio, 16_000), clip.text) for clip in two_cities.enrolment()]


@pytest.fixture(scope="module")
def imitation() -> Imitation:
    """Of five sentences that were impaired by a recipe that moves rate, pitch, articulation and pauses."""
    recipe = replace(impair.RECIPES["moderate"], pauses_per_s=0.8)
    today = [Clip(impair.apply(clip.audio, recipe, at), clip.text) for at, clip in enumerate(CLEAR[:5])]
    return Imitation(today, CLEAR[:5])


@pytest.fixture(scope="module")
def imitated(imitation: Imitation) -> Sequence[Clip]:
    """Sentences that were not measured on."""
    return [Clip(imitation.of(clip, np.random.default_rng(at)), clip.text) for at, clip in enumerate(CLEAR[8:])]


def test_what_the_impairment_did_is_done_to_other_sentences(imitated: Sequence[Clip]) -> None:
    before = [prosody.measure(clip.audio, ()) for clip in CLEAR[8:]]
    after = [prosody.measure(clip.audio, ()) for clip in imitated]
    slower = [a.duration_s / b.duration_s for a, b in zip(after, before, strict=True)]
    narrower = [a.f0_spread_semitones / b.f0_spread_semitones for a, b in zip(after, before, strict=True)]
    assert 1.5 < np.median(slower) < 2.3  # 1.5 and pauses; the five themselves came out 1.9 times as long
    assert np.median(narrower) < 0.8
    assert np.median([a.f0_median_hz / b.f0_median_hz for a, b in zip(after, before, strict=True)]) == pytest.approx(
        1.0, abs=0.15
    )
    assert all(np.abs(clip.audio.samples).max() <= 1 and np.isfinite(clip.audio.samples).all() for clip in imitated)


def test_each_draw_is_another_and_the_same_draw_the_same(imitation: Imitation) -> None:
    one, again, other = (imitation.of(CLEAR[8], np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.samples, again.samples)
    assert len(one.samples) != len(other.samples)


def test_deeper_is_further_from_clear(imitation: Imitation) -> None:
    depth = imitation.depth
    try:
        moving = []
        for imitation.depth in (0.5, 2.0):
            sound = imitation.of(CLEAR[9], np.random.default_rng(3))
            frames = np.lib.stride_tricks.sliding_window_view(sound.samples, 400)[::160] * np.hanning(400)
            bands = np.log(np.abs(np.fft.rfft(frames))[:, 1:161].reshape(-1, 20, 8).mean(axis=2) + 1e-3)
            cepstra = bands @ np.cos(np.pi * np.outer(np.arange(20) + 0.5, np.arange(2, 10)) / 20)
            moving.append(np.abs(np.diff(cepstra, axis=0)).mean())
        assert moving[1] < moving[0]
    finally:
        imitation.depth = depth


def test_it_is_made_as_hard_to_understand_as_the_patient_is(imitation: Imitation) -> None:
    depth = imitation.depth
    try:
        # A recogniser that errs in proportion to the depth: half of the characters at 1.2.
        imitation.made_as_hard(0.5, lambda _: imitation.depth / 2.4, CLEAR[8:9])
        assert imitation.depth == pytest.approx(1.2, rel=0.05)
    finally:
        imitation.depth = depth


def test_where_nobody_speaks_there_is_nothing_to_imitate() -> None:
    silence = [Clip(Audio(np.zeros(16_000, np.float32), 16_000), "Nothing.")]
    assert imitations(silence, CLEAR[:5], "en", lambda clip: clip.text) == []
    assert imitations(CLEAR[:5], silence, "en", lambda clip: clip.text) == []


def test_somebody_who_only_says_fragments_is_not_imitated_by_mumbling() -> None:
    """Under 0.6 s on end no movement can be measured: then none is taken away."""
    gap = np.zeros(8_000, np.float32)
    pieces = [np.split(clip.audio.samples[:24_000], 6) for clip in CLEAR[:5]]
    broken = [np.concatenate([part for piece in six for part in (piece, gap)]) for six in pieces]
    today = [Clip(Audio(samples, 16_000), clip.text) for samples, clip in zip(broken, CLEAR, strict=False)]
    made = Imitation(today, CLEAR[:5])
    assert (made._gain == 1).all()
    assert np.abs(made.of(CLEAR[9], np.random.default_rng(0)).samples).max() > 0.01
