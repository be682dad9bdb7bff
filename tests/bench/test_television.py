"""The television: a room that answers, a level, and a draw that is the same again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench import television
from workers.contracts import SpokenError


@pytest.fixture
def speaker(tmp_path: Path) -> Path:
    folder = tmp_path / "speaker"
    folder.mkdir()
    for place in range(3):
        soundfile.write(folder / f"{place}.wav", 0.1 * np.sin(np.arange(16_000) / (5.0 + place)), 16_000)
    return folder


def test_the_room_answers_for_half_a_second_and_louder_walls_for_longer() -> None:
    usual, hard = (television.shoebox((0.3, 2.2, 1.5), (3.9, 1.4, 1.0), reflected) for reflected in (0.86, 0.92))
    assert usual[0] == 1.0 and 0.4 < television.reverberation_s(usual) < 0.65
    assert television.reverberation_s(hard) > television.reverberation_s(usual)


def test_it_is_as_quiet_as_across_a_room_and_the_same_again(speaker: Path, tmp_path: Path) -> None:
    one, again, other = (television.television([speaker], tmp_path / "none", 60.0, seed) for seed in (1, 1, 2))
    assert np.array_equal(one.samples, again.samples) and not np.array_equal(one.samples, other.samples)
    level_db = 20 * np.log10(np.sqrt(np.mean(one.samples**2)))
    assert one.duration_s == pytest.approx(60.0) and -45.0 < level_db < -31.0


def test_a_folder_without_recordings_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpokenError, match="no WAV files"):
        television.television([tmp_path], tmp_path, 10.0, 1)
