"""The search for a voice: deterministic, resumable, stoppable; bad material is refused in plain words."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench import attacks, measure, two_cities
from workers.contracts import Audio, Clip, SpokenError, Stopped
from workers.speak import fit, measures
from workers.speak.encoders import at_16k
from workers.speak.kokoro import KokoroEngine


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four steps are enough to see the mechanics."""
    monkeypatch.setattr(fit, "STEPS", 4)


@pytest.mark.usefixtures("short")
def test_a_resumed_search_ends_where_an_uninterrupted_one_does(engine: KokoroEngine) -> None:
    clips = two_cities.enrolment()
    kept: list[bytes] = []
    told: list[float] = []
    whole = engine.fit(clips, keep_checkpoint=kept.append, progress=lambda share, _: told.append(share))
    assert told == sorted(told) and len(kept) == 4
    resumed = engine.fit(clips, checkpoint=kept[1])
    np.testing.assert_allclose(resumed.vectors["style"], whole.vectors["style"], atol=1e-3)
    assert not np.allclose(whole.vectors["style"], engine.fit(clips, budget_s=0.1).vectors["style"], atol=1e-3)


@pytest.mark.usefixtures("short")
def test_a_checkpoint_of_other_recordings_or_a_damaged_one_is_refused(engine: KokoroEngine) -> None:
    clips = two_cities.enrolment()
    kept: list[bytes] = []
    engine.fit(clips, keep_checkpoint=kept.append, budget_s=5.0)
    for checkpoint, others in ((kept[0], clips[:-1]), (kept[0][:-7], clips), (b"", clips), (b"\x00" * 64, clips)):
        with pytest.raises(SpokenError) as refused:
            engine.fit(others, checkpoint=checkpoint)
        assert refused.value.code == "wrong_checkpoint"


def test_a_search_that_is_cancelled_stops_and_returns_nothing(engine: KokoroEngine) -> None:
    with pytest.raises(Stopped):
        engine.fit(two_cities.enrolment(), cancelled=lambda: True)


@pytest.mark.parametrize(
    "clips",
    [
        [],
        [Clip(Audio(np.zeros(16_000 * 5, np.float32), 16_000), "")],
        list(two_cities.enrolment()[:3]),
    ],
)
def test_too_little_speech_is_said_with_what_to_do(engine: KokoroEngine, clips: list[Clip]) -> None:
    with pytest.raises(SpokenError) as refused:
        engine.fit(clips)
    assert refused.value.code == "too_little_speech" and "Add more" in refused.value.message


def test_a_voice_carries_what_it_is_bound_to_and_what_was_measured(engine: KokoroEngine) -> None:
    voice = engine.fit(two_cities.enrolment(), budget_s=0.1)
    assert (voice.engine, voice.model, voice.revision) == (engine.name, engine.model, engine.revision)
    assert voice.vectors["style"].shape == (256,) and voice.vectors["embedding"].shape == (256,)
    assert 80 < voice.measures["f0_median_hz"] < 260
    assert 2 < voice.measures["rate_syllables_s"] < 8


def test_a_voice_of_another_language_lends_its_timbre_only_where_it_is_clearly_nearer() -> None:
    names = ("zf_one", "af_two", "bm_three")
    assert fit.nearest(np.array([0.70, 0.69, 0.10], np.float32), names) == (1, 1)
    assert fit.nearest(np.array([0.75, 0.69, 0.10], np.float32), names) == (0, 1)
    assert fit.nearest(np.array([0.10, 0.20, 0.30], np.float32), names) == (2, 2)


def test_a_telephone_recording_is_known_for_one() -> None:
    """What is compared with it then goes through a telephone too."""
    reading = two_cities.enrolment()[:4]
    narrow = [Clip(measure.resample(clip.audio, 8_000), clip.text) for clip in reading]
    kept_so = [Clip(measure.resample(clip.audio, 48_000), clip.text) for clip in narrow]
    assert measures.reach_hz(reading) > 7_000
    for clips in (narrow, kept_so):
        assert 3_000 < measures.reach_hz(clips) < fit.NARROW_HZ
        assert measures.lowest_hz(clips) < 100, "these keep their lows"
    line = [Clip(attacks.telephone(clip.audio), clip.text) for clip in reading]
    assert measures.lowest_hz(line) == pytest.approx(300, abs=30)


def test_both_sides_are_heard_through_the_recordings_own_band(engine: KokoroEngine) -> None:
    """What a voice says, clear, is to sound to both encoders as that speaker's telephone does; as it is it does not."""
    reading = two_cities.enrolment()
    line = [Clip(attacks.telephone(clip.audio), clip.text) for clip in reading]
    clear, narrow = (fit.Fit(engine._acoustics, clips, engine.revision) for clips in (reading, line))
    assert clear._band_hz is None and narrow._band_hz == (300.0, 3_400.0)
    speech = torch.from_numpy(np.concatenate([at_16k(clip.audio) for clip in reading[:5]]))
    assert clear._through(speech) is speech
    for encoder, target in zip(narrow._encoders, narrow._targets, strict=True):
        assert encoder(narrow._through(speech)) @ target > 0.9
        assert encoder(speech) @ target < 0.8


@pytest.mark.parametrize("line", [False, True])
def test_pitch_is_found_where_a_telephone_took_the_fundamental_away(line: bool) -> None:
    """About 115 Hz, within a semitone, whichever way it is heard; the spread is that of speech and not of octaves."""
    clips = [Clip(attacks.telephone(clip.audio) if line else clip.audio, clip.text) for clip in two_cities.enrolment()]
    assert measures.f0_median_hz(clips) == pytest.approx(115, rel=0.05)
    assert 2 < measures._spread(measures._theirs_hz(clips)) < 5
