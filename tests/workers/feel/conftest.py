"""Calm utterances of one human reader, measured once; and the same reader made to sound alarmed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import pyworld

from bench import two_cities
from bench.measure import resample
from workers.contracts import Audio, Baseline, Prosody, Transcript, Word
from workers.feel import baseline
from workers.feel.prosody import measure


@dataclass(frozen=True)
class Said:
    """An utterance with its words spread evenly over it (enough to give it a pace), and what it measures."""

    audio: Audio
    text: str
    prosody: Prosody


def words_of(text: str, duration_s: float) -> tuple[Word, ...]:
    each = text.split() or ["-"]
    step = (duration_s - 0.2) / len(each)
    return tuple(Word(word, 0.1 + at * step, 0.1 + (at + 1) * step, 0.95) for at, word in enumerate(each))


def transcript_of(text: str, gate: str | None = None) -> Transcript:
    return Transcript(text, words_of(text or "-", 2.0), 0.9, "en", (), gate, 2.0)


def say(audio: Audio, text: str) -> Said:
    return Said(audio, text, measure(audio, words_of(text, audio.duration_s)))


def alarmed(audio: Audio) -> Audio:
    """The same words 6 semitones higher with 1.6 times the movement, half as fast again, 6 dB louder (WORLD)."""
    sound = audio.samples.astype(np.float64)
    f0, times = pyworld.harvest(sound, audio.rate_hz)
    envelope = pyworld.cheaptrick(sound, f0, times, audio.rate_hz)
    aperiodicity = pyworld.d4c(sound, f0, times, audio.rate_hz)
    voiced = f0 > 0
    median = np.median(f0[voiced])
    f0[voiced] = median * 2 ** (6 / 12) * (f0[voiced] / median) ** 1.6
    faster = (np.arange(int(len(f0) / 1.5)) * 1.5).astype(int)
    made = 2 * pyworld.synthesize(f0[faster], envelope[faster], aperiodicity[faster], audio.rate_hz)
    return Audio(np.clip(made, -1, 1).astype(np.float32), audio.rate_hz)


@pytest.fixture(scope="session")
def calm() -> list[Said]:
    return [say(resample(clip.audio, 16_000), clip.text) for clip in (*two_cities.enrolment(), *two_cities.held_out())]


@pytest.fixture(scope="session")
def usual(calm: list[Said]) -> Baseline:
    """The reader's own normal, from all but the four utterances that the tests judge."""
    return baseline.build([baseline.features(one.prosody) for one in calm[4:]])
