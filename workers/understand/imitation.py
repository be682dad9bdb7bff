"""How one patient's speech differs from clear speech, measured, so that clear sentences can be made to sound like it.

Learning a patient takes sentences, and each costs them breath. Their voice of before can say any number; what is then
missing is the impairment. So it is measured on the sentences that they did read, against clear ones, and done to
those. Nothing is aligned and no words need to be the same: only statistics are compared.

Speech is taken apart by WORLD (Morise, Yokomori and Ozawa 2016) every 5 ms into F0, mel-cepstra and aperiodicity.
Measured are: the long-term spectrum; for each cepstral coefficient, how much it moves at each modulation frequency
(imprecise, slow and small articulation all show there: the modulation spectrum of Houtgast and Steeneken 1985, in the
cepstral domain as Takamichi et al. 2016 have it); pitch and its range; breath; rate; pauses. It is a model of
averages: it knows no sound that is always replaced by another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import jiwer
import numpy as np
import pyworld
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from workers.activity import at_recognition_rate, speech_spans
from workers.contracts import RECOGNITION_RATE_HZ, Audio, Clip
from workers.understand.readings import normalised
from workers.understand.sounding import FRAMES_S, sounding, stretches
from workers.wording.syllables import count_syllables

_Frames = NDArray[np.float64]

_FRAME_S = 0.005
_F0_HZ = (60.0, 500.0)
_COEFFICIENTS = 40
_WINDOW = 128  # frames: 0.64 s, so modulations from 1.6 Hz on
_MOSTLY = 0.9  # so much of a window has to be speech
_ONLY_NOISE = slice(26, 45)  # of the modulation frequencies: 41 to 70 Hz
_LEAST_LEFT, _TREMBLING_S = 1e-3, 20
#: Sentences on either side: to measure on, and to make imitations as hard to understand as the patient is.
_MEASURED, _HEARD = 20, 8
_TRIED, _ROUNDS, _CORRECTION = 4, 4, (0.3, 3.0)  # clear sentences, to find gains and noise that come out right
#: Limits of what is believed: a statistic of a few sentences may be anything.
_DEPTHS = (0.5, 3.0)
_SLOWING, _GAIN, _PITCH, _RANGE = (0.6, 3.5), (0.03, 1.5), (0.6, 1.7), (0.1, 2.5)
#: How much one sentence differs from the next, beside what was measured: natural logarithm of rate; share of depth.
_UNEVEN, _DEPTH = 0.2, 0.2
_UNEVEN_OVER_S = 0.1


@dataclass(frozen=True)
class _Parts:
    """f0: (n,) Hz, 0 unvoiced. cepstra: (n, coefficients). breath: (n, bins), the share of noise in each, 0..1."""

    f0: _Frames
    cepstra: _Frames
    breath: _Frames
    speech: NDArray[np.bool_]
    pauses_s: tuple[float, ...]
    syllables: int

    @property
    def speech_s(self) -> float:
        return float(self.speech.sum()) * _FRAME_S


@dataclass(frozen=True)
class _Statistics:
    mean: _Frames
    pause: _Frames
    pitch: float
    spread: float
    rate: float
    pauses_a_syllable: float
    pauses_s: tuple[float, ...]


class Imitation:
    """Makes clear speech sound as this patient does. Measured once; `of` then takes any clear sentence."""

    def __init__(self, impaired: Sequence[Clip], clear: Sequence[Clip]) -> None:
        """`impaired`: the patient today. `clear`: their voice of before, or what speaks in it. Five each and more are
        wanted, of any words. Raises ValueError where one side holds no speech."""
        today = [_taken_apart(clip) for clip in impaired]
        before = [_taken_apart(clip) for clip in clear]
        self._today, self._before = _statistics(today), _statistics(before)
        self.depth = 1.0
        self._slowing = float(np.clip(self._before.rate / self._today.rate, *_SLOWING))
        moving, noisy = _moving(today, self._today.pitch)
        clearly, _ = _moving(before, self._before.pitch, self._slowing)
        self._gain, self._breath = _gains(moving, clearly, _GAIN), 0.0
        # What comes out is measured as the patient was: the filter and the noise meet pauses, edges and each other.
        low, high = 0.0, 1.0
        for _ in range(_ROUNDS):
            self._breath = (low + high) / 2
            made = [Clip(self.of(clip, np.random.default_rng(0)), clip.text) for clip in clear[:_TRIED]]
            parts = [_taken_apart(clip) for clip in made]
            self._slowing = float(np.clip(self._slowing * _statistics(parts).rate / self._today.rate, *_SLOWING))
            came, trembles = _moving(parts, self._today.pitch)
            self._gain = np.clip(self._gain * np.sqrt(_gains(moving, came, _CORRECTION)), *_GAIN)
            low, high = (self._breath, high) if trembles < noisy else (low, self._breath)
        self._breath = (low + high) / 2

    def made_as_hard(self, wanted: float, error_of: Callable[[Sequence[Clip]], float], clear: Sequence[Clip]) -> None:
        """Set `depth` so that imitations of `clear` are misheard as much as the patient is: averages make speech milder
        than what they are averages of.

        `wanted`: the patient's error rate by some recogniser; `error_of`: the same of other clips, by the same.
        """
        low, high = _DEPTHS
        for _ in range(_ROUNDS):
            self.depth = math.sqrt(low * high)
            made = [Clip(self.of(clip, np.random.default_rng(at)), clip.text) for at, clip in enumerate(clear)]
            low, high = (self.depth, high) if error_of(made) < wanted else (low, self.depth)
        self.depth = math.sqrt(low * high)

    def of(self, clip: Clip, chance: np.random.Generator) -> Audio:
        """`clip`, clear, as the patient might say it; another draw every time. 16 kHz."""
        parts = _taken_apart(clip)
        depth = self.depth * (1 + chance.uniform(-_DEPTH, _DEPTH))
        places = self._warped(len(parts.f0), chance)
        nearest = np.rint(places).astype(int).clip(0, len(parts.f0) - 1)
        f0, speech = parts.f0[nearest], parts.speech[nearest]
        cepstra, breath = _at(parts.cepstra, places), _at(parts.breath, places)
        if not speech.any():
            return Audio(at_recognition_rate(clip.audio), RECOGNITION_RATE_HZ)
        middle = cepstra[speech].mean(axis=0)
        moved = _filtered(cepstra - middle, self._gain**depth)
        cepstra = moved + middle + (self._today.mean - self._before.mean)
        voiced = f0 > 0
        if voiced.any():
            range_ = np.clip(self._today.spread / self._before.spread, *_RANGE) ** depth
            centre = np.median(np.log(f0[voiced]))
            shift = np.log(np.clip(self._today.pitch / self._before.pitch, *_PITCH))
            f0[voiced] = np.exp(centre + shift + range_ * (np.log(f0[voiced]) - centre)).clip(*_F0_HZ)
        breath = breath + min(1.0, self._breath * depth) * (1 - breath)
        f0, cepstra, breath = self._paused(f0, cepstra, breath, speech, parts.syllables, chance)
        return _put_together(f0, cepstra, breath)

    def _warped(self, frames: int, chance: np.random.Generator) -> _Frames:
        """For each frame that comes out, the place that it is read from."""
        wander = gaussian_filter1d(chance.standard_normal(frames), _UNEVEN_OVER_S / _FRAME_S)
        wander = _UNEVEN * wander / (wander.std() + 1e-9) + chance.normal(0.0, _UNEVEN / 2)
        ends = np.cumsum(self._slowing * np.exp(wander))
        return np.asarray(np.interp(np.arange(int(ends[-1])), ends, np.arange(frames, dtype=np.float64)))

    def _paused(
        self, f0: _Frames, cepstra: _Frames, breath: _Frames, speech: NDArray[np.bool_], syllables: int,
        chance: np.random.Generator,
    ) -> tuple[_Frames, _Frames, _Frames]:  # fmt: skip
        """With the pauses that the patient makes beyond those that are there, where the sound is weakest."""
        more = max(0.0, self._today.pauses_a_syllable - self._before.pauses_a_syllable) * syllables
        count = int(chance.poisson(more))
        inside = np.flatnonzero(speech)
        if not count or not self._today.pauses_s:
            return f0, cepstra, breath
        level = gaussian_filter1d(cepstra[:, 0], 4.0)[inside]
        weak = inside[np.argsort(level)[: max(1, len(inside) // 5)]]
        pieces: tuple[list[_Frames], list[_Frames], list[_Frames]] = ([], [], [])
        last = 0
        for place in [*sorted(chance.choice(weak, count).tolist()), len(f0)]:
            for kept, frames in zip(pieces, (f0, cepstra, breath), strict=True):
                kept.append(frames[last:place])
            if place < len(f0):
                length = round(float(chance.choice(self._today.pauses_s)) / _FRAME_S)
                pieces[0].append(np.zeros(length))
                pieces[1].append(np.tile(self._today.pause, (length, 1)))
                pieces[2].append(np.ones((length, breath.shape[1])))
            last = place
        return (
            np.concatenate(pieces[0]),
            gaussian_filter1d(np.concatenate(pieces[1]), 2.0, axis=0, mode="nearest"),
            np.concatenate(pieces[2]),
        )


def imitations(
    utterances: Sequence[Clip], spoken: Sequence[Clip], language: str, hear: Callable[[Clip], str]
) -> list[Clip]:
    """`spoken`, clear, as the patient of `utterances` might say it: for a recogniser to learn from beside those.

    `hear`: everybody's recogniser, by whose mishearing the two are made alike. Nothing where one side is silent.
    """

    def error_of(clips: Sequence[Clip]) -> float:
        """Characters misheard, 1 at most for each sentence: an invention without end counts once."""
        said = [normalised(clip.text, language) for clip in clips]
        heard = [normalised(hear(clip), language) for clip in clips]
        shares = [min(1.0, float(jiwer.cer(a, b))) for a, b in zip(said, heard, strict=True) if a]
        return float(np.mean(shares)) if shares else 0.0

    try:
        imitation = Imitation(utterances[:_MEASURED], spoken[:_MEASURED])
    except ValueError:
        return []
    imitation.made_as_hard(error_of(utterances[:_HEARD]), error_of, spoken[:_HEARD])
    return [Clip(imitation.of(clip, np.random.default_rng(at)), clip.text) for at, clip in enumerate(spoken)]


def _taken_apart(clip: Clip) -> _Parts:
    samples = np.ascontiguousarray(at_recognition_rate(clip.audio), np.float64)
    f0, times_s = pyworld.dio(
        samples, RECOGNITION_RATE_HZ, f0_floor=_F0_HZ[0], f0_ceil=_F0_HZ[1], frame_period=_FRAME_S * 1000
    )
    f0 = pyworld.stonemask(samples, f0, times_s, RECOGNITION_RATE_HZ)
    envelope = pyworld.cheaptrick(samples, f0, times_s, RECOGNITION_RATE_HZ)
    breath = pyworld.d4c(samples, f0, times_s, RECOGNITION_RATE_HZ)
    speech, pauses_s = _spoken(clip, len(f0))
    return _Parts(
        f0,
        pyworld.code_spectral_envelope(envelope, RECOGNITION_RATE_HZ, _COEFFICIENTS),
        breath,
        speech,
        pauses_s,
        sum(count_syllables(word) for word in clip.text.split()),
    )


def _spoken(clip: Clip, frames: int) -> tuple[NDArray[np.bool_], tuple[float, ...]]:
    """Where the patient speaks, from the first sound to the last without the pauses; and how long those are, in s."""
    sounds = sounding(at_recognition_rate(clip.audio), speech_spans(clip.audio))
    pauses_s = [(start - end) / FRAMES_S for (_, end), (start, _) in pairwise(stretches(sounds))]
    places = (np.arange(frames) * _FRAME_S * FRAMES_S).astype(int)
    return np.append(sounds, False)[places.clip(0, len(sounds))], tuple(pauses_s)


def _put_together(f0: _Frames, cepstra: _Frames, breath: _Frames) -> Audio:
    size = pyworld.get_cheaptrick_fft_size(RECOGNITION_RATE_HZ)
    sound = pyworld.synthesize(
        np.ascontiguousarray(f0),
        pyworld.decode_spectral_envelope(np.ascontiguousarray(cepstra), RECOGNITION_RATE_HZ, size),
        np.ascontiguousarray(breath.clip(0.0, 1.0)),
        RECOGNITION_RATE_HZ,
        _FRAME_S * 1000,
    )
    return Audio(np.clip(sound, -1.0, 1.0).astype(np.float32), RECOGNITION_RATE_HZ)


def _statistics(several: Sequence[_Parts]) -> _Statistics:
    spoken = [parts for parts in several if parts.speech.any()]
    if not spoken:
        raise ValueError("there is no speech to measure")
    voiced = np.concatenate([np.log(parts.f0[parts.speech & (parts.f0 > 0)]) for parts in spoken])
    quiet = [parts.cepstra[~parts.speech] for parts in spoken if (~parts.speech).any()]
    loud = np.concatenate([parts.cepstra[parts.speech] for parts in spoken])
    syllables = max(1, sum(parts.syllables for parts in spoken))
    pauses_s = tuple(pause_s for parts in spoken for pause_s in parts.pauses_s)
    return _Statistics(
        mean=loud.mean(axis=0),
        pause=np.median(np.concatenate(quiet), axis=0) if quiet else loud.min(axis=0),
        pitch=float(np.exp(np.median(voiced))) if len(voiced) else 120.0,
        spread=float(voiced.std()) + 1e-3 if len(voiced) else 0.1,
        rate=syllables / sum(parts.speech_s for parts in spoken),
        pauses_a_syllable=len(pauses_s) / syllables,
        pauses_s=pauses_s,
    )


def _gains(wanted: _Frames | None, there: _Frames | None, limits: tuple[float, float]) -> _Frames:
    """What makes the movement that is there the one that is wanted; nothing where either could not be measured."""
    if wanted is None or there is None:
        return np.ones((_WINDOW // 2 + 1, _COEFFICIENTS))
    return np.clip(np.sqrt(wanted / there), *limits)


def _moving(several: Sequence[_Parts], pitch_hz: float, slowing: float = 1.0) -> tuple[_Frames | None, float]:
    """(modulation frequencies, coefficients): mean power of each coefficient's movement where there is speech; and how
    noisy it is, 1 for whispering. None and 0 of somebody who never speaks for 0.6 s on end.

    A noisy source makes every envelope tremble, by as much whatever its level, since it is its logarithm that is
    taken. How much is known (`_trembling`), and nothing but that moves at 40 Hz and more: it is taken out.
    """
    window = np.hanning(_WINDOW)[:, None]
    power = np.zeros((_WINDOW // 2 + 1, _COEFFICIENTS))
    count = 0
    for parts in several:
        places = np.linspace(0, len(parts.cepstra) - 1, max(2, round(len(parts.cepstra) * slowing)))
        cepstra, inside = _at(parts.cepstra, places), _at(parts.speech, places)
        for start in range(0, len(cepstra) - _WINDOW, _WINDOW // 4):
            if inside[start : start + _WINDOW].mean() > _MOSTLY:
                piece = cepstra[start : start + _WINDOW]
                power += np.abs(np.fft.rfft((piece - piece.mean(axis=0)) * window, axis=0)) ** 2
                count += 1
    if not count:
        return None, 0.0
    power = gaussian_filter(power / count, 1.0, mode="nearest") + 1e-9
    trembling = _trembling(round(pitch_hz / 20) * 20)
    noisy = np.minimum((power[_ONLY_NOISE] / trembling[_ONLY_NOISE]).mean(axis=0), 1.0)
    return np.maximum(power - noisy * trembling, _LEAST_LEFT * power), float(noisy.mean())


@lru_cache(maxsize=16)
def _trembling(pitch_hz: int) -> _Frames:
    """What `_moving` measures on noise, taken apart with the windows that a voice of this pitch has."""
    noise = np.random.default_rng(0).standard_normal(_TREMBLING_S * RECOGNITION_RATE_HZ) * 0.1
    frames = round(_TREMBLING_S / _FRAME_S)
    envelope = pyworld.cheaptrick(
        noise, np.full(frames, float(pitch_hz)), np.arange(frames) * _FRAME_S, RECOGNITION_RATE_HZ
    )
    cepstra = pyworld.code_spectral_envelope(envelope, RECOGNITION_RATE_HZ, _COEFFICIENTS)
    pieces = [cepstra[start : start + _WINDOW] for start in range(0, frames - _WINDOW, _WINDOW // 4)]
    window = np.hanning(_WINDOW)[:, None]
    power = [np.abs(np.fft.rfft((piece - piece.mean(axis=0)) * window, axis=0)) ** 2 for piece in pieces]
    return np.asarray(gaussian_filter(np.mean(power, axis=0), 1.0, mode="nearest"))


def _filtered(movement: _Frames, gain: _Frames) -> _Frames:
    """`movement` (n, coefficients) with each modulation frequency of each coefficient at `gain` times its size."""
    padded = np.pad(movement, ((_WINDOW, _WINDOW), (0, 0)), mode="reflect" if len(movement) > _WINDOW else "edge")
    spectrum = np.fft.rfft(padded, axis=0)
    hz = np.fft.rfftfreq(len(padded), _FRAME_S)
    known = np.fft.rfftfreq(_WINDOW, _FRAME_S)
    wide = np.stack([np.interp(hz, known[1:], gain[1:, column]) for column in range(gain.shape[1])], axis=1)
    found = np.fft.irfft(spectrum * wide, n=len(padded), axis=0)
    return np.asarray(found[_WINDOW : _WINDOW + len(movement)])


def _at(frames: _Frames | NDArray[np.bool_], places: _Frames) -> _Frames:
    """`frames` (n,) or (n, k) read between its rows."""
    low = np.floor(places).astype(int).clip(0, len(frames) - 1)
    high = np.minimum(low + 1, len(frames) - 1)
    share = (places - low).reshape(-1, *[1] * (frames.ndim - 1))
    return np.asarray((1 - share) * frames[low] + share * frames[high])
