"""The default engine: Kokoro-82M, spoken in a fitted style. Implements `workers.speak.engine.Engine`."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

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
    Stopped,
    Voice,
)
from workers.speak.acoustics import Acoustics, reshaped
from workers.speak.clauses import clauses
from workers.speak.encoders import GE2E
from workers.speak.engine import KeepCheckpoint
from workers.speak.fit import MIN_ENROL_S, Fit
from workers.speak.follow import Follower, stretched
from workers.speak.level import at_level, faded, without_lead
from workers.speak.phone_sounds import open_phone_sounds
from workers.speak.plan import Plan

PACE_RANGE = (0.5, 1.8)
RATIO_RANGE = (0.5, 2.0)
MOVEMENT_RANGE = (0.3, 2.0)


class KokoroEngine:
    """Speaks in voices that were fitted in these very weights, and in no other. Threads take turns."""

    name = "kokoro"
    model = "kokoro-82m"

    def __init__(self, device: str = "cpu") -> None:
        self.revision = revision()
        self._acoustics = Acoustics(device)
        open_phone_sounds()  # a waiting person must not pay for its first use
        self._turn = threading.Lock()

    def capabilities(self) -> Capabilities:
        """English; pace, pitch and loudness can be steered; clause by clause."""
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
        fit = Fit(self._acoustics, GE2E(self._acoustics.device), clips, self.revision)
        if checkpoint is not None:
            fit.restore(checkpoint)
        vectors, measures = fit.run(progress, cancelled, keep_checkpoint, budget_s)
        return Voice(self.name, self.model, self.revision, vectors, measures)

    def say(
        self, text: str, voice: Voice, manner: Manner | None = None, *, cancelled: Cancelled | None = None
    ) -> Iterator[Speech]:
        """Speak `text` clause by clause; see `Engine.say`."""
        if (voice.engine, voice.model, voice.revision) != (self.name, self.model, self.revision):
            raise SpokenError(
                "wrong_voice",
                "This voice was built for another engine or revision, so it is not used. Build the voice again.",
            )
        pieces = [(piece, phones) for piece in clauses(text) if (phones := self._acoustics.phones(piece))]
        if not pieces:
            raise SpokenError("nothing_to_say", "There is nothing in this text that can be spoken.")
        manner = manner or Manner()
        follower = self._follower(manner, [piece for piece, _ in pieces])
        for place, (piece, phones) in enumerate(pieces):
            if cancelled is not None and cancelled():
                raise Stopped
            with self._turn, torch.inference_mode():
                plan = self._plan(piece, phones, voice, manner, follower, place)
                samples = self._sound(plan)
            samples = at_level(samples, gain_db=plan.gain_db)
            samples = faded(without_lead(samples) if place == 0 else samples)
            yield Speech(piece, Audio(samples, SPEECH_RATE_HZ), last=place == len(pieces) - 1)

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

    def _follower(self, manner: Manner, pieces: Sequence[str]) -> Follower | None:
        """What makes these clauses go as the utterance went; None where there is nothing to follow."""
        performance = manner.performance
        if performance is None or performance.strength <= 0:
            return None
        return Follower(self._acoustics, performance, pieces)

    def _sound(self, plan: Plan) -> FloatArray:
        """The clause's samples, before level and edges."""
        return self._acoustics.decode(plan.frames, plan.f0_hz, plan.energy, plan.modulation).cpu().numpy()

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
