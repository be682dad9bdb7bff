"""Figures that judge speech: word error rate, a mean opinion score without listeners, percentages of agreement."""

from __future__ import annotations

from collections.abc import Sequence

import jiwer
import numpy as np
import soxr

from workers.contracts import RECOGNITION_RATE_HZ, Audio


def normalised(text: str, language: str = "en") -> str:
    """`text` as a listener would not tell it from another: the recogniser's own normalising."""
    from workers.understand import readings

    return readings.normalised(text, language)


def word_error_rate(said: Sequence[str], heard: Sequence[str], language: str = "en") -> float:
    """Errors over words of the reference, both normalised. May exceed 1."""
    references = [normalised(text, language) for text in said]
    return float(jiwer.wer(references, [normalised(text, language) or "*" for text in heard]))


def resample(audio: Audio, rate_hz: int) -> Audio:
    """`audio` at another rate."""
    if audio.rate_hz == rate_hz:
        return audio
    return Audio(np.asarray(soxr.resample(audio.samples, audio.rate_hz, rate_hz), np.float32), rate_hz)


def opinion_score(audio: Audio) -> float:
    """DNSMOS overall (1 to 5): a network's guess of what listeners would say (Reddy et al. 2022, P.835)."""
    from speechmos import dnsmos

    samples = resample(audio, RECOGNITION_RATE_HZ).samples
    return float(dnsmos.run(np.clip(samples, -1.0, 1.0), sr=RECOGNITION_RATE_HZ)["ovrl_mos"])


def contour_agreement(one: Sequence[float], other: Sequence[float]) -> float:
    """Correlation of two curves, the second stretched to the first's length; nan under 10 points in common."""
    a, b = np.asarray(one, float), np.asarray(other, float)
    if len(a) < 2 or len(b) < 2:
        return float("nan")
    b = np.interp(np.linspace(0, 1, len(a)), np.linspace(0, 1, len(b)), b)
    both = (a > 0) & (b > 0)
    return float(np.corrcoef(a[both], b[both])[0, 1]) if both.sum() >= 10 else float("nan")


def joined(sounds: Sequence[Audio]) -> Audio:
    """Pieces of one rate, one after the other."""
    return Audio(np.concatenate([sound.samples for sound in sounds]), sounds[0].rate_hz)
