"""An utterance's prosody as a small plain dict, to be kept with it and drawn on a page."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from workers.contracts import Prosody

CURVE_FRAME_S = 0.05
_MOST_POINTS = 1200  # a minute at 20 a second; longer utterances get longer frames
_SCALARS = (
    "f0_median_hz",
    "f0_spread_semitones",
    "energy_median_db",
    "energy_spread_db",
    "voiced_share",
    "rate_syllables_s",
    "articulation_syllables_s",
    "jitter",
    "shimmer",
    "hnr_db",
    "tilt_db_octave",
    "duration_s",
)


def to_json(prosody: Prosody) -> dict[str, Any]:
    """Scalars (None where they could not be measured), pauses, and both curves at 20 points a second or fewer.

    A point of `f0_hz` is the median of its voiced frames, 0 where most are unvoiced; of `energy_db`, the mean.
    """
    by = max(1, round(CURVE_FRAME_S / prosody.frame_s), math.ceil(len(prosody.f0_hz) / _MOST_POINTS))
    starts = range(0, len(prosody.f0_hz), by)
    f0_hz = [_voiced_median(prosody.f0_hz[start : start + by]) for start in starts]
    energy_db = [round(float(np.mean(prosody.energy_db[start : start + by])), 1) for start in starts]
    return {
        **{name: _plain(getattr(prosody, name)) for name in _SCALARS},
        "pauses": [[round(start, 2), round(end, 2)] for start, end in prosody.pauses],
        "frame_s": by * prosody.frame_s,
        "f0_hz": f0_hz,
        "energy_db": energy_db,
    }


def from_json(stored: dict[str, Any]) -> Prosody:
    """The way back, at the resolution that was kept: scalars are whole, curves are the decimated ones."""
    scalars = {name: math.nan if stored[name] is None else float(stored[name]) for name in _SCALARS}
    return Prosody(
        frame_s=float(stored["frame_s"]),
        f0_hz=np.asarray(stored["f0_hz"], np.float32),
        energy_db=np.asarray(stored["energy_db"], np.float32),
        pauses=tuple((float(start), float(end)) for start, end in stored["pauses"]),
        **scalars,
    )


def _voiced_median(f0_hz: Any) -> float:
    voiced = f0_hz[f0_hz > 0]
    return round(float(np.median(voiced)), 1) if 2 * len(voiced) >= len(f0_hz) else 0.0


def _plain(value: float) -> float | None:
    return float(f"{value:.5g}") if math.isfinite(value) else None
