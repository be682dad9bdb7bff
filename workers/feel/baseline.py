"""A patient's own normal: what their calm utterances measure, robustly, and how far a new one lies from it.

Nobody is held against a table of norms: impaired speech is slow, flat or hoarse to begin with, and models that were
trained on other people hear sadness in it at every severity. What is read is the change against the same person.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from workers.contracts import Baseline, Feeling, Prosody

#: Under this many utterances a baseline is a first guess, and every reading against it says so.
FEW = 5
#: Feelings at or over this are not learned from: alarm must not become normal.
CALM_BELOW = 0.4
_PRIOR_WEIGHT = 5  # the prior spread counts as much as five utterances
_LONGEST_MEMORY = 60  # utterances; an illness that progresses moves the normal with it
_CLIP = 2.0  # in spreads: how much one utterance may pull
_HUBER = 0.9205  # E[min(z², 2²)] of a normal z: makes the clipped spread unbiased


@dataclass(frozen=True)
class Feature:
    """A figure that is followed. `prior_spread`: what one person's utterances usually differ by, in the same unit.

    `floor` keeps a very steady speaker from making every small change look great.
    """

    unit: str
    plain: str
    prior_spread: float
    floor: float


#: Ratios are on logarithmic scales, so that twice and half as much lie equally far from the median. The priors are
#: rounded from the spread over the 14 calm clauses of `bench.two_cities`, and widened, since one reader is not all.
FEATURES: Mapping[str, Feature] = MappingProxyType(
    {
        "pitch": Feature("semitones re 100 Hz", "pitch", 1.5, 0.5),
        "pitch_movement": Feature("ln semitones", "pitch movement", 0.4, 0.15),
        "loudness": Feature("dBFS", "loudness", 3.0, 1.0),
        "loudness_movement": Feature("dB", "loudness movement", 2.0, 0.7),
        "pace": Feature("ln syllables/s", "pace", 0.2, 0.08),
        "articulation": Feature("ln syllables/s", "articulation rate", 0.18, 0.07),
        "pausing": Feature("share of time", "pausing", 0.12, 0.05),
        "voicing": Feature("share of speech", "voicing", 0.1, 0.04),
        "jitter": Feature("ln share", "roughness (jitter)", 0.3, 0.12),
        "shimmer": Feature("ln share", "unsteadiness (shimmer)", 0.25, 0.1),
        "harmonicity": Feature("dB", "clearness (HNR)", 2.5, 1.0),
        "tilt": Feature("dB/octave", "voice effort (spectral tilt)", 1.5, 0.5),
    }
)


def features(prosody: Prosody) -> dict[str, float]:
    """The followed figures of one utterance, named and in the units of `FEATURES`; unmeasurable ones are left out."""
    paused_s = sum(end - start for start, end in prosody.pauses)
    measured = {
        "pitch": 12 * _log(prosody.f0_median_hz / 100) / math.log(2),
        "pitch_movement": _log(prosody.f0_spread_semitones),
        "loudness": prosody.energy_median_db,
        "loudness_movement": prosody.energy_spread_db,
        "pace": _log(prosody.rate_syllables_s),
        "articulation": _log(prosody.articulation_syllables_s),
        "pausing": paused_s / prosody.duration_s if math.isfinite(prosody.energy_median_db) else math.nan,
        "voicing": prosody.voiced_share if math.isfinite(prosody.energy_median_db) else math.nan,
        "jitter": _log(prosody.jitter),
        "shimmer": _log(prosody.shimmer),
        "harmonicity": prosody.hnr_db,
        "tilt": prosody.tilt_db_octave,
    }
    return {name: float(value) for name, value in measured.items() if math.isfinite(value)}


def build(utterances: Sequence[Mapping[str, float]]) -> Baseline:
    """The baseline over calm utterances at once. Median and 1.4826 × MAD, the latter drawn towards the prior while
    there are few. A feature that no utterance has is left out. With no utterance, an empty baseline."""
    medians: dict[str, float] = {}
    spreads: dict[str, float] = {}
    for name, feature in FEATURES.items():
        values = np.array([utterance[name] for utterance in utterances if name in utterance])
        if values.size == 0:
            continue
        medians[name] = float(np.median(values))
        own = 1.4826 * float(np.median(np.abs(values - medians[name])))
        weight = values.size / (values.size + _PRIOR_WEIGHT)
        spread = math.sqrt(weight * own**2 + (1 - weight) * feature.prior_spread**2)
        spreads[name] = max(feature.floor, spread)
    return Baseline(medians, spreads, len(utterances))


def update(baseline: Baseline | None, measured: Mapping[str, float], feeling: Feeling | None) -> Baseline:
    """One more utterance, without keeping the earlier ones. Distressed or urgent ones change nothing.

    A stochastic approximation of the median and MAD: each step is clipped at two spreads (Huber), so that a stray
    counts for no more than an ordinary outlier, and shrinks as 1/n, down to 1/60.
    """
    baseline = baseline or Baseline({}, {}, 0)
    if not measured or (feeling and max(feeling.distress.value, feeling.urgency.value) >= CALM_BELOW):
        return baseline
    medians, spreads = dict(baseline.median), dict(baseline.spread)
    step = 1 / min(baseline.count + 1, _LONGEST_MEMORY)
    spread_step = 1 / min(baseline.count + 1 + _PRIOR_WEIGHT, _LONGEST_MEMORY)
    for name, feature in FEATURES.items():
        if name not in measured:
            continue
        if name not in medians:
            medians[name], spreads[name] = measured[name], feature.prior_spread
            continue
        away = min(_CLIP, max(-_CLIP, (measured[name] - medians[name]) / spreads[name]))
        variance = spreads[name] ** 2 * (1 + spread_step * (away**2 / _HUBER - 1))
        medians[name] += step * away * spreads[name]
        spreads[name] = max(feature.floor, math.sqrt(variance))
    return Baseline(medians, spreads, baseline.count + 1)


def deviations(measured: Mapping[str, float], baseline: Baseline | None) -> dict[str, float]:
    """How many of their own spreads each feature lies over (+) or under (−) the patient's own median.

    While the baseline is young the spread is widened by sqrt(1 + 1/n): the median itself is uncertain.
    """
    if baseline is None or baseline.count == 0:
        return {}
    widened = math.sqrt(1 + 1 / baseline.count)
    return {
        name: (value - baseline.median[name]) / (baseline.spread[name] * widened)
        for name, value in measured.items()
        if name in baseline.median
    }


def to_json(baseline: Baseline) -> dict[str, Any]:
    """A plain dict, with no nan or infinity in it, that `json` can write."""
    known = [name for name, value in baseline.median.items() if math.isfinite(value + baseline.spread[name])]
    return {
        "median": {name: float(baseline.median[name]) for name in known},
        "spread": {name: float(baseline.spread[name]) for name in known},
        "count": baseline.count,
    }


def from_json(stored: Mapping[str, Any]) -> Baseline:
    """The way back. Features that this version does not know are dropped."""
    known = [name for name in stored["median"] if name in FEATURES]
    return Baseline(
        {name: float(stored["median"][name]) for name in known},
        {name: max(FEATURES[name].floor, float(stored["spread"][name])) for name in known},
        int(stored["count"]),
    )


def _log(value: float) -> float:
    return math.log(value) if math.isfinite(value) and value > 0 else math.nan
