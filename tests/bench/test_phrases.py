"""The figures for taught phrases are of what was not learned, and takes differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import impair, two_cities
from bench.measure import resample
from bench.phrases import Said, judged, run
from bench.takes import take
from workers.contracts import SpokenError


def made(name: int, take_number: int, *, frames: int = 60) -> np.ndarray:
    shape = np.repeat(np.random.default_rng(name).standard_normal((10, 32)), frames // 10, axis=0)
    noise = np.random.default_rng([name, take_number]).standard_normal(shape.shape) * 0.3
    return (shape + noise).astype(np.float32)


def test_what_can_be_told_apart_is() -> None:
    words = np.random.default_rng(0).permutation([f"{a}{b}" for a in "bdfgklmnprst" for b in "aeiou"])
    said = [Said("phrase", str(words[name]), number, made(name, number)) for name in range(20) for number in range(4)]
    said += [
        Said("sentence", f"this is quite another thing {word}", 0, made(99 + i, 0)) for i, word in enumerate(words)
    ]
    said += [Said("noise", "noise 0", 0, np.zeros((0, 32), np.float32))]
    figures = judged(said)
    assert figures["by_phrases"]["20"]["asked"] == 40
    assert figures["by_phrases"]["20"]["nearest_right"] == 1.0
    assert figures["by_phrases"]["20"]["others"] == 61
    assert figures["false_accepts"] < 0.05
    assert figures["by_phrases"]["20"]["false_accepts_of_noise"] == 0.0


def test_no_two_takes_are_alike_and_each_comes_again() -> None:
    parts = impair.take_apart(resample(two_cities.held_out()[1].audio, 16_000))
    one, again, other = take(parts, "severe", 1), take(parts, "severe", 1), take(parts, "severe", 2)
    np.testing.assert_array_equal(one.samples, again.samples)
    assert len(one.samples) != len(other.samples)
    assert np.isfinite(one.samples).all()
    plain = take(parts, "severe", 1, varied=False)
    np.testing.assert_array_equal(
        plain.samples, impair.impair(resample(two_cities.held_out()[1].audio, 16_000), "severe", 1).samples
    )


def test_too_little_to_choose_from(tmp_path: Path) -> None:
    (tmp_path / "transcripts.tsv").write_text("a.wav\tYes.\n", encoding="utf-8")
    with pytest.raises(SpokenError) as raised:
        run(tmp_path, recogniser=object())  # type: ignore[arg-type]
    assert raised.value.code == "too_few_recordings"
