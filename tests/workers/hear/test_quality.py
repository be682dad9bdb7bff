"""The verdict on a recording, and the plain words for it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soxr

from workers.contracts import Audio, ClipQuality, FloatArray
from workers.hear.decode import Decoded, decode
from workers.hear.quality import measure
from workers.hear.speakers import unlike_halves


def judged(samples: FloatArray, rate_hz: int = 48_000, *, truncated: bool = False) -> ClipQuality:
    return measure(Decoded(Audio(np.asarray(samples, np.float32), rate_hz), truncated, rate_hz, 1))


@pytest.fixture(scope="module")
def speech(reading: Audio) -> FloatArray:
    return reading.samples[48_000 : 48_000 * 13]


@pytest.fixture(scope="module")
def clean(speech: FloatArray) -> ClipQuality:
    return judged(speech)


def noise(like: FloatArray, snr_db: float) -> FloatArray:
    level = np.sqrt((like.astype(np.float64) ** 2).mean()) * 10 ** (-snr_db / 20)
    return np.asarray(np.random.default_rng(3).normal(0, level, len(like)), np.float32)


def test_a_clean_recording_is_good(clean: ClipQuality) -> None:
    assert (clean.verdict, clean.reasons, clean.speakers) == ("good", (), 1)
    assert clean.duration_s == pytest.approx(12.0)
    assert 9.0 < clean.speech_s < 12.0
    assert clean.snr_db > 20
    assert clean.clipped_share < 1e-4
    assert clean.bandwidth_hz > 7_000


@pytest.mark.parametrize(("snr_db", "verdict"), [(12.0, "usable"), (2.0, "unusable")])
def test_noise_is_measured_and_said(speech: FloatArray, snr_db: float, verdict: str) -> None:
    found = judged(speech + noise(speech, snr_db))
    assert found.snr_db == pytest.approx(snr_db, abs=2.5)
    assert found.verdict == verdict
    assert any("noise" in reason for reason in found.reasons)


@pytest.mark.parametrize(("drive", "verdict"), [(2.0, "usable"), (8.0, "unusable")])
@pytest.mark.parametrize("level", [1.0, 0.3])
def test_clipping_is_found_also_when_turned_down(speech: FloatArray, drive: float, verdict: str, level: float) -> None:
    found = judged(np.clip(speech / np.abs(speech).max() * drive, -1, 1) * level)
    assert found.clipped_share > 1e-3
    assert found.verdict == verdict
    assert any("distorted" in reason for reason in found.reasons)


def test_a_telephone_is_recognised_whatever_the_files_rate(speech: FloatArray) -> None:
    telephone = soxr.resample(speech, 48_000, 8_000)
    for found in (judged(telephone, 8_000), judged(soxr.resample(telephone, 8_000, 48_000))):
        assert found.bandwidth_hz == pytest.approx(4_000, abs=150)
        assert found.verdict == "usable"
        assert any("telephone" in reason for reason in found.reasons)


def test_hiss_does_not_pass_for_high_tones(speech: FloatArray, clean: ClipQuality) -> None:
    found = judged(speech + noise(speech, 20.0))
    assert found.bandwidth_hz <= clean.bandwidth_hz


@pytest.mark.parametrize(
    ("samples", "word"),
    [
        (np.zeros(48_000 * 3), "silent"),
        (np.zeros(0), "silent"),
        (np.random.default_rng(1).normal(0, 0.05, 48_000 * 3), "No speech"),
        (0.3 * np.sin(np.arange(48_000 * 3) / 20), "No speech"),
    ],
)
def test_nobody_speaks(samples: FloatArray, word: str) -> None:
    found = judged(samples)
    assert found.verdict == "unusable"
    assert word in found.reasons[0]
    numbers = (found.speech_s, found.snr_db, found.clipped_share, found.bandwidth_hz)
    assert all(math.isfinite(number) for number in numbers)


def test_a_fifth_of_a_second_is_too_little(reading: Audio) -> None:
    found = judged(reading.samples[48_000 * 2 : 48_000 * 2 + 9_600])
    assert found.verdict == "unusable"


def test_a_truncated_recording_is_usable_and_says_so(speech: FloatArray) -> None:
    found = judged(speech, truncated=True)
    assert found.verdict == "usable"
    assert any("breaks off" in reason for reason in found.reasons)


def test_the_worst_reason_comes_first(speech: FloatArray) -> None:
    found = judged(speech + noise(speech, 0.0), truncated=True)
    assert found.verdict == "unusable"
    assert "noise" in found.reasons[0]


def around(centre: FloatArray, count: int, spread: float, seed: int) -> FloatArray:
    points = centre + np.random.default_rng(seed).normal(0, spread / math.sqrt(len(centre)), (count, len(centre)))
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True), np.float32)


def test_two_groups_of_embeddings_are_two_people() -> None:
    size = 256
    one, other = np.eye(size)[0], (0.5 * np.eye(size)[0] + math.sqrt(0.75) * np.eye(size)[1])
    assert unlike_halves(np.concatenate([around(one, 12, 0.5, 1), around(other, 5, 0.5, 2)]))
    assert not unlike_halves(around(one, 17, 0.5, 3))


def test_one_odd_window_is_no_second_person() -> None:
    one, other = np.eye(256)[0], np.eye(256)[1]
    assert not unlike_halves(np.concatenate([around(one, 12, 0.4, 1), around(other, 1, 0.4, 2)]))


def test_real_voices_are_told_apart(reading: Audio, other_readers: Path) -> None:
    from workers.speak.encoders import GE2E

    embed = GE2E().embed
    alone = measure(Decoded(reading, False, reading.rate_hz, 1), embed=embed)
    assert (alone.speakers, alone.verdict) == (1, "good")
    two_actors = measure(decode(other_readers / "endgame_nagg_nell.wav", rate_hz=None), embed=embed)
    assert two_actors.speakers == 2
    assert two_actors.reasons[0] == "Somebody else speaks in this clip; cut them out or use another clip."
    intruder = decode(other_readers / "beckett.wav", rate_hz=48_000).audio.samples
    mixed = Audio(np.concatenate([reading.samples[: 48_000 * 20], intruder]), 48_000)
    assert measure(Decoded(mixed, False, 48_000, 1), embed=embed).verdict == "unusable"
