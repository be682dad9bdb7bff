"""How much a fitted voice is the patient's, on a scale that means something: 0 a stranger, 1 themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from workers.contracts import SPEECH_RATE_HZ, Audio, Clip, FloatArray, Manner, Voice
from workers.models.voice_space import open_voice_space
from workers.speak.acoustics import Acoustics
from workers.speak.build_public_embeddings import public_embeddings
from workers.speak.encoders import GE2E, DVector
from workers.speak.engine import Engine


@dataclass(frozen=True)
class Similarity:
    """Cosines by the judge against a real recording that no fit has heard.

    raw: the fitted voice's. nearest_public: that of the public voice which the fit's own encoder finds nearest.
    second_real: that of the enrolled recording itself.
    """

    raw: float
    nearest_public: float
    second_real: float
    nearest_public_name: str

    @property
    def normalised(self) -> float:
        """0 at the nearest public voice, 1 at a second real recording; may fall below 0."""
        return (self.raw - self.nearest_public) / (self.second_real - self.nearest_public)


def compare(
    engine: Engine, voice: Voice, *, enrolled: Audio, second_real: Sequence[Clip], texts: Sequence[str],
    judge: DVector | None = None,
) -> Similarity:  # fmt: skip
    """Judge `voice` on `texts`, which no fit may have used, by an encoder that no fit has seen."""
    judge = judge or DVector()
    real = judge.embed(_joined([clip.audio for clip in second_real]))
    spoken = [speech.audio for text in texts for speech in engine.say(text, voice, Manner())]
    index = int(np.argmax(public_embeddings() @ GE2E().embed(enrolled)))
    name = open_voice_space().names[index]
    public = in_public_voice(name, texts)
    return Similarity(
        raw=float(judge.embed(_joined(spoken)) @ real),
        nearest_public=float(judge.embed(public) @ real),
        second_real=float(judge.embed(enrolled) @ real),
        nearest_public_name=name,
    )


def in_public_voice(name: str, texts: Sequence[str]) -> Audio:
    """`texts`, one after the other, in a public voice as it is: what others are measured against, never a stand-in."""
    acoustics = Acoustics()
    pieces: list[FloatArray] = []
    with torch.inference_mode():
        for text in texts:
            phones = acoustics.phones(text)
            style = torch.from_numpy(acoustics.space.style(name, len(phones)))[None]
            frames = acoustics.frames(phones, style)
            modulation = acoustics.modulation(style)
            pieces.append(acoustics.decode(frames, *acoustics.contours(frames, style), modulation).numpy())
    return Audio(np.concatenate(pieces), SPEECH_RATE_HZ)


def _joined(sounds: Sequence[Audio]) -> Audio:
    return Audio(np.concatenate([sound.samples for sound in sounds]), sounds[0].rate_hz)
