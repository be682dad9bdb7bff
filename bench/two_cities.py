"""The corpus of the demo: one human reading with known words, cut into what is enrolled and what is held out.

The opening of Dickens's *A Tale of Two Cities* (1859, public domain), 44 s at 48 kHz, read by one speaker; it comes
with the package `moonshine-voice` (manifest name 'two-cities'). The first two thirds stand for a patient's historic
recording. The last third is never enrolled: impaired by `bench.impair`, it stands for how the patient speaks now, and
unimpaired it is the second real recording that marks 1 on the similarity scale.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import soundfile

from workers import models
from workers.contracts import Audio, Clip, SpokenError

#: (end_s, words) of each clause; a clause starts where the one before it ends, the first at `_FIRST_S`. The words are
#: Dickens's, followed by ear through Whisper base's transcript. Each boundary is the middle of a pause of 0.2 s or
#: more (RMS in 10 ms frames, smoothed over 30 ms, below −50 dBFS; the room's noise is at −60, speech at −35),
#: taken nearest to Whisper's word times. `tests/bench/test_two_cities.py` transcribes every cut again.
_FIRST_S = 1.00
_ENROLLED: tuple[tuple[float, str], ...] = (
    (2.90, "It was the best of times,"),
    (4.78, "it was the worst of times,"),
    (6.42, "it was the age of wisdom,"),
    (8.50, "it was the age of foolishness,"),
    (10.52, "it was the epoch of belief,"),
    (13.12, "it was the epoch of incredulity,"),
    (14.95, "it was the season of light,"),
    (17.12, "it was the season of darkness,"),
    (18.85, "it was the spring of hope,"),
    (20.85, "it was the winter of despair,"),
    (22.68, "we had everything before us,"),
    (24.32, "we had nothing before us,"),
    (26.28, "we were all going direct to heaven,"),
    (28.68, "we were all going direct the other way."),
)
_HELD_OUT: tuple[tuple[float, str], ...] = (
    (32.50, "In short, the period was so far like the present period,"),
    (36.72, "that some of its noisiest authorities insisted on its being received,"),
    (38.51, "for good or for evil,"),
    (42.20, "in the superlative degree of comparison only."),
)


@cache
def recording(path: Path | None = None) -> Audio:
    """The whole reading as it was recorded (48 kHz); `path` stands in for the manifest's file.

    Raises SpokenError ('corpus_missing') if the file cannot be read.
    """
    source = path or models.path("two-cities")
    try:
        samples, rate_hz = soundfile.read(source, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise SpokenError(
            "corpus_missing", "The demo's recording cannot be read. Run `samevoice models fetch` and try again."
        ) from error
    mono = np.ascontiguousarray(samples.mean(axis=1), dtype=np.float32)
    mono.setflags(write=False)
    return Audio(mono, int(rate_hz))


def historic(path: Path | None = None) -> Audio:
    """The enrolled part in one piece (27.7 s): what a family would hand in."""
    return _piece(recording(path), _FIRST_S, _ENROLLED[-1][0])


def enrolment(path: Path | None = None) -> tuple[Clip, ...]:
    """The enrolled part clause by clause (14 clips of 1.6 to 2.6 s), in order; together they are `historic()`."""
    return _cut(recording(path), _FIRST_S, _ENROLLED)


def held_out(path: Path | None = None) -> tuple[Clip, ...]:
    """The last third, in utterances; no fit has heard them."""
    return _cut(recording(path), _ENROLLED[-1][0], _HELD_OUT)


def _cut(whole: Audio, start_s: float, clauses: tuple[tuple[float, str], ...]) -> tuple[Clip, ...]:
    clips = []
    for end_s, text in clauses:
        clips.append(Clip(_piece(whole, start_s, end_s), text))
        start_s = end_s
    return tuple(clips)


def _piece(whole: Audio, start_s: float, end_s: float) -> Audio:
    return Audio(whole.samples[round(start_s * whole.rate_hz) : round(end_s * whole.rate_hz)], whole.rate_hz)
