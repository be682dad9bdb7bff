"""The patient's own normal: robust, slow to be moved, never taught by alarm, and honest while it is young."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from tests.workers.feel.conftest import Said
from workers.contracts import Audio, Baseline, Feeling, Score
from workers.feel import baseline
from workers.feel.prosody import measure


def feeling(distress: float, urgency: float = 0.0) -> Feeling:
    return Feeling(Score(distress, 0, 1, ()), Score(urgency, 0, 1, ()))


def test_it_is_the_median_and_one_stray_does_not_move_it(calm: list[Said]) -> None:
    measured = [baseline.features(one.prosody) for one in calm]
    clean = baseline.build(measured)
    strayed = baseline.build([*measured, {name: value + 1000 for name, value in measured[0].items()}])
    assert clean.median["pitch"] == pytest.approx(np.median([one["pitch"] for one in measured]))
    for name, spread in clean.spread.items():
        assert abs(strayed.median[name] - clean.median[name]) < spread
        assert strayed.spread[name] < 2 * spread


def test_one_by_one_comes_to_the_same_as_all_at_once() -> None:
    rng = np.random.default_rng(4)
    utterances = [{"pitch": float(value)} for value in rng.normal(5.0, 2.0, 400)]
    running: Baseline | None = None
    for one in utterances:
        running = baseline.update(running, one, feeling(0.0))
    assert running is not None
    at_once = baseline.build(utterances)
    assert running.count == 400
    assert running.median["pitch"] == pytest.approx(at_once.median["pitch"], abs=0.6)
    assert running.spread["pitch"] == pytest.approx(at_once.spread["pitch"], rel=0.25)


def test_it_follows_an_illness_that_progresses() -> None:
    running = baseline.build([{"pace": 1.6}] * 20)
    for _ in range(300):
        running = baseline.update(running, {"pace": 1.1}, None)
    assert running.median["pace"] == pytest.approx(1.1, abs=0.05)


@pytest.mark.parametrize("felt", [feeling(0.8), feeling(0.1, 0.9), feeling(baseline.CALM_BELOW)])
def test_alarm_teaches_it_nothing(felt: Feeling) -> None:
    before = baseline.build([{"pitch": 3.0}] * 8)
    assert baseline.update(before, {"pitch": 12.0}, felt) == before
    assert baseline.update(before, {"pitch": 12.0}, feeling(0.1)) != before


def test_silence_teaches_it_nothing() -> None:
    silent = baseline.features(measure(Audio(np.zeros(16_000, np.float32), 16_000), ()))
    before = baseline.build([{"pitch": 3.0}] * 8)
    assert silent == {}
    assert baseline.update(before, silent, None) == before


def test_a_young_baseline_makes_deviations_smaller() -> None:
    value = {"pitch": 6.0}
    young, old = baseline.build([{"pitch": 3.0}]), baseline.build([{"pitch": 3.0}] * 30)
    assert 0 < baseline.deviations(value, young)["pitch"] < baseline.deviations(value, old)["pitch"]
    assert baseline.deviations(value, None) == {}
    assert baseline.deviations(value, Baseline({}, {}, 0)) == {}


def test_a_steady_speaker_does_not_make_small_changes_great() -> None:
    steady = baseline.build([{"pitch": 3.0}] * 50)
    assert baseline.deviations({"pitch": 3.2}, steady)["pitch"] < 0.5


def test_json_goes_there_and_back_and_holds_no_nan(calm: list[Said], usual: Baseline) -> None:
    assert baseline.from_json(json.loads(json.dumps(baseline.to_json(usual), allow_nan=False))) == usual
    damaged = Baseline({"pitch": math.nan, "pace": 1.0}, {"pitch": 1.0, "pace": 0.2}, 3)
    stored = json.loads(json.dumps(baseline.to_json(damaged), allow_nan=False))
    assert baseline.from_json(stored).median == {"pace": 1.0}
    stored["median"]["from_another_version"] = 1.0
    stored["spread"]["from_another_version"] = 1.0
    assert "from_another_version" not in baseline.from_json(stored).median


def test_log_scales_make_half_and_double_equally_far(calm: list[Said]) -> None:
    usual = baseline.build([{"pace": math.log(4)}] * 10)
    faster = baseline.deviations({"pace": math.log(8)}, usual)["pace"]
    slower = baseline.deviations({"pace": math.log(2)}, usual)["pace"]
    assert faster == pytest.approx(-slower)
