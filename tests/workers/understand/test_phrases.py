"""Taught phrases: the right one, none where none was said, and the blob that keeps them. Made features, no weights."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from workers import models
from workers.contracts import FloatArray, Reading, SpokenError
from workers.understand import metric, phrase_file
from workers.understand.phrases import Match, Near, Phrases, fused
from workers.understand.warping import distances, pooled, unit, way

WIDTH = 64


def sound(name: int, *, frames: int = 60) -> FloatArray:
    """A phrase: a smooth wandering through the features, another for each name."""
    steps = np.random.default_rng(name).standard_normal((8, WIDTH))
    places = np.linspace(0, 7, frames)
    low = np.minimum(places.astype(int), 6)
    share = (places - low)[:, None]
    return np.asarray((1 - share) * steps[low] + share * steps[low + 1], np.float32)


def said(name: int, take: int, *, frames: int = 60) -> FloatArray:
    noise = np.random.default_rng([name, take]).standard_normal((frames, WIDTH)) * 0.3
    return np.asarray(sound(name, frames=frames) + noise, np.float32)


def taught(takes: int = 2, count: int = 12) -> dict[str, list[FloatArray]]:
    return {str(name): [said(name, take, frames=55 + 7 * take) for take in range(takes)] for name in range(count)}


@pytest.fixture(scope="module")
def known() -> Phrases:
    return Phrases(taught())


def test_the_phrase_that_was_said(known: Phrases) -> None:
    for name in range(12):
        match = known.match(said(name, 9))
        assert match.phrase_id == str(name)
        assert match.nearest[0] == Near(str(name), match.probability)
        assert len({near.phrase_id for near in match.nearest}) == 3


@pytest.mark.parametrize("frames", [36, 90, 120])
def test_slower_and_faster_is_the_same_phrase(known: Phrases, frames: int) -> None:
    assert known.match(said(3, 9, frames=frames)).phrase_id == "3"


@pytest.mark.parametrize("takes", [1, 2])
def test_what_differs_between_other_peoples_takes_helps(takes: int) -> None:
    """Takes that differ a lot, but only in some directions, and these are known from others."""
    varies = np.zeros(WIDTH)
    varies[:24] = 2.0

    def varied(name: int, take: int) -> FloatArray:
        steps = np.random.default_rng([name, take]).standard_normal((8, WIDTH)) * varies
        return np.asarray(said(name, take) + np.repeat(steps, 8, axis=0)[:60], np.float32)

    examples = {str(name): [varied(name, take) for take in range(takes)] for name in range(12)}
    usual = np.diag(varies**2 + 0.1)
    with_others, alone = Phrases(examples, usual / np.trace(usual) * WIDTH), Phrases(examples)
    asked = [(str(name), varied(name, take)) for name in range(12) for take in (7, 8, 9)]
    right = [[known.match(one).nearest[0].phrase_id == name for name, one in asked] for known in (with_others, alone)]
    assert np.mean(right[0]) > 0.95 and sum(right[0]) >= sum(right[1])
    signs = [np.mean([known.measured(one)[0][1][1] for _, one in asked]) for known in (with_others, alone)]
    assert signs[0] < signs[1]  # nearer, beside the other phrases


def test_what_others_differ_in_belongs_to_one_encoder() -> None:
    files = models.manifest().artefacts["whisper-base"].files
    served = next(file.sha256 for file in files if file.path == "model.bin")
    usual = metric.usual_within(served)
    assert usual is not None and usual.shape == (512, 512) and np.allclose(usual, usual.T)
    assert np.trace(usual) == pytest.approx(512, rel=0.01) and np.linalg.eigvalsh(usual).min() > -0.01
    assert metric.usual_within(served[::-1]) is None


def test_other_speech_is_no_phrase(known: Phrases) -> None:
    for name in range(100, 130):
        match = known.match(said(name, 0))
        assert match.phrase_id is None
        assert match.probability < 0.5
        assert match.nearest


def test_one_example_a_phrase_is_enough_to_find_it() -> None:
    known = Phrases(taught(takes=1))
    assert [known.match(said(name, 9)).nearest[0].phrase_id for name in range(12)] == [str(name) for name in range(12)]
    assert known.match(said(100, 0)).phrase_id is None


def test_nothing_taught_or_nothing_said_is_nothing(known: Phrases) -> None:
    assert Phrases({}).match(said(1, 1)) == Match(None, 0.0, ())
    assert known.match(np.zeros((0, WIDTH), np.float32)) == Match(None, 0.0, ())


@pytest.mark.parametrize("frames", [5, 400])
def test_far_too_short_and_far_too_long(known: Phrases, frames: int) -> None:
    assert known.match(said(3, 9, frames=frames)) == Match(None, 0.0, ())


def test_how_sure_is_sure(known: Phrases) -> None:
    assert known.match(said(3, 9), sure_at=1.1).phrase_id is None
    assert known.match(said(100, 0), sure_at=0.0).phrase_id is not None


@pytest.mark.parametrize(
    ("examples", "code"),
    [
        (taught(count=4), "too_few_phrases"),
        ({**taught(), "none": []}, "no_speech"),
        ({**taught(), "silent": [np.zeros((0, WIDTH), np.float32)]}, "no_speech"),
        ({**taught(), "other": [np.ones((50, WIDTH + 1), np.float32)]}, "foreign_features"),
        ({**taught(), "broken": [np.full((50, WIDTH), np.nan, np.float32)]}, "foreign_features"),
    ],
)
def test_examples_that_cannot_be_used(examples: Mapping[str, Sequence[FloatArray]], code: str) -> None:
    with pytest.raises(SpokenError) as raised:
        Phrases(examples)
    assert raised.value.code == code


def test_what_another_recogniser_heard(known: Phrases) -> None:
    with pytest.raises(SpokenError) as raised:
        known.match(np.ones((50, WIDTH + 1), np.float32))
    assert raised.value.code == "foreign_features"


def test_two_hundred_phrases_are_looked_through_while_nobody_waits() -> None:
    known = Phrases({str(name): [said(name, 0), said(name, 1)] for name in range(200)})
    begun = time.process_time()
    assert known.match(said(77, 9)).phrase_id == "77"
    assert time.process_time() - begun < 0.6


def test_sound_and_words_that_agree_are_enough() -> None:
    match = Match(None, 0.4, (Near("a", 0.4), Near("b", 0.3)))
    texts = {"a": "I am thirsty.", "b": "Two pills, please!"}
    agreed = fused(match, texts, [Reading("two pills please", 0.2)], "en")
    assert agreed.phrase_id == "b"
    assert agreed.nearest[0].phrase_id == "b"
    assert fused(match, texts, [Reading("three pills", 0.9)], "en") == match
    assert fused(match, {}, [Reading("", 0.9)], "en") == match


def test_they_are_kept_and_read_again() -> None:
    examples = taught()
    again = phrase_file.from_bytes(phrase_file.to_bytes(examples, "base"), "base")
    assert list(again) == list(examples)
    for name, kept in examples.items():
        for one, other in zip(kept, again[name], strict=True):
            assert other.dtype == np.float32
            np.testing.assert_allclose(one, other, atol=0.01)


def test_a_blob_that_is_not_to_be_used() -> None:
    blob = phrase_file.to_bytes(taught(), "base")
    for broken, model, code in (
        (blob[:100], "base", "damaged_phrases"),
        (b"", "base", "damaged_phrases"),
        (blob, "adapted", "foreign_phrases"),
    ):
        with pytest.raises(SpokenError) as raised:
            phrase_file.from_bytes(broken, model)
        assert raised.value.code == code


@pytest.mark.parametrize(("format_", "code"), [(1, "foreign_phrases"), (3, "newer_phrases")])
def test_features_that_were_made_in_another_way(monkeypatch: pytest.MonkeyPatch, format_: int, code: str) -> None:
    with monkeypatch.context() as then:
        then.setattr(phrase_file, "FORMAT", format_)
        blob = phrase_file.to_bytes(taught(), "base")
    with pytest.raises(SpokenError) as raised:
        phrase_file.from_bytes(blob, "base")
    assert raised.value.code == code


def test_many_at_once_are_warped_as_one_by_one() -> None:
    query, others = unit(said(1, 1, frames=30)), [unit(said(name, 0, frames=20 + name)) for name in range(8)]
    together = distances(query, others)
    for other, found in zip(others, together, strict=True):
        pairs = way(query, other)
        weights = [2] + [sum(b) - sum(a) for a, b in itertools.pairwise(pairs)]
        cost = sum(weight * (1 - query[i] @ other[j]) for weight, (i, j) in zip(weights, pairs, strict=True))
        assert found == pytest.approx(cost / (len(query) + len(other)), abs=1e-5)
    assert distances(query, [query])[0] == pytest.approx(0, abs=1e-6)


def test_pooling_keeps_the_mean_and_never_loses_everything() -> None:
    assert pooled(said(1, 1, frames=7), 3).shape == (2, WIDTH)
    assert pooled(said(1, 1, frames=2), 3).shape == (1, WIDTH)
    assert pooled(said(1, 1, frames=0), 3).shape == (0, WIDTH)
    np.testing.assert_allclose(pooled(said(1, 1, frames=6), 3)[0], said(1, 1, frames=6)[:3].mean(axis=0), rtol=1e-5)
