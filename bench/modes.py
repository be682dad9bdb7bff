"""Whether words start when they did: `python -m bench.modes --json [--recordings DIR] [--most N] [--sound]`.

Without a folder: clauses of the human reading. DIR holds one speaker's WAV files and transcripts.tsv, as `bench.manner`
takes them. Each is planned as Restore says it (strength 0.6 as a patient begins, and all of it; a baseline of all
utterances) and as they said it; then the same with *simulated* halting speech (0.7 of the rate, pauses of 0.8 s in the
mean at the quietest places; `bench.impair`).

Words' starts are counted from the first word, in what the engine's aligner finds in the recording and in the frames
that the network is given. With `--sound` a quick voice of the speaker says them, and the same aligner is given the
restored sound, with the words that Whisper hears in it. 'again' is the recording against itself, 3 dB softer and 0.23 s
later: what that way of listening is off by.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench import impair, measure
from bench.impair import Recipe
from bench.manner import RATE_HZ, Heard, _folder, _reading, heard, manner_of, spoken, usual_of
from workers import models
from workers.contracts import Audio, BoolArray, FloatArray, Manner, Voice
from workers.feel import manner
from workers.speak.acoustics import Acoustics
from workers.speak.clauses import clauses
from workers.speak.follow import STEP_S, Follower
from workers.speak.kokoro import KokoroEngine
from workers.speak.matching import words_of_phones
from workers.speak.timeline import Timeline
from workers.understand.recogniser import Recogniser

HALTING = Recipe(slowing=1 / 0.7, slowing_spread=0.1, pauses_per_s=0.5, pause_s=0.8)
STRENGTH = 0.6  # what a patient begins with
_LATER_S, _SOFTER_DB = 0.23, -3.0
_Way = Callable[[Heard], Manner]


class _Starts(Timeline):
    """Keeps when each word's first token was heard, and moves nothing."""

    def __init__(self) -> None:
        super().__init__(STEP_S)
        self.found: dict[int, float] = {}

    def kept(
        self, durations: FloatArray, starts_s: FloatArray, pauses: BoolArray, owners: Sequence[int | None]
    ) -> FloatArray:
        """See `Timeline.kept`."""
        for token, owner in enumerate(owners):
            if owner is not None and np.isfinite(starts_s[token]):
                self.found.setdefault(owner, float(starts_s[token]))
        return durations


class Bench:
    """A speaker's utterances, heard and planned."""

    def __init__(self, recogniser: Recogniser, acoustics: Acoustics) -> None:
        self._recogniser, self._acoustics = recogniser, acoustics

    def hear(self, text: str, audio: Audio) -> Heard:
        """As the live path does."""
        return heard(self._recogniser, text, measure.resample(audio, RATE_HZ))

    def aligned(self, one: Heard) -> dict[int, float]:
        """When each word of the text starts in the sound, s; words that were not heard are left out."""
        performance = as_said(one).performance
        if performance is None:
            return {}
        follower, starts = Follower(self._acoustics, performance, [one.text]), _Starts()
        follower._timeline = starts
        phones = self._acoustics.phones(one.text)
        follower.course(0, phones, self._frames(phones))
        return starts.found

    def planned(self, one: Heard, how: Manner) -> dict[int, float]:
        """When each word starts in the frames that the network is given, s."""
        assert how.performance is not None
        pieces = clauses(one.text)
        follower = Follower(self._acoustics, how.performance, pieces)
        found: dict[int, float] = {}
        passed, words = 0.0, 0
        for place, piece in enumerate(pieces):
            phones = self._acoustics.phones(piece)
            frames = self._frames(phones, how.pace)
            course = follower.course(place, phones, frames)
            durations = frames.durations.numpy() if course is None else course.durations
            each = self._acoustics.phones_of_each(piece.split())
            starts = passed + np.concatenate([[0.0], np.cumsum(durations)])
            for token, owner in enumerate([None, *words_of_phones(phones, each), None]):
                if owner is not None:
                    found.setdefault(words + owner, float(starts[token]) * STEP_S)
            passed, words = float(starts[-1]), words + len(piece.split())
        return found

    def _frames(self, phones: str, pace: float = 1.0) -> Any:
        style = self._acoustics.space.style(self._acoustics.space.names[0], len(phones))
        with torch.inference_mode():
            return self._acoustics.frames(phones, torch.from_numpy(style)[None], pace)


def main() -> None:
    """Hear, plan, say if asked, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object (the only form there is)")
    parser.add_argument("--recordings", type=Path, default=None, help="folder with WAV files and transcripts.tsv")
    parser.add_argument("--most", type=int, default=6, help="at most so many utterances, evenly drawn")
    parser.add_argument("--sound", action="store_true", help="say them too, and listen")
    parser.add_argument("--budget", type=float, default=20.0, help="with --sound: seconds for the search of the voice")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    enrolled, judged = _reading() if asked.recordings is None else _folder(asked.recordings)
    judged = judged[:: max(1, -(-len(judged) // asked.most))]
    bench = Bench(Recogniser(models.path("whisper-base"), threads=asked.threads), Acoustics())
    historic = manner.of_historic(enrolled)
    engine = KokoroEngine() if asked.sound else None
    voice = engine.fit(enrolled, budget_s=asked.budget) if engine else None
    own = Voice("", "", "", voice.vectors if voice else {}, {**(voice.measures if voice else {}), **historic})
    figures: dict[str, Any] = {"utterances": len(judged)}
    for kind in ("clear", "simulated_halting"):
        said = []
        for place, clip in enumerate(judged):
            sound = measure.resample(clip.audio, RATE_HZ)
            said.append(bench.hear(clip.text, sound if kind == "clear" else impair.apply(sound, HALTING, place)))
        figures[kind] = {name: _planned(bench, said, way) for name, way in _ways(said, own).items()}
        if engine is not None and voice is not None:
            for name, way in _ways(said, own).items():
                figures[kind][f"{name}_sound"] = _sounds(
                    bench, said, [spoken(engine, one.text, voice, way(one)) for one in said]
                )
            figures[kind]["again"] = _sounds(bench, said, [_again(one.audio) for one in said])
    print(json.dumps(figures, indent=2))  # noqa: T201


def as_said(one: Heard) -> Manner:
    """All of it, without a baseline."""
    return manner.as_said(one.prosody, one.audio, one.transcript.words, None)


def _ways(said: Sequence[Heard], voice: Voice) -> dict[str, _Way]:
    usual = usual_of(said)
    return {
        "restore": lambda one: manner_of(one, usual, voice, STRENGTH),
        "restore_all": lambda one: manner_of(one, usual, voice),
        "as_said": as_said,
    }


def _planned(bench: Bench, said: Sequence[Heard], way: _Way) -> dict[str, float]:
    off: list[float] = []
    for one in said:
        off += _apart(bench.aligned(one), bench.planned(one, way(one)))
    return _summary(off)


def _sounds(bench: Bench, said: Sequence[Heard], restored: Sequence[Audio]) -> dict[str, float]:
    off: list[float] = []
    texts: list[str] = []
    for one, sound in zip(said, restored, strict=True):
        again = bench.hear(one.text, sound)
        texts.append(again.transcript.text)
        off += _apart(bench.aligned(one), bench.aligned(again))
    return _summary(off) | {"wer": round(measure.word_error_rate([one.text for one in said], texts), 3)}


def _again(audio: Audio) -> Audio:
    later = np.zeros(round(_LATER_S * audio.rate_hz), np.float32)
    return Audio(np.concatenate([later, audio.samples * np.float32(10 ** (_SOFTER_DB / 20))]), audio.rate_hz)


def _apart(own_s: dict[int, float], other_s: dict[int, float]) -> list[float]:
    """Of every word but the first, from which time is counted."""
    both = sorted(set(own_s) & set(other_s))
    if len(both) < 2:
        return []
    own, other = np.array([own_s[word] for word in both]), np.array([other_s[word] for word in both])
    return list(np.abs((own - own[0]) - (other - other[0]))[1:])


def _summary(off_s: Sequence[float]) -> dict[str, float]:
    if not off_s:
        return {"words": 0}
    return {
        "words": len(off_s),
        "median_s": round(float(np.median(off_s)), 3),
        "p90_s": round(float(np.quantile(off_s, 0.9)), 3),
    }


if __name__ == "__main__":
    main()
