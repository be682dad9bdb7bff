"""A clause of restored speech made to go as the utterance went: its durations, pitch and energy.

The words of the text are matched with those that were recognised, and each unbroken run of them is aligned with the
sound (`workers.speak.align`). Where nothing matches, as in words that the patient chose in place of what was heard, the
voice's own prediction stands.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.ndimage import uniform_filter1d
from torch import Tensor

from workers.contracts import RECOGNITION_RATE_HZ, BoolArray, FloatArray, Performance, Word
from workers.speak.acoustics import SAMPLES_A_FRAME, VOICED_HZ, Acoustics, Frames, voiced_median_hz
from workers.speak.align import align
from workers.speak.matching import PAUSES, matched, words_of_phones
from workers.speak.phone_sounds import FRAME_S, open_phone_sounds
from workers.speak.timeline import MOST_KEPT_REST_S, Timeline

#: An alignment frame of the network.
STEP_S = SAMPLES_A_FRAME / 24_000
#: dB of sound to a unit of the network's energy: a logarithm of power. Measured on decoded speech: 4.66, r = 0.99.
DB_A_UNIT = 4.66
#: Where a followed voice stays, about its own median, and in Hz: beyond, it is a mistracked frame or nobody's voice.
LOWEST_SEMITONES, HIGHEST_SEMITONES = -12.0, 14.0
LOWEST_HZ, HIGHEST_HZ = 60.0, 480.0
#: A phone is no shorter and no longer than this, over its prediction.
SHORTEST, LONGEST = 0.3, 4.0
#: The longest rest that is followed. One of a second or two is meant, in a plea as in a story; one of many seconds is
#: breath, search for a word, or a swallow, and whoever listens to restored speech would take its silence for the end.
MOST_REST_S = 2.5
#: Around a run of words: sound that may still belong to it.
_MARGIN_S = 0.3
_EDGE_S = 0.35  # silence laid around the utterance, for a last phone that dies away after the recording ends
_STANDS_OUT = 0.2  # ln: a word this much longer or shorter than the rest of its utterance is said so on purpose
_MOST_EMPHASIS = 0.5
_LEAD_STEPS = 4  # silence before a clause that follows another
_TAIL_STEPS = 3, 8  # in which the last phone of a clause dies away


@dataclass(frozen=True)
class Course:
    """How a clause goes. durations: (tokens,) frames, where a token is a phone or one of the two ends.

    For each of the 2n contour frames: source, the frame of the performance's arrays that it follows; trust, 0..1.
    lead: contour frames before the first word, where what was heard may be silence, and nothing else is followed.
    """

    durations: FloatArray
    source: FloatArray
    trust: FloatArray
    lead: int = 0


class Follower:
    """One text that follows one performance, clause by clause."""

    def __init__(self, acoustics: Acoustics, performance: Performance, clauses: Sequence[str]) -> None:
        self._acoustics, self._performance = acoustics, performance
        self._clauses = clauses
        self._words = matched(clauses, performance.words)
        # Of the clause before: when it ended in the utterance, and its frames after the last phone.
        self._ended_s, self._tail_predicted, self._tail_said = math.nan, 0.0, 0.0
        self._timeline = Timeline(STEP_S) if performance.in_place else None

    def course(self, place: int, phones: str, frames: Frames) -> Course | None:
        """How clause number `place` goes; None where nothing of it was heard."""
        words = self._words[place]
        each = self._acoustics.phones_of_each(self._clauses[place].split())
        owners: list[int | None] = [None, *words_of_phones(phones, each), None]
        predicted = frames.durations.cpu().numpy().astype(np.float32)
        if (
            self._performance.strength <= 0
            or not any(words)
            or not _owned(owners)
            or len(self._performance.energy_db) == 0
        ):
            self._ended_s, self._tail_predicted, self._tail_said = math.nan, 0.0, 0.0
            if self._timeline is not None:
                self._timeline.passed(predicted, owners)
            return None
        pauses = np.array([True, *(phone in PAUSES for phone in phones), True])
        starts_s, ends_s = np.full((2, len(predicted)), np.nan, np.float32)
        encoded = columns(frames)
        for first, last in _runs(owners, words):
            times_s = self._aligned(first, last, owners, words, encoded, predicted, pauses)
            starts_s[first : last + 1], ends_s[first : last + 1] = times_s[:-1], times_s[1:]
            # A pause beside words that were not heard has taken up whatever was said in their place.
            for edge in (first, last):
                if pauses[edge] and edge not in (0, len(predicted) - 1):
                    starts_s[edge] = ends_s[edge] = np.nan
        owned = _owned(owners)
        durations = self._durations(owners, pauses, predicted, ends_s - starts_s)
        self._rest(place, durations, predicted, starts_s[owned[0]], ends_s[owned[-1]], owned)
        if self._timeline is not None:
            durations = self._timeline.kept(durations, starts_s, pauses, owners)
        durations = _whole(durations)
        if self._timeline is not None:
            self._timeline.passed(durations, owners)
        return self._laid_out(durations, starts_s, ends_s, _outer(owners), owned[0])

    def bent(self, course: Course, f0_hz: Tensor, energy: Tensor, own_hz: float) -> tuple[Tensor, Tensor]:
        """The predicted contours, each (1, 2n), drawn towards the performance's. `own_hz`: the median to be about."""
        performance = self._performance
        trust = torch.from_numpy(course.trust).to(f0_hz) * performance.strength
        movement, sure = _filled(performance.f0_semitones, performance.frame_s)
        semitones = torch.from_numpy(_read(movement, course.source)).to(f0_hz)
        pitch_trust = trust * torch.from_numpy(_read(sure, course.source)).to(f0_hz)
        voiced = f0_hz > VOICED_HZ
        if own_hz <= 0:
            own_hz = voiced_median_hz(f0_hz)
        if own_hz > 0:
            semitones = semitones.clamp(LOWEST_SEMITONES, HIGHEST_SEMITONES)
            target = (own_hz * 2 ** (semitones / 12)).clamp(LOWEST_HZ, HIGHEST_HZ)
            mixed = f0_hz.clamp(min=VOICED_HZ) ** (1 - pitch_trust) * target**pitch_trust
            f0_hz = torch.where(voiced, mixed, f0_hz)
        level = torch.from_numpy(_read(performance.energy_db, course.source)).to(energy) / DB_A_UNIT
        spoken = energy[energy > energy.max() - 30 / DB_A_UNIT].median()
        target = (spoken + level).clamp(float(energy.min()), float(energy.max()) + 6 / DB_A_UNIT)
        lead = slice(course.lead)
        trust[lead] = performance.strength
        target[lead] = torch.minimum(target, energy[0])[lead]
        return f0_hz, energy + trust * (target - energy)

    @cached_property
    def _heard(self) -> tuple[FloatArray, BoolArray]:
        edge = np.zeros(round(_EDGE_S * RECOGNITION_RATE_HZ), np.float32)
        return open_phone_sounds().heard(np.concatenate([edge, self._performance.audio.samples, edge]))

    def _aligned(
        self,
        first: int,
        last: int,
        owners: Sequence[int | None],
        words: Sequence[Word | None],
        encoded: FloatArray,
        predicted: FloatArray,
        pauses: BoolArray,
    ) -> FloatArray:
        """Times in s, from the start of the utterance, of tokens `first` to `last` and of the end of the last."""
        windows = [_window(owners[token], words) for token in range(first, last + 1)]
        known = [window for window in windows if window is not None]
        begin_s = max(-_EDGE_S, known[0][0] - _MARGIN_S)
        end_s = known[-1][1] + _MARGIN_S
        heard, loud = self._heard
        begin = round((begin_s + _EDGE_S) / FRAME_S)
        end = min(len(heard), round((end_s + _EDGE_S) / FRAME_S))
        shifted = [None if window is None else (window[0] - begin_s, window[1] - begin_s) for window in windows]
        times_s = align(
            heard[begin:end],
            loud[begin:end],
            open_phone_sounds().expected(encoded[first : last + 1]),
            predicted[first : last + 1],
            pauses[first : last + 1],
            shifted,
        )
        return np.asarray(times_s + np.float32(begin * FRAME_S - _EDGE_S), np.float32)

    def _rest(
        self, place: int, durations: FloatArray, predicted: FloatArray, start_s: float, end_s: float, owned: list[int]
    ) -> None:
        """How long to rest between this clause and its neighbours, written into `durations`.

        A clause ends before it is known when the next one starts, so it ends soon, and the next one begins with what is
        left of the rest.
        """
        performance = self._performance
        lead, tail = slice(0, owned[0]), slice(owned[-1] + 1, None)
        if place > 0:
            usual = min(float(predicted[lead].sum()), _LEAD_STEPS) + self._tail_predicted
            said = (start_s - self._ended_s) / STEP_S / performance.tempo
            followed = usual
            if math.isfinite(said):
                said = min(said, MOST_REST_S / STEP_S)
                kept, share = max(usual, performance.pauses_kept * said), performance.closeness
                followed = (1 - share) * kept + share * max(said, 0.0)
            rest = (1 - performance.strength) * usual + performance.strength * followed
            durations[lead] = max(1.0, rest - self._tail_said) * predicted[lead] / predicted[lead].sum()
        self._ended_s = end_s
        self._tail_predicted = self._tail_said = float(predicted[tail].sum())
        if place + 1 < len(self._clauses):
            following = self._words[place + 1][0]  # recognised up to 0.2 s early or late: good enough for this
            rest = (following.start_s - end_s) / STEP_S if following and performance.closeness > 0.5 else math.inf
            self._tail_said = min(self._tail_said, max(_TAIL_STEPS[0], min(rest, _TAIL_STEPS[1])))
            durations[tail] = self._tail_said * predicted[tail] / predicted[tail].sum()

    def _durations(
        self,
        owners: Sequence[int | None],
        pauses: BoolArray,
        predicted: FloatArray,
        heard_s: FloatArray,
    ) -> FloatArray:
        """(tokens,) in frames and fractions of them."""
        performance = self._performance
        said = heard_s / STEP_S / performance.tempo
        inner = ~_outer(owners) & np.isfinite(said)
        said = _rested(said, pauses & inner, MOST_KEPT_REST_S if performance.in_place else MOST_REST_S)
        closely = np.where(inner, said, predicted)
        closely = np.where(pauses, closely, closely.clip(SHORTEST * predicted, LONGEST * predicted))
        standing_out = _emphasised(owners, pauses, predicted, said)
        kept = np.where(pauses & inner, np.maximum(standing_out, performance.pauses_kept * said), standing_out)
        share = performance.closeness
        followed = np.exp((1 - share) * np.log(kept.clip(0.5)) + share * np.log(closely.clip(0.5)))
        followed = np.where(pauses & inner, (1 - share) * kept + share * closely, followed)
        strength = performance.strength
        return np.asarray((1 - strength) * predicted + strength * followed, np.float32)

    def _laid_out(
        self, durations: FloatArray, starts_s: FloatArray, ends_s: FloatArray, outer: BoolArray, lead: int
    ) -> Course:
        """Where each contour frame is in the utterance: evenly along each token, in real time along the first `lead`.

        The network begins to sound somewhere in its silent lead, the sooner the longer that is: up to 0.14 s early. So
        what came before the first word is followed too.
        """
        counts = (2 * durations).astype(int)
        tokens = np.repeat(np.arange(len(counts)), counts)
        within = (np.arange(len(tokens)) - (np.cumsum(counts) - counts)[tokens] + 0.5) / counts[tokens]
        times_s = starts_s[tokens] + within * (ends_s - starts_s)[tokens]
        ahead = int(counts[:lead].sum()) if np.isfinite(starts_s[lead]) else 0
        if ahead:
            times_s[:ahead] = starts_s[lead] - (ahead - np.arange(ahead) - 0.5) * STEP_S / 2
        known = np.isfinite(times_s)
        frames = np.interp(np.arange(len(times_s)), np.flatnonzero(known), times_s[known]) if known.any() else times_s
        trust = uniform_filter1d((known & ~outer[tokens]).astype(np.float32), 5, mode="nearest")
        source = frames / self._performance.frame_s - 0.5
        return Course(durations, source.astype(np.float32), trust, ahead)


def stretched(frames: Frames, durations: FloatArray) -> Frames:
    """`frames` with other durations, in whole frames."""
    counts = torch.from_numpy(durations.astype(np.int64)).to(frames.durations.device)
    firsts = torch.cumsum(frames.durations, 0) - frames.durations
    places = torch.repeat_interleave(firsts, counts)
    return Frames(frames.predictor[:, :, places], frames.text[:, :, places], counts)


def columns(frames: Frames) -> FloatArray:
    """(tokens, 512) encoded phones."""
    firsts = torch.cumsum(frames.durations, 0) - frames.durations
    columns: FloatArray = frames.text[0][:, firsts].T.float().cpu().numpy()
    return columns


def _runs(owners: Sequence[int | None], words: Sequence[Word | None]) -> Iterator[tuple[int, int]]:
    """First and last token of each stretch whose words were all heard, with the pauses around it."""
    unheard = [owner is not None and words[owner] is None for owner in owners]
    first: int | None = None
    for token in range(len(owners) + 1):
        over = token == len(owners) or unheard[token]
        if not over and first is None:
            first = token
        if over and first is not None:
            if any(owners[inside] is not None for inside in range(first, token)):
                yield first, token - 1
            first = None


def _window(owner: int | None, words: Sequence[Word | None]) -> tuple[float, float] | None:
    word = words[owner] if owner is not None else None
    return None if word is None else (word.start_s, word.end_s)


def _owned(owners: Sequence[int | None]) -> list[int]:
    """Tokens of words."""
    return [token for token, owner in enumerate(owners) if owner is not None]


def _outer(owners: Sequence[int | None]) -> BoolArray:
    """Tokens before the first word and after the last."""
    owned = _owned(owners)
    outer = np.ones(len(owners), dtype=bool)
    outer[owned[0] : owned[-1] + 1] = False
    return outer


def _emphasised(owners: Sequence[int | None], pauses: BoolArray, predicted: FloatArray, said: FloatArray) -> FloatArray:
    """The predicted durations, with those words longer or shorter that stand out from the rest of the utterance."""
    words = [owner for owner in dict.fromkeys(owners) if owner is not None]
    of_word = {word: np.array([owner == word for owner in owners]) & ~pauses for word in words}
    stretch = {
        word: float(np.log(said[tokens].sum() / predicted[tokens].sum()))
        for word, tokens in of_word.items()
        if np.isfinite(said[tokens]).all() and said[tokens].sum() > 0
    }
    out = predicted.copy()
    if not stretch:
        return out
    usual = float(np.median(list(stretch.values())))
    for word, value in stretch.items():
        beyond = np.sign(value - usual) * max(0.0, abs(value - usual) - _STANDS_OUT)
        out[of_word[word]] *= np.exp(np.clip(beyond, -_MOST_EMPHASIS / 2, _MOST_EMPHASIS))
    return out


def _rested(said: FloatArray, pauses: BoolArray, most_s: float) -> FloatArray:
    """`said` with no rest over `most_s`; a comma and the space after it are one rest."""
    out = said.copy()
    edges = np.flatnonzero(np.diff(np.concatenate([[False], pauses, [False]]).astype(np.int8)))
    for first, end in edges.reshape(-1, 2):
        out[first:end] *= min(1.0, most_s / STEP_S / max(float(out[first:end].sum()), 1.0))
    return out


def _whole(wanted: FloatArray) -> FloatArray:
    """Whole frames, at least one each, that keep in step with `wanted` all along."""
    out = np.empty(len(wanted), np.float32)
    owed = 0.0
    for place, value in enumerate(wanted):
        out[place] = max(1, round(value + owed))
        owed += value - out[place]
    return out


def _filled(semitones: FloatArray, frame_s: float) -> tuple[FloatArray, FloatArray]:
    """Pitch movement with its gaps bridged, and how sure it is there: 1 in sung frames, less the wider the gap."""
    known = np.flatnonzero(np.isfinite(semitones))
    if len(known) == 0:
        return np.zeros_like(semitones), np.zeros_like(semitones)
    places = np.arange(len(semitones))
    bridged = np.interp(places, known, semitones[known])
    after = np.searchsorted(known, places).clip(0, len(known) - 1)
    before = (after - 1).clip(0)
    distance_s = np.minimum(abs(places - known[after]), abs(places - known[before])) * frame_s
    return bridged.astype(np.float32), np.clip(1.5 - distance_s / 0.1, 0.0, 1.0).astype(np.float32)


def _read(curve: FloatArray, places: FloatArray) -> FloatArray:
    """`curve` at fractional places, ends held."""
    return np.interp(places, np.arange(len(curve)), curve).astype(np.float32)
