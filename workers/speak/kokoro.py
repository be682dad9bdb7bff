"""The default engine: Kokoro-82M, spoken in a fitted style. Implements `workers.speak.engine.Engine`."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch

from workers import models
from workers.contracts import (
    SPEECH_RATE_HZ,
    Audio,
    Cancelled,
    Capabilities,
    Clip,
    FloatArray,
    Manner,
    Progress,
    Speech,
    SpokenError,
    Voice,
)
from workers.speak.acoustics import Acoustics, reshaped
from workers.speak.ahead import ahead
from workers.speak.clauses import clauses, halves
from workers.speak.engine import KeepCheckpoint
from workers.speak.fit import MIN_ENROL_S, Fit
from workers.speak.follow import Follower, stretched
from workers.speak.level import at_level, faded, without_lead
from workers.speak.norm_statistics import PROBES, LengthStatistics
from workers.speak.phone_sounds import open_phone_sounds
from workers.speak.plan import Plan
from workers.speak.pronunciations import respelt
from workers.speak.render import Renderer
from workers.speak.stretches import Stretch, stretches
from workers.speak.text import speakable

PACE_RANGE = (0.5, 1.8)
RATIO_RANGE = (0.5, 2.0)
MOVEMENT_RANGE = (0.3, 2.0)
#: Kokoro takes 508 phones, and speaks best up to about here.
BEST_PHONES = 300
#: Voices whose statistics are kept for the next utterance, 300 kB each.
KEPT_VOICES = 32
#: Under this name they are kept with a voice. What an earlier version kept as 'statistics' is passed over.
_LINES = "length_statistics"


class KokoroEngine:
    """Speaks in voices that were fitted in these very weights, and in no other. Threads take turns, piece by piece."""

    name = "kokoro"
    model = "kokoro-82m"

    def __init__(self, device: str = "cpu") -> None:
        self.revision = revision()
        self._acoustics = Acoustics(device)
        open_phone_sounds()  # a waiting person must not pay for its first use
        self._renderer = Renderer(self._acoustics)
        # One thread: it works ahead of whoever listens, and what was cancelled is finished before the next begins.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="speak")
        self._statistics: dict[str, LengthStatistics] = {}

    def capabilities(self) -> Capabilities:
        """English; pace, pitch and loudness can be steered; in pieces of half a second and more."""
        return Capabilities(("en",), MIN_ENROL_S, pace=True, pitch=True, manner=True, streaming=True)

    def fit(
        self,
        clips: Sequence[Clip],
        *,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
        checkpoint: bytes | None = None,
        keep_checkpoint: KeepCheckpoint | None = None,
        budget_s: float | None = None,
    ) -> Voice:
        """Search the space of voices for the one that sounds like `clips`; see `workers.speak.fit`."""
        fit = Fit(self._acoustics, clips, self.revision)
        if checkpoint is not None:
            fit.restore(checkpoint)
        vectors, measures = fit.run(progress, cancelled, keep_checkpoint, budget_s)
        voice = Voice(self.name, self.model, self.revision, vectors, measures)
        with torch.inference_mode():
            lines = self._statistics_of(voice).lines.cpu().numpy()
        return replace(voice, vectors={**vectors, _LINES: lines})

    def say(
        self,
        text: str,
        voice: Voice,
        manner: Manner | None = None,
        *,
        cancelled: Cancelled | None = None,
        pronunciations: Mapping[str, str] | None = None,
    ) -> Generator[Speech, None, None]:
        """Speak `text` piece by piece, each made while the one before it is used; see `Engine.say`."""
        if (voice.engine, voice.model, voice.revision) != (self.name, self.model, self.revision):
            raise SpokenError(
                "wrong_voice",
                "This voice was built for another engine or revision, so it is not used. Build the voice again.",
            )
        found = self._clauses(text, pronunciations)
        yield from ahead(lambda gone: self._pieces(found, voice, manner or Manner(), gone), self._worker, cancelled)

    def _pieces(
        self, found: Sequence[tuple[str, str]], voice: Voice, manner: Manner, gone: Cancelled
    ) -> Iterator[Speech]:
        """All of some clauses, each piece when it is asked for; ends between two pieces once `gone`."""
        opening = True
        follower = self._follower(manner, [text for text, _ in found])
        for number, (text, phones) in enumerate(found):
            if gone():
                return
            with torch.inference_mode():
                plan = self._plan(text, phones, voice, manner, follower, number)
            cuts = stretches(plan.text, plan.phones, plan.frames.durations.tolist(), first=opening)
            for place, (stretch, samples) in enumerate(zip(cuts, self._sound(plan, cuts, voice), strict=True)):
                samples = at_level(without_lead(samples) if opening else samples, gain_db=plan.gain_db)
                end = place == len(cuts) - 1
                samples = faded(samples, start=place == 0, end=end)
                yield Speech(stretch.text, Audio(samples, SPEECH_RATE_HZ), last=end and number == len(found) - 1)
                opening = False
                if gone():
                    return

    def _clauses(self, text: str, pronunciations: Mapping[str, str] | None) -> list[tuple[str, str]]:
        """Clauses and their phones, no more than are spoken well at once. What is silent is told with a neighbour."""
        found: list[tuple[str, str]] = []
        silent = ""
        todo = clauses(speakable(text))[::-1]
        while todo:
            piece = todo.pop()
            phones = self._acoustics.phones(respelt(piece, pronunciations))
            if len(phones) > BEST_PHONES and len(piece) > 1:
                todo.extend(reversed(halves(piece)))
            elif phones:
                found.append((f"{silent} {piece}".strip(), phones))
                silent = ""
            elif found:
                found[-1] = (f"{found[-1][0]} {piece}", found[-1][1])
            else:
                silent = f"{silent} {piece}"
        if not found:
            raise SpokenError("nothing_to_say", "There is nothing in this text that can be spoken.")
        return found

    def _plan(
        self, text: str, phones: str, voice: Voice, manner: Manner, follower: Follower | None = None, place: int = 0
    ) -> Plan:
        """How a clause is to be said: its durations, contours and timbre. `place`: which of the follower's it is."""
        measures = voice.measures
        pace = _within(manner.pace * measures["pace"], PACE_RANGE)
        ratio = _within(measures["f0_ratio"] * 2 ** (manner.pitch_semitones / 12), RATIO_RANGE)
        movement = _within(measures["f0_movement"] * manner.pitch_range, MOVEMENT_RANGE)
        style = self._acoustics.styled(self._tensor(voice.vectors["style"]), len(phones))
        frames = self._acoustics.frames(phones, style, pace)
        course = follower.course(place, phones, frames) if follower else None
        if course is not None:
            frames = stretched(frames, course.durations)
        f0_hz, energy = self._acoustics.contours(frames, style)
        f0_hz = reshaped(f0_hz, ratio=ratio, movement=movement)
        if follower is not None and course is not None:
            own_hz = measures.get("f0_median_hz", 0.0) * 2 ** (manner.pitch_semitones / 12)
            f0_hz, energy = follower.bent(course, f0_hz, energy, own_hz)
        modulation = self._acoustics.modulation(style, self._moved(voice))
        return Plan(text, phones, frames, f0_hz, energy, modulation, measures["gain_db"] + manner.gain_db)

    def _sound(self, plan: Plan, cuts: Sequence[Stretch], voice: Voice) -> Iterator[FloatArray]:
        """The samples of each stretch of a clause, before level and edges."""
        with torch.inference_mode():
            # A clause in one piece brings statistics of its own, and a very short one is far from any other's.
            statistics = None if len(cuts) == 1 else self._statistics_of(voice).at(plan.spoken_s)
            prepared = self._renderer.prepared(plan, statistics)
        for stretch in cuts:
            with torch.inference_mode():
                samples = self._renderer.sound(prepared, stretch.start, stretch.stop)
            yield samples

    def _statistics_of(self, voice: Voice) -> LengthStatistics:
        """What the generator's norms meet when this voice speaks; of a voice from before, measured on first use."""
        if (kept := voice.vectors.get(_LINES)) is not None:
            return LengthStatistics(self._tensor(kept), self._renderer.is_variance)
        vectors = (voice.vectors[name].tobytes() for name in sorted(voice.vectors))
        key = hashlib.sha256(b"".join(vectors)).hexdigest()
        if key not in self._statistics:
            while len(self._statistics) >= KEPT_VOICES:
                self._statistics.pop(next(iter(self._statistics)), None)
            plans = [self._plan(text, self._acoustics.phones(text), voice, Manner()) for text in PROBES]
            self._statistics[key] = self._renderer.statistics(plans)
        return self._statistics[key]

    def _follower(self, manner: Manner, pieces: Sequence[str]) -> Follower | None:
        """What makes these clauses go as the utterance went; None where there is nothing to follow."""
        performance = manner.performance
        if performance is None or performance.strength <= 0:
            return None
        return Follower(self._acoustics, performance, pieces)

    def _moved(self, voice: Voice) -> torch.Tensor | None:
        moved = voice.vectors.get("modulation")
        return None if moved is None else self._tensor(moved)[None]

    def _tensor(self, array: FloatArray) -> torch.Tensor:
        return torch.from_numpy(np.array(array)).to(self._acoustics.device)


def revision() -> str:
    """The revision that a voice is bound to: the sha256 of the very weights."""
    weights = next(file for file in models.manifest().artefacts["kokoro"].files if file.path.endswith(".safetensors"))
    return weights.sha256[:16]


def _within(value: float, limits: tuple[float, float]) -> float:
    return min(max(value, limits[0]), limits[1])
