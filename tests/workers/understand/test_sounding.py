"""What sounds in an utterance, beyond what voice activity takes for speech. Made sounds."""

from __future__ import annotations

import numpy as np
import pytest

from workers.contracts import FloatArray
from workers.understand.sounding import sounding


def made(*parts: tuple[float, float], noise: float = 0.0005) -> FloatArray:
    """(seconds, level) after one another: a hoarse tone in noise."""
    chance = np.random.default_rng(1)
    pieces = [level * np.sin(np.arange(round(time_s * 16_000)) * 0.09) for time_s, level in parts]
    whole = np.concatenate(pieces)
    return (whole * (1 + 0.3 * chance.standard_normal(len(whole))) + noise * chance.standard_normal(len(whole))).astype(
        np.float32
    )


def test_a_word_that_voice_activity_lost_is_kept_and_silence_is_not() -> None:
    sounds = sounding(made((0.5, 0), (0.6, 0.05), (0.5, 0), (0.8, 0.03), (0.6, 0)), [(0.55, 1.0)])
    assert len(sounds) == 300
    assert sounds[52:108].all() and sounds[162:238].all()
    assert not sounds[:44].any() and not sounds[116:154].any() and not sounds[246:].any()


def test_a_short_pause_stays_and_a_click_does_not() -> None:
    sounds = sounding(made((0.5, 0), (0.5, 0.05), (0.2, 0), (0.5, 0.05), (0.7, 0), (0.005, 0.05), (0.6, 0)), [(0.5, 1)])
    assert sounds[50:170].all() and not sounds[178:].any()


@pytest.mark.parametrize("gain", [0.02, 1.0, 10.0])
def test_how_loud_the_recording_is_does_not_matter(gain: float) -> None:
    sound = made((0.5, 0), (0.6, 0.05), (0.5, 0))
    one, other = sounding(sound, [(0.5, 1.1)]), sounding(np.asarray(gain * sound, np.float32), [(0.5, 1.1)])
    assert (one != other).sum() <= 2


def test_digital_silence_does_not_make_the_room_sound() -> None:
    inside = made((0.5, 0), (0.6, 0.1), (0.5, 0))
    sounds = sounding(np.concatenate([np.zeros(16_000, np.float32), inside]), [(1.5, 2.1)])
    assert sounds[152:208].all() and not sounds[:144].any() and not sounds[216:].any()


def test_cut_close_to_the_speech_it_is_nearly_all_kept() -> None:
    assert sounding(made((1.0, 0.05)), [(0.0, 1.0)]).mean() > 0.9


@pytest.mark.parametrize("samples", [0, 100, 16_000])
def test_where_nobody_speaks_nothing_sounds(samples: int) -> None:
    sounds = sounding(np.zeros(samples, np.float32), [])
    assert len(sounds) == samples // 160 and not sounds.any()
