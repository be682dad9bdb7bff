"""What of a television passes the gates, without the speaker check and with it: `samevoice bench nothing --television`.

The patient of the check is made of one speaker's recordings, **simulated** impairment, who is not on the television.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import impair, measure, nothing, takes, television
from workers.contracts import RECOGNITION_RATE_HZ, Audio, SpokenError
from workers.hear import whose
from workers.hear.decode import decode
from workers.understand.recogniser import Recogniser

_ENROLLED = 20
#: Of somebody who speaks into the tablet; and how long the television was heard before they do.
_NEAR_DB, _BEFORE_S = -26.0, (8.0, 20.0)


def run(
    recogniser: Recogniser, speakers: Sequence[Path], patient: Patient | None, music: Path, seconds: float,
    seed: int,
) -> dict[str, Any]:  # fmt: skip
    """The television in both cuts, without the check and, for a `patient`, with it."""
    sound = television.television(speakers, music, seconds, seed)
    found: dict[str, Any] = {}
    for cut, pieces in (("free", nothing.turns(sound)), ("held", nothing.held(sound, seed))):
        found[f"television, {cut}"] = nothing.heard_in(recogniser, pieces)
        if patient is not None:
            found[f"television, {cut}, checked"] = _checked(recogniser, pieces, patient.reference, cut == "held")
    if patient is not None:
        found["the patient alone"] = _judged(patient, patient.unheard)
        chance = np.random.default_rng([seed, 8])
        mixed = [_after_some(sound, one, chance) for one in patient.unheard]
        found["the patient after 8 to 20 s of it"] = _judged(patient, mixed)
    return found


@dataclass(frozen=True)
class Patient:
    """Whom the check knows. unheard: utterances of theirs that the reference does not hold, 16 kHz."""

    reference: whose.Reference
    unheard: Sequence[Audio]


def patient_of(folder: Path, severity: str, seed: int) -> Patient:
    """A patient out of 40 utterances in `folder`; half of them are the reference.

    Raises SpokenError 'unknown_severity', and what `whose.reference` raises.
    """
    if severity not in impair.SEVERITIES:
        raise SpokenError("unknown_severity", f"Choose a severity out of {', '.join(impair.SEVERITIES)}.")
    said: list[Audio] = []
    files = sorted(folder.glob("*.wav"))
    for place in np.random.default_rng(seed).permutation(len(files))[: 2 * _ENROLLED]:
        audio = measure.resample(decode(files[place]).audio, RECOGNITION_RATE_HZ)
        if severity != "clean":
            audio = takes.take(impair.take_apart(audio), severity, seed * 100_000 + int(place))
        said.append(audio)
    vectors = [whose.voice_of(audio, embed).vector for audio in said[:_ENROLLED]]
    enrolled = whose.reference([one for one in vectors if one is not None], "campplus")
    return Patient(enrolled, said[_ENROLLED:])


def embed(samples: Any) -> Any:
    """As the service does it."""
    from workers.tasks import rooms

    return rooms.speaker_voice(samples)


def _checked(
    recogniser: Recogniser, pieces: Sequence[Audio], patient: whose.Reference, touched: bool
) -> dict[str, Any]:
    """As `nothing.heard_in`, of what the check leaves: hands-free, what is clearly another's is put aside; whatever is
    not the patient's is offered at most."""
    voices = [whose.voice_of(piece, embed) for piece in pieces]
    found = [patient.judge(voice) for voice in voices]
    likeness = [patient.likeness(voice.vector) for voice in voices if voice.vector is not None]
    passed = [piece for piece, one in zip(pieces, found, strict=True) if one.found == whose.OWN]
    asked = [
        piece
        for piece, one in zip(pieces, found, strict=True)
        if one.found in (whose.UNLIKE, whose.UNJUDGED) or (touched and one.found == whose.OTHER)
    ]
    offered = nothing.heard_in(recogniser, asked)
    through = nothing.heard_in(recogniser, passed)
    return {
        **through,
        "pieces": len(pieces),
        "minutes": sum(piece.duration_s for piece in pieces) / 60,
        "shown": through["shown"] + offered["shown"],
        "texts": [*through["texts"], *offered["texts"]],
        "judged": dict(Counter(one.found for one in found)),
        "asked": round(patient.asked, 3),
        "likeness": [round(float(np.quantile(likeness, share)), 3) for share in (0.0, 0.5, 0.99, 1.0)],
    }


def _judged(patient: Patient, sounds: Sequence[Audio]) -> dict[str, Any]:
    return {
        "count": len(sounds),
        **Counter(patient.reference.judge(whose.voice_of(one, embed)).found for one in sounds),
    }


def _after_some(sound: Audio, said: Audio, chance: np.random.Generator) -> Audio:
    """One turn: some of `sound`, which goes on under the patient, and what they say."""
    before = round(chance.uniform(*_BEFORE_S) * RECOGNITION_RATE_HZ)
    start = int(chance.integers(len(sound.samples) - before - len(said.samples)))
    mixed = sound.samples[start : start + before + len(said.samples)].copy()
    mixed[before:] += nothing.unit(said.samples.astype(np.float64)).astype(np.float32) * 10 ** (_NEAR_DB / 20)
    return Audio(mixed, RECOGNITION_RATE_HZ)
