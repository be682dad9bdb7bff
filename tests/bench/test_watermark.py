"""The benchmark of the watermark: attacks do what they say, a threshold holds what it promises."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from bench.attacks import ATTACKS, stretched
from bench.watermark import Result, Row, Share, over, passed_by, pieces, table
from workers.contracts import Audio

SECONDS = 2.0
TONE = Audio((0.3 * np.sin(2 * np.pi * 500 * np.arange(48_000) / 24_000)).astype(np.float32), 24_000)


def _peak_hz(audio: Audio) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(audio.samples)))) * audio.rate_hz / len(audio.samples)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_changes_what_it_says_and_no_more(name: str) -> None:
    changed = ATTACKS[name].change(TONE)
    speed = {"slower": 0.9, "faster": 1.1}.get(name.split("_")[0], 1.0)
    pitch = speed if name.endswith("tape") else 1.0
    assert changed.samples.dtype == np.float32 and np.isfinite(changed.samples).all()
    assert _peak_hz(changed) == pytest.approx(500 * pitch, rel=0.01)
    assert changed.duration_s == pytest.approx(1.0 if name == "cut1" else SECONDS / speed, abs=0.05)


def test_a_codec_keeps_the_sound_and_its_place() -> None:
    for name in ("opus16", "mp3_64", "telephone_mu_law"):
        changed = ATTACKS[name].change(TONE)
        assert np.sqrt(np.mean(changed.samples**2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.12), name


def test_stretching_keeps_the_pitch() -> None:
    assert _peak_hz(stretched(TONE, 0.8)) == pytest.approx(500, rel=0.01)


def test_no_more_unmarked_pieces_pass_than_were_allowed() -> None:
    null = [float(score) for score in np.random.default_rng(1).uniform(size=200)]
    for rate, allowed in ((0.0, 0), (0.01, 2), (0.1, 20)):
        assert over(null, passed_by(null, rate)).count == allowed


def test_a_share_says_how_little_few_pieces_show() -> None:
    none = Share(30, 0)
    assert none.value == 0.0 and none.interval[0] == 0.0 and none.interval[1] == pytest.approx(0.116, abs=0.001)
    assert Share(30, 30).interval[1] == 1.0 and Share(0, 0).value == 0.0


def test_silence_is_no_piece_and_the_rest_is_cut_to_one_length() -> None:
    audio = Audio(np.concatenate([TONE.samples, np.zeros(48_000, np.float32), TONE.samples[:30_000]]), 24_000)
    found = pieces(audio, 1.0)
    assert len(found) == 3 and {len(piece.samples) for piece in found} == {24_000}


def test_the_table_names_what_the_mark_does_not_survive() -> None:
    all_found, few = Share(10, 10), Share(10, 2)
    rows = [
        Row(ATTACKS["untouched"], all_found, all_found, all_found, Share(20, 0)),
        Row(ATTACKS["noise10"], few, few, Share(10, 0), Share(20, 0)),
    ]
    result = Result(3.0, 0.01, 20, 30, 0.5, 0.8, Share(270, 2), Share(270, 1), Share(270, 0), rows)
    shown = table(result)
    assert "Not to be relied on after: white noise, 10 dB under the speech." in shown and "below 2.0%" in shown
    assert result.figures()["attacks"][1]["found"]["share"] == pytest.approx(0.2)


def test_listing_the_benchmarks_opens_no_model_library() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from bench.cli import bench; "
        "print(CliRunner().invoke(bench, ['--help']).output); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'librosa', 'bench.watermark')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "watermark" in done.stdout
