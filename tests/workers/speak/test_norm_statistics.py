"""What the generator's norms meet, told from a clause's length."""

from __future__ import annotations

import torch

from workers.contracts import Manner, Voice
from workers.speak.kokoro import KokoroEngine
from workers.speak.norm_statistics import LONGEST_S, SHORTEST_S, fitted


def test_a_line_is_found_and_told_within_what_was_probed() -> None:
    is_variance = torch.tensor([False, True])
    clauses_s = [0.8, 1.0, 2.0, 4.0]
    met = [torch.stack([torch.tensor(3 + 2 / s), torch.tensor(1 - 1 / s).exp()]) for s in clauses_s]
    found = fitted(clauses_s, met, is_variance)
    torch.testing.assert_close(found.at(1.6), torch.stack([torch.tensor(4.25), torch.tensor(0.375).exp()]))
    assert torch.equal(found.at(0.1), found.at(SHORTEST_S)) and torch.equal(found.at(60.0), found.at(LONGEST_S))


def test_a_norm_that_never_varies_stays_finite() -> None:
    found = fitted([1.0, 2.0], [torch.zeros(2), torch.zeros(2)], torch.tensor([False, True]))
    assert torch.isfinite(found.at(1.5)).all()


def test_a_short_sentence_meets_its_own_statistics_better_than_a_long_one_does(
    engine: KokoroEngine, voice: Voice
) -> None:
    """So that a sentence of a second and a half may be spoken in pieces."""
    told, renderer = engine._statistics_of(voice), engine._renderer
    with torch.inference_mode():
        plan = engine._plan("My back hurts.", engine._acoustics.phones("My back hurts."), voice, Manner())
        features, source = renderer._features(plan), renderer._source(plan)
        _, own = renderer._generator(features, source, plan.modulation, None)

    def off(clause_s: float) -> float:
        found = told.at(clause_s)[renderer.is_variance].clamp(min=1e-6).log()
        return float((found - own[renderer.is_variance].clamp(min=1e-6).log())[own[renderer.is_variance] > 0].std())

    assert off(plan.spoken_s) < 0.8 * off(4.0)
