"""The public voices, as the small file holds them."""

from __future__ import annotations

import numpy as np
import pytest

from workers.contracts import SpokenError
from workers.models import build_voice_space
from workers.models.voice_space import REFERENCE_PHONES, VoiceSpace, open_voice_space


@pytest.fixture(scope="module")
def space():
    return open_voice_space()


def test_it_is_a_space(space):
    assert len(space.names) == 54 and list(space.names) == sorted(space.names)
    assert space.mean.shape == (256,) and space.axes.shape == (53, 256) and space.coords.shape == (54, 53)
    assert {array.dtype for array in (space.mean, space.axes, space.sd, space.coords)} == {np.dtype(np.float32)}
    np.testing.assert_allclose(space.axes @ space.axes.T, np.eye(53), atol=2e-4)
    assert np.all(np.diff(space.sd) <= 1e-6), "widest first"
    np.testing.assert_allclose(space.coords.std(axis=0), space.sd, atol=1e-4)
    assert np.square(space.sd[:24]).sum() / np.square(space.sd).sum() > 0.9


def test_coordinates_lead_back_to_the_style(space):
    style = space.style("af_heart")
    assert style.dtype == np.float32
    np.testing.assert_allclose(space.at(space.coordinates(style)), style, atol=1e-3)


def test_length_changes_a_style_and_the_reference_does_not(space):
    short, usual = space.style("bm_george", 5), space.style("bm_george", REFERENCE_PHONES)
    assert np.linalg.norm(short - usual) > 1
    np.testing.assert_array_equal(usual, space.style("bm_george"))
    np.testing.assert_array_equal(space.drift(usual, REFERENCE_PHONES), np.zeros(256, np.float32))
    np.testing.assert_array_equal(space.style("bm_george", 10_000), space.style("bm_george", 510))


def test_the_predicted_drift_beats_none(space):
    """On the voices that it was built from; the held-out figure is in docs/models.md."""
    usual = np.stack([space.style(name) for name in space.names])
    short = np.stack([space.style(name, 12) for name in space.names])
    predicted = np.stack([space.drift(style, 12) for style in usual])
    assert np.square(usual + predicted - short).sum() < 0.35 * np.square(usual - short).sum()


def test_nobody_is_mistaken_for_another(space):
    with pytest.raises(SpokenError) as refused:
        space.style("af_hart")
    assert refused.value.code == "unknown_voice"


def test_what_is_built_from_voices_holds_those_voices():
    """Made-up voices that bend along two curves as texts get longer, as the real ones do."""
    random = np.random.default_rng(7)
    length = np.linspace(0, 1, 510)[None, :, None]
    start, bend, turn = random.normal(size=(3, 18, 1, 256))
    styles = start + bend * np.exp(-5 * length) + turn * length
    tensors = build_voice_space.build([f"af_{i:02}" for i in range(18)], styles)
    made = VoiceSpace(names=tuple(f"af_{i:02}" for i in range(18)), **tensors)
    for index, name in enumerate(made.names):
        for phones in (1, 12, REFERENCE_PHONES, 510):
            np.testing.assert_allclose(made.style(name, phones), styles[index, phones - 1], atol=5e-3)


def test_another_package_is_refused(tmp_path, capsys):
    other = tmp_path / "kokoro-js-1.2.1.tgz"
    other.write_bytes(b"not it")
    assert build_voice_space.main([str(other), "--out", str(tmp_path / "out")]) == 1
    assert "is not kokoro-js" in capsys.readouterr().err and not (tmp_path / "out").exists()
