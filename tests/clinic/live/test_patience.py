"""How long a pause ends a turn: from the setting, and from what a patient's turns have shown."""

from __future__ import annotations

import numpy as np
import pytest

from clinic.live.patience import LOOKED_AT, pause_that_ends


def draws(most_s: float, count: int, seed: int = 0) -> list[float]:
    """The longest of some pauses of up to `most_s` in each of so many utterances; some have none."""
    chance = np.random.default_rng(seed)
    return [
        max(chance.uniform(0.25, most_s, chance.integers(1, 5))) if chance.random() < 0.8 else 0.0 for _ in range(count)
    ]


def test_of_somebody_unknown_the_setting_counts() -> None:
    assert pause_that_ends(1.7, []) == 1.7


@pytest.mark.parametrize("seed", range(5))
def test_whoever_pauses_shortly_is_soon_waited_for_less(seed: int) -> None:
    after = [pause_that_ends(2.2, draws(0.6, count, seed)) for count in (3, 10, 30, 60)]
    assert after == sorted(after, reverse=True)
    assert after[0] > 1.7 and after[2] < 0.95 and after[3] < 0.9
    assert all(wait_s > 0.6 for wait_s in after)


@pytest.mark.parametrize("seed", range(5))
def test_whoever_pauses_long_is_soon_waited_for_longer_than_they_pause(seed: int) -> None:
    known = draws(2.0, 30, seed)
    learned_s = pause_that_ends(1.0, known)
    unseen = np.array(draws(2.0, 2000, seed + 100))
    assert np.mean(unseen > learned_s) < 0.01
    assert pause_that_ends(1.0, known[:8]) > max(known[:8])


def test_it_stays_within_its_bounds() -> None:
    assert pause_that_ends(2.2, [3.9] * 60) <= 4.0
    assert pause_that_ends(2.2, [0.0] * 60) >= 0.6
    assert pause_that_ends(0.4, [0.0] * 60) == pytest.approx(0.4, abs=0.01)


def test_what_was_long_ago_is_forgotten() -> None:
    now = [0.5] * LOOKED_AT
    assert pause_that_ends(2.2, [3.0] * 40 + now) == pause_that_ends(2.2, now)
