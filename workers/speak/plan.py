"""One clause between two questions: how it is to be said, and how that becomes sound."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from workers.speak.acoustics import FRAME_S, Frames


@dataclass(frozen=True)
class Plan:
    """Everything that the decoder is given for a clause. Manner changes plans; renderers sound them.

    f0_hz, energy: (1, 2n) for n alignment frames. modulation: (1, modulation_size), see `workers.speak.acoustics`.
    gain_db: to be laid on the decoded sound.
    """

    text: str
    phones: str
    frames: Frames
    f0_hz: Tensor
    energy: Tensor
    modulation: Tensor
    gain_db: float

    @property
    def spoken_s(self) -> float:
        """From the first phone on: what comes before it is silence."""
        return float(self.frames.durations[1:].sum()) * FRAME_S
