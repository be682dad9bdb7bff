"""What the generator's norms meet in a clause, told beforehand from its length and a few sentences of the voice.

Upstream's norms take mean and variance over the whole clause, which is not made yet when its first piece is to sound.
They depend on how much of it is silence, and at either end that is about the same whatever stands between: so they go
with 1 / length. Over seven probes of a voice the means are a straight line in it, and the variances' logarithms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

#: Said once in a voice: from two syllables to a long sentence.
PROBES = (
    "Oh no!",
    "What time is it?",
    "She told us so.",
    "I would like some tea.",
    "Is it raining outside?",
    "My sister is coming to see me on Sunday.",
    "Good morning. I slept well, and I am ready for breakfast.",
)
#: No clause is taken for shorter or longer than the probes reach.
SHORTEST_S, LONGEST_S = 0.8, 6.0
_LEAST_VARIANCE = 1e-8


@dataclass(frozen=True)
class LengthStatistics:
    """A voice's statistics as a function of how long a clause is.

    lines: (2, modulation_size), for an endless clause and what 1 / length in seconds adds; of variances the logarithm.
    is_variance: (modulation_size,), as the renderer lays them out.
    """

    lines: Tensor
    is_variance: Tensor

    def at(self, clause_s: float) -> Tensor:
        """(modulation_size,) for a clause of `clause_s` from its first phone on."""
        value = self.lines[0] + self.lines[1] / min(max(clause_s, SHORTEST_S), LONGEST_S)
        return torch.where(self.is_variance, value.exp(), value)


def fitted(clauses_s: Sequence[float], statistics: Sequence[Tensor], is_variance: Tensor) -> LengthStatistics:
    """The line through what was met in clauses of these lengths, two and more, by least squares."""
    met = torch.stack(list(statistics)).double()
    met = torch.where(is_variance, met.clamp(min=_LEAST_VARIANCE).log(), met)
    over = 1 / torch.tensor(list(clauses_s), dtype=torch.float64, device=met.device)
    slope = ((over - over.mean())[:, None] * met).sum(0) / (over - over.mean()).square().sum()
    return LengthStatistics(torch.stack([met.mean(0) - slope * over.mean(), slope]).float(), is_variance)
