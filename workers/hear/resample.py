"""Change of sampling rate, by soxr at its high quality (linear phase, 20 bits): no aliasing, no shift in time."""

from __future__ import annotations

import numpy as np
import soxr

from workers.contracts import Audio


def resample(audio: Audio, rate_hz: int) -> Audio:
    """`audio` at `rate_hz`; the same object when it is there already."""
    if audio.rate_hz == rate_hz or not len(audio.samples):
        return audio if audio.rate_hz == rate_hz else Audio(audio.samples, rate_hz)
    return Audio(np.asarray(soxr.resample(audio.samples, audio.rate_hz, rate_hz), np.float32), rate_hz)
