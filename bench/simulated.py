"""A patient out of clear recordings, for `bench understand`: what they say today is **simulated** (`bench.impair`)."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bench import impair, measure, two_cities
from bench.corpora import Speaker, table
from bench.voice import ENROLLED_S
from clinic.learning.prompts import catalogue
from workers.contracts import RECOGNITION_RATE_HZ, Clip, Progress
from workers.hear.decode import decode
from workers.speak.engines import open_engine
from workers.understand.adapt import is_usable

#: Of one speaker's sentences, at most so many are learned from and tested on; of fewer, two thirds are learned from.
LEARNED, TESTED = 50, 30
#: Clear sentences that are neither, as a clinic has them of before.
CLEAR = 12
#: Further draws of the impairment for the sentences that are tested on: a calibration takes more than thirty.
RETAKES = (1, 2)
#: Seconds of search for the voice of before; it has to be near, not the best that there is.
VOICE_S = 180.0


def simulated(folder: Path | None, severities: Sequence[str], language: str = "en") -> Iterator[Speaker]:
    """Each severity as a speaker; one speaker's clear recordings in `folder`, or the human reading of the demo."""
    clips = _clear_clips(folder, language)
    random.Random(1).shuffle(clips)
    learned = min(LEARNED, 2 * len(clips) // 3)
    tested = clips[learned : learned + TESTED]
    spare = clips[learned + TESTED :][:CLEAR] or clips[:CLEAR]
    name = folder.name if folder is not None else "reading"
    for severity in severities:
        said = [
            Clip(impair.impair(clip.audio, severity, place), clip.text)
            for place, clip in enumerate(clips[: learned + TESTED])
        ]
        said = [clip for clip in said if is_usable(clip)]
        texts = {measure.normalised(clip.text, language) for clip in tested}
        adapt = [clip for clip in said if measure.normalised(clip.text, language) not in texts]
        test = [clip for clip in said if measure.normalised(clip.text, language) in texts]
        retakes = [
            Clip(impair.impair(clip.audio, severity, take * len(clips) + place), clip.text)
            for take in RETAKES
            for place, clip in enumerate(tested, learned)
        ]
        retakes = [clip for clip in retakes if is_usable(clip)]
        lasts_s = np.cumsum([clip.audio.duration_s for clip in clips[:learned]])
        before = [clip for clip, until_s in zip(clips[:learned], lasts_s, strict=True) if until_s <= ENROLLED_S]
        yield Speaker(name, severity, adapt, test, spare, tested, retakes, before)


def _clear_clips(folder: Path | None, language: str) -> list[Clip]:
    """One clip a sentence, at 16 kHz."""
    if folder is None:
        found = [*two_cities.enrolment(), *two_cities.held_out()]
    else:
        found = [Clip(decode(folder / name).audio, text) for name, text in table(folder / "transcripts.tsv", 2)]
    once = {measure.normalised(clip.text, language): clip for clip in found}
    return [Clip(measure.resample(clip.audio, RECOGNITION_RATE_HZ), clip.text) for clip in once.values()]


def said_before(speaker: Speaker, language: str, most: int, progress: Progress) -> list[Clip]:
    """Prompts, none of them tested on, in a voice that is fitted on what the speaker recorded before; none where there
    is no such recording, or no engine for the language."""
    engine = open_engine("kokoro")
    if not speaker.before or language not in engine.capabilities().languages:
        return []
    voice = engine.fit(speaker.before, progress=progress, budget_s=VOICE_S)
    tested = {measure.normalised(clip.text, language) for clip in speaker.test}
    texts = [one.text for one in catalogue(language) if measure.normalised(one.text, language) not in tested][:most]
    said = [measure.joined([speech.audio for speech in engine.say(text, voice)]) for text in texts]
    return [Clip(measure.resample(sound, RECOGNITION_RATE_HZ), text) for sound, text in zip(said, texts, strict=True)]
