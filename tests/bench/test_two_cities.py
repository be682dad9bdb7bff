"""The corpus says what its text says, is cut in pauses, and keeps what is held out apart from what is enrolled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from faster_whisper import WhisperModel

from bench import two_cities
from bench.impair_wer import hear
from bench.measure import word_error_rate
from workers.contracts import Audio, SpokenError


def _edges_dbfs(audio: Audio) -> float:
    """The louder of the first and the last 30 ms."""
    edge = round(0.03 * audio.rate_hz)
    return max(
        10 * np.log10(np.mean(part.astype(np.float64) ** 2) + 1e-12)
        for part in (audio.samples[:edge], audio.samples[-edge:])
    )


def test_every_cut_says_its_text(whisper: WhisperModel) -> None:
    clips = (*two_cities.enrolment(), *two_cities.held_out())
    heard = [hear(whisper, clip.audio) for clip in clips]
    for clip, text in zip(clips, heard, strict=True):
        # A wrong small word in a clause of six is the recogniser's ('a season' for 'the season'); which one depends on
        # the processor, whose 8-bit sums differ. A bad cut loses a word at its edge and more.
        assert word_error_rate([clip.text], [text]) <= 0.34, (clip.text, text)
    assert word_error_rate([clip.text for clip in clips], heard) < 0.05


def test_cuts_fall_in_pauses() -> None:
    for clip in (*two_cities.enrolment(), *two_cities.held_out()):
        assert _edges_dbfs(clip.audio) < -50, clip.text


def test_enrolment_is_two_thirds_and_shares_nothing_with_what_is_held_out() -> None:
    whole, historic, held_out = two_cities.recording(), two_cities.historic(), two_cities.held_out()
    assert historic.duration_s / whole.duration_s == pytest.approx(2 / 3, abs=0.05)
    together = np.concatenate([clip.audio.samples for clip in two_cities.enrolment()])
    np.testing.assert_array_equal(together, historic.samples)
    # They meet in one place, and neither reaches over it.
    enrolled_end = round(1.0 * whole.rate_hz) + len(historic.samples)
    np.testing.assert_allclose(
        held_out[0].audio.samples, whole.samples[enrolled_end:][: len(held_out[0].audio.samples)]
    )
    assert sum(clip.audio.duration_s for clip in held_out) + historic.duration_s < whole.duration_s
    assert 4 <= len(held_out) <= 6


def test_a_file_that_is_no_sound_is_told_plainly(tmp_path: Path) -> None:
    fake = tmp_path / "two_cities.wav"
    fake.write_text("not a sound")
    with pytest.raises(SpokenError) as told:
        two_cities.recording(fake)
    assert told.value.code == "corpus_missing"
    assert "samevoice models fetch" in told.value.message
