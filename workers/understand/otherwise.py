"""A sentence as it might be said and heard another time: for learning from it, and for judging on it."""

from __future__ import annotations

import numpy as np

from workers.contracts import FloatArray

_Range = tuple[float, float]


def otherwise(
    samples: FloatArray, random: np.random.Generator, *, rates: _Range, gains_db: _Range, snr_db: _Range
) -> FloatArray:
    """`samples` (n,) at another rate of speech and so another pitch, another level, and in white noise.

    rates: factor on speed. snr_db: of the speech over the noise. Each is drawn uniformly.
    """
    length = round(len(samples) / random.uniform(*rates))
    said = np.interp(np.linspace(0, len(samples) - 1, length), np.arange(len(samples)), samples)
    said = said * 10 ** (random.uniform(*gains_db) / 20)
    noise = random.standard_normal(length) * np.std(said) * 10 ** (-random.uniform(*snr_db) / 20)
    return np.asarray(said + noise, np.float32)
