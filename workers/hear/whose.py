"""Whether it is the patient who speaks: an utterance's voice against how they sound today.

Speaker verification (CAM++ embeddings, cosine with the mean of the enrolled: Wang et al. 2023) with a threshold of the
patient's own, from how like each of their utterances is to the rest: impaired voices lie anywhere, and one threshold
for all would ask some of them all day. Numbers and limits: docs/gates.md. Embeddings are biometric: sealed, in no log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from workers.activity import speech_spans
from workers.contracts import RECOGNITION_RATE_HZ, Audio, BoolArray, FloatArray, SpokenError

#: Gives a unit-norm speaker embedding of 16 kHz sound.
Embed = Callable[[FloatArray], FloatArray]

#: So much sound is listened to: the loudest stretch, since whoever is near the tablet is loudest. 2 s tell people apart
#: as well as more does, and cost under 0.1 s.
LISTENED_S = 2.0
#: A turn with more sound may hold more than one person, as a television that the patient spoke after: further stretches
#: are listened to, one for every `_EVERY_S`, a minute's at most.
_ONE_UP_TO_S, _EVERY_S, _MOST_STRETCHES = 6.0, 4.0, 12
#: So much of such a stretch has to be speech to voice activity.
_LEAST_SPOKEN = 0.5
#: Under this there is nothing to judge by; under `SHORT_S` less likeness is asked for.
LEAST_S, SHORT_S, _SHORT_LESS = 0.5, 1.2, 0.15
#: A reference judges from `LEAST` of the patient's own on, holds the newest `MOST`, and is made anew of the newest
#: `ANEW`: two good days of reading aloud, so that a voice that has changed is soon the one that is known.
LEAST, MOST, ANEW = 10, 60, 20

#: How far the patient's own least like utterance in twenty may still be undercut, and what is asked for at most and at
#: least. Others who speak clearly reach 0.42 at most (docs/gates.md).
_OWN_QUANTILE, _SLACK, _HIGHEST, _LOWEST = 0.05, 0.10, 0.60, 0.45
#: So much under what is asked for, it is clearly somebody else.
_CLEARLY = 0.08
#: Of a long turn it is so only where no stretch comes this near: the patient may speak over a television, which came to
#: 0.41 at most in 23 turns.
_NEAR_IN_LONG = 0.44
#: And so much under it, a further stretch is: it was not chosen for being loud, and may be all breath.
_FURTHER_LESS = 0.20

#: Frames; how many of the loudest say how loud the speech is (0.2 s: a click does not); silence, in dBFS.
_HOP_S, _LOUD_FRAMES, _SILENCE_DB, _UNDER_LOUDEST_DB, _WIDER = 0.02, 10, -80.0, 22.0, 4

OWN, UNLIKE, OTHER, UNJUDGED = "own", "unlike", "other", "unjudged"


@dataclass(frozen=True)
class Voice:
    """Whose voice an utterance has. vector: (size,) float32, unit norm, None where it is too short to tell.

    sounds_s: how much sound there was, in seconds. further: the same as `vector` of other stretches of a long one.
    """

    vector: FloatArray | None
    sounds_s: float
    further: tuple[FloatArray, ...] = ()


@dataclass(frozen=True)
class Finding:
    """found: 'own', 'unlike' (not like the patient), 'other' (clearly not) or 'unjudged'. margin: how far over (+) or
    under (−) what is asked for; None where nothing was judged."""

    found: str
    margin: float | None = None


@dataclass(frozen=True)
class Reference:
    """How a patient sounds today. vectors: (n, size) float32 of unit norm, the newest last; encoder: what made them."""

    vectors: FloatArray
    encoder: str

    @property
    def judges(self) -> bool:
        """Whether there is enough to judge by."""
        return len(self.vectors) >= LEAST

    def likeness(self, vector: FloatArray) -> float:
        """−1..1: the cosine with the mean."""
        return _cosine(self.vectors.mean(axis=0), vector)

    def own(self) -> FloatArray:
        """(n,) how like each is to the mean of the others."""
        whole = self.vectors.sum(axis=0)
        return np.array([_cosine(whole - vector, vector) for vector in self.vectors], np.float32)

    @property
    def asked(self) -> float:
        """The likeness that is asked for of an utterance that is long enough."""
        if not self.judges:
            return _LOWEST
        return float(np.clip(np.quantile(self.own(), _OWN_QUANTILE) - _SLACK, _LOWEST, _HIGHEST))

    def judge(self, voice: Voice) -> Finding:
        """What the check finds. Of a long one, whose stretches may be several people's: 'unlike' where one is the
        patient's and another clearly not; 'other' only where none is like them."""
        if voice.vector is None or not self.judges:
            return Finding(UNJUDGED)
        less = _SHORT_LESS if voice.sounds_s < SHORT_S else 0.0
        margins = [self.likeness(vector) - (self.asked - less) for vector in (voice.vector, *voice.further)]
        if margins[0] >= 0 and min(margins) >= -_FURTHER_LESS:
            return Finding(OWN, round(margins[0], 3))
        near = _NEAR_IN_LONG - self.asked if voice.further else -_CLEARLY
        return Finding(UNLIKE if max(margins) >= near else OTHER, round(margins[0], 3))

    def with_one_more(self, vector: FloatArray) -> Reference:
        """One more of the patient's own; the oldest gives way, so that the reference follows them slowly."""
        return Reference(np.concatenate([self.vectors, vector[None]])[-MOST:], self.encoder)


def reference(vectors: Sequence[FloatArray], encoder: str) -> Reference:
    """Of the newest `MOST` of a patient's own, in order. Raises SpokenError 'no_voices' for none."""
    if not vectors:
        raise SpokenError(
            "no_voices",
            "There is nothing yet of how the patient sounds today. Let them read sentences aloud first.",
        )
    return Reference(np.stack(list(vectors)[-MOST:]).astype(np.float32), encoder)


def voice_of(audio: Audio, embed: Embed) -> Voice:
    """Whose voice `audio` (16 kHz) has."""
    sounds = sounding(audio.samples)
    sounds_s = len(sounds) / RECOGNITION_RATE_HZ
    if sounds_s < LEAST_S:
        return Voice(None, sounds_s)
    further = _further(audio, sounds) if sounds_s > _ONE_UP_TO_S else []
    return Voice(embed(loudest(sounds)), sounds_s, tuple(embed(stretch) for stretch in further))


def _further(audio: Audio, sounds: FloatArray) -> list[FloatArray]:
    """Stretches in which somebody speaks: music and noise are nobody's voice, and may be near to a smeared one."""
    spoken = np.zeros(len(audio.samples), np.float32)
    for start_s, end_s in speech_spans(audio):
        spoken[round(start_s * audio.rate_hz) : round(end_s * audio.rate_hz)] = 1.0
    spoken = _kept(spoken, _loud_frames(audio.samples))
    length = round(LISTENED_S * RECOGNITION_RATE_HZ)
    count = min(_MOST_STRETCHES, int(len(sounds) / RECOGNITION_RATE_HZ / _EVERY_S))
    starts = np.linspace(0, len(sounds) - length, count).astype(int)
    return [
        np.ascontiguousarray(sounds[start : start + length])
        for start in starts
        if spoken[start : start + length].mean() >= _LEAST_SPOKEN
    ]


def sounding(samples: FloatArray) -> FloatArray:
    """`samples` (16 kHz) without what lies 22 dB and more under its loudest 0.2 s, for longer than 0.16 s."""
    return _kept(samples, _loud_frames(samples))


def _loud_frames(samples: FloatArray) -> BoolArray:
    hop = round(_HOP_S * RECOGNITION_RATE_HZ)
    frames = len(samples) // hop
    if frames < _LOUD_FRAMES:
        return np.zeros(frames, np.bool_)
    framed = samples[: frames * hop].reshape(frames, hop)
    level_db = 10 * np.log10(np.square(framed, dtype=np.float64).mean(axis=1) + 1e-12)
    loud = level_db > max(np.sort(level_db)[-_LOUD_FRAMES] - _UNDER_LOUDEST_DB, _SILENCE_DB)
    return np.asarray(np.convolve(loud, np.ones(2 * _WIDER + 1), "same") > 0)


def _kept(samples: FloatArray, frames: BoolArray) -> FloatArray:
    hop = round(_HOP_S * RECOGNITION_RATE_HZ)
    return np.ascontiguousarray(samples[: len(frames) * hop].reshape(-1, hop)[frames].ravel())


def loudest(samples: FloatArray) -> FloatArray:
    """The loudest `LISTENED_S` in a row, of 16 kHz; all of what is shorter."""
    count = round(LISTENED_S * RECOGNITION_RATE_HZ)
    if len(samples) <= count:
        return samples
    power = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    start = int(np.argmax(power[count:] - power[:-count]))
    return np.ascontiguousarray(samples[start : start + count])


def _cosine(one: FloatArray, other: FloatArray) -> float:
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other) + 1e-12))
