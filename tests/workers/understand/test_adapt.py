"""Learning a patient's speech: what can go wrong, and that it goes on where it was. What it is worth: `bench`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import impair, two_cities
from workers import models
from workers.contracts import Audio, Clip, FloatArray, SpokenError, Stopped
from workers.understand import adapt
from workers.understand.adapt import Adaptation
from workers.understand.recogniser import Recogniser


@pytest.fixture(scope="module")
def folder() -> Path:
    return models.path("whisper-base")


@pytest.fixture(scope="module")
def said() -> Sequence[Clip]:
    """Five sentences of simulated impairment."""
    clips = two_cities.enrolment()[:5]
    return [Clip(impair.impair(clip.audio, "moderate", place), clip.text) for place, clip in enumerate(clips)]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapt, "EPOCHS", 2)


def test_it_learns_what_it_is_told_and_goes_on_where_it_was(folder: Path, said: Sequence[Clip]) -> None:
    kept: list[bytes] = []
    shares: list[float] = []
    whole = Adaptation(folder, said).run(progress=lambda share, _: shares.append(share), keep_checkpoint=kept.append)
    assert shares == sorted(shares) and shares[-1] == 1.0 and len(kept) == 2
    again = Adaptation(folder, said)
    again.restore(kept[0])
    resumed = again.run()
    for layer, up in whole.up.items():
        assert np.abs(up).max() > 0, layer
        assert np.allclose(resumed.up[layer], up, atol=1e-5), layer
    # Recognition takes it, and still hears clear speech.
    clear = two_cities.enrolment()[6]
    assert "season of light" in Recogniser(folder, adapter=whole).transcribe(clear.audio).text


def test_it_stops_when_asked(folder: Path, said: Sequence[Clip]) -> None:
    with pytest.raises(Stopped):
        Adaptation(folder, said).run(cancelled=lambda: True)


def test_what_cannot_be_learned_from_does_not_count(folder: Path, said: Sequence[Clip]) -> None:
    silent = Clip(Audio(np.zeros(16_000, np.float32), 16_000), "Good morning.")
    endless = Clip(Audio(np.ones(16_000 * 20, np.float32), 16_000), "Good morning.")
    wordless = Clip(said[0].audio, " ... ")
    with pytest.raises(SpokenError) as refused:
        Adaptation(folder, [*said[:4], silent, endless, wordless])
    assert refused.value.code == "too_few_utterances" and "4 sentences" in refused.value.message


def test_the_checkpoint_of_other_sentences_is_refused(folder: Path, said: Sequence[Clip]) -> None:
    kept: list[bytes] = []
    Adaptation(folder, said).run(keep_checkpoint=kept.append)
    other = Adaptation(folder, [*said, Clip(said[0].audio, "Something else.")])
    for data in (kept[0], kept[0][:1000], b""):
        with pytest.raises(SpokenError) as refused:
            other.restore(data)
        assert refused.value.code == "wrong_checkpoint"


def test_imitations_are_learned_beside_and_a_restart_may_draw_them_anew(
    folder: Path, said: Sequence[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapt, "EPOCHS", 1)
    heard: list[int] = []
    hear = Adaptation._heard_anew

    def count(self: Adaptation, samples: FloatArray, random: np.random.Generator) -> torch.Tensor:
        heard.append(len(samples))
        return hear(self, samples, random)

    monkeypatch.setattr(Adaptation, "_heard_anew", count)
    clear = two_cities.enrolment()[5:8]
    draws = [[Clip(impair.impair(clip.audio, "mild", seed), clip.text) for clip in clear] for seed in (1, 2)]
    kept: list[bytes] = []
    adapter = Adaptation(folder, said, imitated=draws[0]).run(keep_checkpoint=kept.append)
    assert len(heard) == len(said) + 2 * adapt.IMITATED_BESIDE  # of two batches
    assert adapter.about["utterances"] == len(said)
    for others in (draws[1], draws[1][:2], []):
        Adaptation(folder, said, imitated=others).restore(kept[-1])
