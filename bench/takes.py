"""Several takes of one phrase by one speaker whom `bench.impair` impairs: **simulated**, like everything from there.

Two draws of `impair` from one recording share its articulation to the last detail; a person never says a thing twice
alike. So each take also moves, at random, what differs between takes of a person: rate, pitch, vocal-tract length,
depth of the impairment, loudness, the silence around it, and a little noise. It is still one recording underneath.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bench import impair
from workers.contracts import Audio

#: Uniform ranges. Factors on the severity's recipe; the tract's is on the frequencies of the envelope.
_DEPTH = (0.85, 1.15)
_PITCH_RANGE = (0.7, 1.3)
_PITCH, _TRACT = (0.94, 1.06), (0.97, 1.03)
_GAIN_DB, _NOISE_DB = (-4.0, 4.0), (-35.0, -20.0)
_BEFORE_S, _AFTER_S = (0.1, 1.0), (0.2, 0.8)


def take(parts: impair.Parts, severity: str, seed: int, *, varied: bool = True) -> Audio:
    """One take; the same seed gives the same samples. `varied`: false leaves it to the draw of `impair` alone."""
    recipe = impair.RECIPES[severity]
    if not varied:
        return impair.put_together(parts, recipe, seed)
    chance = np.random.default_rng([seed, 1])
    depths = ("slowing", "smear_hz", "smear_s", "centralise", "breath")
    recipe = replace(
        recipe,
        **{name: getattr(recipe, name) * chance.uniform(*_DEPTH) for name in depths},
        pitch_range=recipe.pitch_range * chance.uniform(*_PITCH_RANGE),
        gain_db=recipe.gain_db + chance.uniform(*_GAIN_DB),
    )
    moved = replace(
        parts,
        f0=parts.f0 * chance.uniform(*_PITCH),
        envelope=longer_tract(parts.envelope, chance.uniform(*_TRACT)),
    )
    said = impair.put_together(moved, recipe, seed)
    before, after = (round(chance.uniform(*span) * said.rate_hz) for span in (_BEFORE_S, _AFTER_S))
    samples = np.pad(said.samples, (before, after))
    loud = np.sqrt(np.mean(np.square(said.samples[np.abs(said.samples) >= np.median(np.abs(said.samples))])))
    noise = chance.standard_normal(len(samples)) * loud * 10 ** (chance.uniform(*_NOISE_DB) / 20)
    return Audio(np.clip(samples + noise, -1.0, 1.0).astype(np.float32), said.rate_hz)


def longer_tract(envelope: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """Every resonance at `factor` times its frequency."""
    bins = np.arange(envelope.shape[1])
    place = np.minimum(bins / factor, bins[-1])
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, bins[-1])
    share = place - low
    return np.asarray((1 - share) * envelope[:, low] + share * envelope[:, high])
