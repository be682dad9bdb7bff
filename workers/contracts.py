"""What the rooms of `workers` hand to each other: a handful of frozen dataclasses, and nothing else.

No room imports another room's insides; they all import this. Arrays are NumPy float32 unless said otherwise,
so that a test, a notebook and a task see the same thing whichever library made it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

RECOGNITION_RATE_HZ = 16_000
SPEECH_RATE_HZ = 24_000

#: Called with the share done (0 to 1) and a short plain sentence for the person who waits.
Progress = Callable[[float, str], None]
#: Asked between steps; true means: stop at once, and leave nothing half-built behind.
Cancelled = Callable[[], bool]


class SpokenError(Exception):
    """An error whose message is written for the person who reads it: what is wrong, and what to do.

    `code` is stable and short, for tests, clients and logs; the message may be shown as it is. It never holds
    anybody's words, name or key.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Stopped(Exception):
    """The work was cancelled on request. Not an error."""


@dataclass(frozen=True)
class Audio:
    """Mono sound. `samples`: (n,) float32 in −1..1."""

    samples: FloatArray
    rate_hz: int

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.rate_hz


@dataclass(frozen=True)
class Clip:
    """A piece of a patient's historic speech that a voice is built from: sound and the words in it."""

    audio: Audio
    text: str


@dataclass(frozen=True)
class ClipQuality:
    """What a recording is worth for building a voice, measured, and said in plain words.

    `verdict`: 'good', 'usable' or 'unusable'. `reasons` hold one plain sentence each, worst first, that say what
    is wrong and what to do. `speakers` is 1, or 2 for 'more than one'.
    """

    duration_s: float
    speech_s: float
    snr_db: float
    clipped_share: float
    bandwidth_hz: float
    speakers: int
    verdict: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Word:
    """A recognised word; times from the start of the utterance; confidence 0..1."""

    text: str
    start_s: float
    end_s: float
    confidence: float


@dataclass(frozen=True)
class Reading:
    """One of several things that the person may have said; confidence 0..1.

    english: what it is in English, where that is what is to sound and `text` is in another language; else ''.
    """

    text: str
    confidence: float
    english: str = ""


@dataclass(frozen=True)
class Transcript:
    """What was understood.

    `gate` is None when nothing spoke against the text, else the code of the gate that closed: 'no_speech',
    'too_short', 'no_words' (sound, but nobody near speaks), 'looping', 'invented', 'impossible_rate', 'low_confidence',
    'listed_word' (a word of the patient's list stands where another was found), 'no_english' (words, that could not be
    put into English). `readings` (best first, at most three, distinct after normalising) are there whatever the gate
    says, unless there was no speech, or no English. Text that a gate held back must never be spoken unasked.
    """

    text: str
    words: tuple[Word, ...]
    confidence: float
    language: str
    readings: tuple[Reading, ...]
    gate: str | None
    speech_s: float


@dataclass(frozen=True)
class Prosody:
    """How an utterance was said. Frame arrays share one length and `frame_s`.

    f0_hz: (frames,) 0 where unvoiced. energy_db: (frames,) dBFS. Scalars are over speech only. `pauses` are
    (start_s, end_s) of silences of 0.2 s and more between first and last speech. `rate_syllables_s` counts syllables
    over the whole utterance, `articulation_syllables_s` over speech without its pauses. nan where it cannot be
    measured.
    """

    frame_s: float
    f0_hz: FloatArray
    energy_db: FloatArray
    f0_median_hz: float
    f0_spread_semitones: float
    energy_median_db: float
    energy_spread_db: float
    voiced_share: float
    rate_syllables_s: float
    articulation_syllables_s: float
    pauses: tuple[tuple[float, float], ...]
    jitter: float
    shimmer: float
    hnr_db: float
    tilt_db_octave: float
    duration_s: float


@dataclass(frozen=True)
class Baseline:
    """A patient's own normal: per feature name the median and the spread (1.4826 × MAD), over `count` utterances."""

    median: Mapping[str, float]
    spread: Mapping[str, float]
    count: int


@dataclass(frozen=True)
class Score:
    """A reading of 0..1 with its interval, and the cues that made it, in words a clinician can check."""

    value: float
    low: float
    high: float
    cues: tuple[str, ...]


@dataclass(frozen=True)
class Feeling:
    """Distress and urgency of one utterance. `note` says what limits the reading, such as 'no baseline yet'."""

    distress: Score
    urgency: Score
    note: str = ""


@dataclass(frozen=True)
class Performance:
    """How one utterance went, moment by moment, freed of its impairment: what restored speech is to follow.

    `audio` is the utterance at 16 kHz, to align the restored words with; `words` what was recognised in it, with times.
    Frame arrays share one length and `frame_s`: f0_semitones (frames,) about the utterance's own median, nan where
    there is no sure pitch; energy_db (frames,) about its own median of speech.

    tempo: how many times faster than it was said it is to be said. closeness 0..1: how far its timing is its own (1:
    followed phone by phone) or the impairment's (0: of each word, only what stands out). pauses_kept 0..1: the share of
    its pauses that goes beyond the speaker's usual. strength 0..1: how much of all this to follow. in_place: each word
    is to start when it did, counted from the first, and rests are kept up to 5 s.
    """

    audio: Audio
    words: tuple[Word, ...]
    frame_s: float
    f0_semitones: FloatArray
    energy_db: FloatArray
    tempo: float = 1.0
    closeness: float = 1.0
    pauses_kept: float = 1.0
    strength: float = 1.0
    in_place: bool = False


@dataclass(frozen=True)
class Manner:
    """How restored speech is to be said. 1.0, 0, 0 dB and None change nothing.

    pace: speaking rate over the voice's own. pitch_semitones: shift of the voice's own median. pitch_range: factor on
    F0 movement about the median. gain_db: loudness over the voice's own. performance: the utterance's own course, for
    engines that can follow it.
    """

    pace: float = 1.0
    pitch_semitones: float = 0.0
    pitch_range: float = 1.0
    gain_db: float = 0.0
    performance: Performance | None = None


@dataclass(frozen=True)
class Voice:
    """A built voice: small arrays, bound to the engine, model and revision that they were fitted in.

    `vectors` hold float32 arrays by name (a style, an embedding); `measures` are numbers worth showing (similarity
    on held-out sound, the patient's F0 median in Hz, syllables a second).
    """

    engine: str
    model: str
    revision: str
    vectors: Mapping[str, FloatArray]
    measures: Mapping[str, float]


@dataclass(frozen=True)
class Speech:
    """A piece of speech as it was made: a clause, or some words of one. `audio` is at 24 kHz."""

    text: str
    audio: Audio
    last: bool


@dataclass(frozen=True)
class Capabilities:
    """What an engine can do; a page asks this before it offers a control."""

    languages: tuple[str, ...]
    min_enrol_s: float
    pace: bool
    pitch: bool
    manner: bool
    streaming: bool


@dataclass(frozen=True)
class Statement:
    """One line of a draft note, with where it comes from. `utterance_ids` is never empty."""

    section: str
    text: str
    utterance_ids: tuple[str, ...]
    at: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
