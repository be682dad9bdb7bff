"""Simulated impairment: clear speech made to sound dysarthric, by a documented recipe on the WORLD vocoder.

This is a simulation, and every figure measured on it must be called simulated: it is made from signal processing, not
from anybody's illness. It lets the demo and the benchmarks run where no recordings of patients may go.

WORLD (Morise, Yokomori and Ozawa 2016) takes speech apart into pitch, spectral envelope and aperiodicity every 5 ms;
each dimension is moved in the direction that the perceptual and acoustic literature gives (Darley, Aronson and Brown
1969; Duffy, *Motor Speech Disorders*), and the parts are put together again. How far each dimension moves was chosen so
that Whisper base errs about as much as on an earlier simulation (mild 7, moderate 38, severe 102 % of words).
`python -m bench.impair_wer 1 2` gives clean 2.5, mild 9.2, moderate 35.3, severe 101.3 %. So a severity here says how
hard the speech is for a recogniser. It is no clinical grade.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pyworld
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from workers.contracts import Audio, SpokenError

_Frames = NDArray[np.float64]

_FRAME_S = 0.005
_F0_FLOOR_HZ = 65.0
_F0_CEILING_HZ = 500.0
_LOG_FLOOR = 1e-12
_FADE_S = 0.02
_PAUSE_BREATH_DB = -28.0  # an audible breath, well under speech
_MIN_DURATION_S = 0.1


@dataclass(frozen=True)
class Recipe:
    """How far each dimension of speech is moved. The zeros and ones of `Recipe()` move nothing.

    slowing: factor on duration. Slow rate: ALS, stroke (spastic, flaccid), cerebral palsy. (Parkinson's may speed up.)
    slowing_spread: standard deviation of the natural logarithm of local rate, wandering over about 0.2 s. Irregular
        syllable timing: ataxic and mixed dysarthria.
    pitch_range: factor on F0 movement about the median, in semitones. Monopitch: Parkinson's, ALS.
    smear_hz, smear_s: Gaussian widths by which the log envelope is blurred over frequency and over time. Imprecise
        consonants, slow and undershot formant transitions: all types; the chief sign in ALS.
    centralise: 0..1, how far the envelope moves towards the utterance's mean. Vowel space shrinks: ALS, Parkinson's.
    pauses_per_s: how many silences are put in for each second of source speech; pause_s: their mean length;
        pause_inside_words: the share put anywhere rather than at the quietest places. Short breath groups, blocks:
        ALS, stroke with apraxia.
    breath: 0..1, the share of the periodic part turned into noise. Breathiness: Parkinson's, flaccid dysarthria.
    gain_db: loudness; decay_db_s: its fall for each second of output. Weak breath support: Parkinson's, ALS.
    """

    slowing: float = 1.0
    slowing_spread: float = 0.0
    pitch_range: float = 1.0
    smear_hz: float = 0.0
    smear_s: float = 0.0
    centralise: float = 0.0
    pauses_per_s: float = 0.0
    pause_s: float = 0.0
    pause_inside_words: float = 0.0
    breath: float = 0.0
    gain_db: float = 0.0
    decay_db_s: float = 0.0


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "clean": Recipe(),
        "mild": Recipe(1.25, 0.10, 0.75, 60.0, 0.006, 0.08, 0.15, 0.25, 0.0, 0.10, -2.0, -0.2),
        "moderate": Recipe(1.50, 0.20, 0.50, 155.0, 0.021, 0.25, 0.40, 0.40, 0.3, 0.25, -4.0, -0.5),
        "severe": Recipe(1.80, 0.25, 0.30, 230.0, 0.036, 0.35, 0.60, 0.50, 0.5, 0.35, -6.0, -0.7),
    }
)
SEVERITIES = tuple(RECIPES)


def impair(audio: Audio, severity: str, seed: int) -> Audio:
    """Simulate an impairment of `severity`: 'clean' (gives `audio` back as it is), 'mild', 'moderate' or 'severe'.

    The same input and seed give the same samples. The rate is kept; the sound becomes longer. Raises SpokenError:
    'unknown_severity', 'too_short' (under 0.1 s).
    """
    if severity not in RECIPES:
        raise SpokenError("unknown_severity", f"Choose a severity out of {', '.join(SEVERITIES)}.")
    return audio if severity == "clean" else apply(audio, RECIPES[severity], seed)


def apply(audio: Audio, recipe: Recipe, seed: int) -> Audio:
    """The same with a recipe of your own."""
    return put_together(take_apart(audio), recipe, seed)


@dataclass(frozen=True)
class Parts:
    """Speech as WORLD takes it apart, every 5 ms. f0: (n,) Hz, 0 where unvoiced; envelope, aperiodicity: (n, bins)."""

    f0: _Frames
    envelope: _Frames
    aperiodicity: _Frames
    rate_hz: int


def take_apart(audio: Audio) -> Parts:
    """The slow half of `apply`, for whoever impairs one sound several times. Raises SpokenError 'too_short'."""
    if audio.duration_s < _MIN_DURATION_S:
        raise SpokenError("too_short", "Give at least 0.1 s of speech.")
    samples = np.ascontiguousarray(audio.samples, dtype=np.float64)
    f0, times_s = pyworld.harvest(
        samples, audio.rate_hz, f0_floor=_F0_FLOOR_HZ, f0_ceil=_F0_CEILING_HZ, frame_period=_FRAME_S * 1000
    )
    f0 = pyworld.stonemask(samples, f0, times_s, audio.rate_hz)
    envelope = pyworld.cheaptrick(samples, f0, times_s, audio.rate_hz)
    aperiodicity = pyworld.d4c(samples, f0, times_s, audio.rate_hz)
    return Parts(f0, envelope, aperiodicity, audio.rate_hz)


def put_together(parts: Parts, recipe: Recipe, seed: int) -> Audio:
    """`parts` by `recipe`; the same parts and seed give the same samples."""
    rng = np.random.default_rng(seed)
    rate_hz = parts.rate_hz
    log_envelope = _smear(np.log(parts.envelope + _LOG_FLOOR), recipe, rate_hz)
    f0 = _flatten(parts.f0, recipe.pitch_range)
    aperiodicity = parts.aperiodicity + recipe.breath * (1 - parts.aperiodicity)

    source = _warp(len(f0), recipe, rng)
    f0, log_envelope, aperiodicity = _read_at(source, f0, log_envelope, aperiodicity)
    f0, log_envelope, aperiodicity = _insert_pauses(f0, log_envelope, aperiodicity, recipe, rng)

    sound = pyworld.synthesize(f0, np.exp(log_envelope), np.clip(aperiodicity, 0.0, 1.0), rate_hz, _FRAME_S * 1000)
    time_s = np.arange(len(sound)) / rate_hz
    sound = sound * 10 ** ((recipe.gain_db + recipe.decay_db_s * time_s) / 20)
    return Audio(np.clip(sound, -1.0, 1.0).astype(np.float32), rate_hz)


def _smear(log_envelope: _Frames, recipe: Recipe, rate_hz: int) -> _Frames:
    """Blur articulation. Each frame keeps its level, so that smearing alone makes nothing louder or quieter."""
    bin_hz = rate_hz / 2 / (log_envelope.shape[1] - 1)
    level = log_envelope.mean(axis=1, keepdims=True)
    shape = gaussian_filter(log_envelope - level, (recipe.smear_s / _FRAME_S, recipe.smear_hz / bin_hz), mode="nearest")
    weight = np.exp(level - level.max())  # the mean of speech, not of the silences around it
    mean_shape = (shape * weight).sum(axis=0, keepdims=True) / weight.sum()
    return np.asarray(level + (1 - recipe.centralise) * shape + recipe.centralise * mean_shape)


def _flatten(f0: _Frames, pitch_range: float) -> _Frames:
    voiced = f0 > 0
    if not voiced.any():
        return f0
    flat = f0.copy()
    median = np.median(f0[voiced])
    flat[voiced] = median * (f0[voiced] / median) ** pitch_range
    return flat


def _warp(frames: int, recipe: Recipe, rng: np.random.Generator) -> _Frames:
    """For each output frame, the place in the source that it is read from."""
    noise = gaussian_filter1d(rng.standard_normal(frames), 0.1 / _FRAME_S, mode="reflect")
    noise = (noise - noise.mean()) / (noise.std() + 1e-9)
    stretch = recipe.slowing * np.exp(recipe.slowing_spread * noise)
    ends = np.cumsum(stretch * frames * recipe.slowing / stretch.sum())
    return np.asarray(np.interp(np.arange(int(ends[-1])), ends, np.arange(frames, dtype=np.float64)))


def _read_at(
    source: _Frames, f0: _Frames, log_envelope: _Frames, aperiodicity: _Frames
) -> tuple[_Frames, _Frames, _Frames]:
    low = np.floor(source).astype(int)
    high = np.minimum(low + 1, len(f0) - 1)
    share = (source - low)[:, None]
    nearest = f0[np.rint(source).astype(int).clip(0, len(f0) - 1)]  # F0 must not glide through 0 at a voicing edge
    return (
        nearest,
        (1 - share) * log_envelope[low] + share * log_envelope[high],
        (1 - share) * aperiodicity[low] + share * aperiodicity[high],
    )


def _insert_pauses(
    f0: _Frames, log_envelope: _Frames, aperiodicity: _Frames, recipe: Recipe, rng: np.random.Generator
) -> tuple[_Frames, _Frames, _Frames]:
    """Put in silences with faint breath: most at the quietest places (between words), some anywhere."""
    count = rng.poisson(recipe.pauses_per_s * len(f0) * _FRAME_S / recipe.slowing)
    if count == 0:
        return f0, log_envelope, aperiodicity
    level = gaussian_filter1d(log_envelope.mean(axis=1), 4.0)
    loud = np.flatnonzero(level > np.median(level))
    first, last = int(loud[0]), int(loud[-1])
    if last - first < 2:
        return f0, log_envelope, aperiodicity
    quiet = first + np.argsort(level[first:last])[: max(1, (last - first) // 5)]
    anywhere = np.arange(first, last)
    mean_shape = (log_envelope - log_envelope.mean(axis=1, keepdims=True))[loud].mean(axis=0)
    breath = level[loud].mean() + _PAUSE_BREATH_DB * np.log(10) / 10 + mean_shape

    places = sorted(
        int(rng.choice(anywhere if rng.random() < recipe.pause_inside_words else quiet)) for _ in range(count)
    )
    pieces: tuple[list[_Frames], list[_Frames], list[_Frames]] = ([], [], [])
    before = 0
    for place in [*places, len(f0)]:
        for kept, frames in zip(pieces, (f0, log_envelope, aperiodicity), strict=True):
            kept.append(frames[before:place])
        if place < len(f0):
            length = max(1, round(rng.gamma(4.0, recipe.pause_s / 4.0) / _FRAME_S))
            pieces[0].append(np.zeros(length))
            pieces[1].append(np.tile(breath, (length, 1)))
            pieces[2].append(np.ones((length, aperiodicity.shape[1])))
        before = place
    joined = gaussian_filter1d(np.concatenate(pieces[1]), _FADE_S / _FRAME_S / 2, axis=0, mode="nearest")
    return np.concatenate(pieces[0]), joined, np.concatenate(pieces[2])
