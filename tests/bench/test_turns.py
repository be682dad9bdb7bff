"""`bench turns`: what it says to people, and what it counts."""

from __future__ import annotations

import numpy as np
import pytest

from bench import impair, turns, two_cities
from bench.turns import PATIENTS, Patient, Said, _halting, _hear, _Outcome
from clinic.live.loudness import Loudness
from workers.activity import at_recognition_rate
from workers.contracts import RECOGNITION_RATE_HZ as RATE
from workers.understand.sounding import stretches

HALTING = Patient("halting", "clean", 0.7, 0.8, 2.0)


def silences_s(samples: np.ndarray) -> list[float]:
    """Inside, of 0.2 s and more."""
    frames = len(samples) // 160
    loud = np.abs(samples[: frames * 160]).reshape(frames, 160).max(axis=1)
    quiet = loud < np.quantile(loud, 0.9) * 10 ** (-25 / 20)
    return [(end - first) / 100 for first, end in stretches(quiet) if first > 0 and end < frames and end - first >= 20]


@pytest.mark.parametrize("place", [4, 7, 9])
def test_pauses_are_put_in_and_none_is_longer_than_the_patients(place: int) -> None:
    parts = impair.take_apart(two_cities.enrolment()[place].audio)
    spoken = at_recognition_rate(impair.put_together(parts, HALTING.recipe, 1))
    longest = []
    for seed in range(6):
        said = _halting(spoken, HALTING, np.random.default_rng(seed))
        longest.append(max(silences_s(said), default=0.0))
        assert longest[-1] < 2.0 + 0.15
    assert max(longest) > 0.5


def tone(seconds: float) -> np.ndarray:
    """What Silero takes for nobody and is loud enough to stand out."""
    return (8000 * np.sin(np.arange(round(seconds * RATE)) * 2 * np.pi * 220 / RATE)).astype("<i2")


def test_what_is_cut_joined_and_waited_for_is_counted() -> None:
    gap, quiet = np.zeros(round(1.2 * RATE), "<i2"), np.zeros(round(5 * RATE), "<i2")
    lead = np.zeros(RATE, "<i2")
    said = Said(np.concatenate([lead, tone(2), gap, tone(2), quiet]).tobytes(), 6.2)
    patient, hurried, cut = _Outcome(), _Outcome(), _Outcome()
    known: list[float] = []
    _hear(said, 1.6, 1.3, Loudness(), patient, known)
    _hear(said, 0.6, 1.3, Loudness(), hurried, known)
    _hear(said, 0.6, 0.3, Loudness(), cut, known)
    assert (patient.cut, patient.joined, len(patient.waits_s)) == (0, 0, 1)
    assert patient.waits_s[0] == pytest.approx(1.6, abs=0.1)
    assert (hurried.cut, hurried.joined) == (1, 1) and hurried.waits_s[0] > 1.2  # 1.3 times the pause before
    assert (cut.cut, cut.joined, cut.waits_s) == (1, 0, [])
    assert known[:2] == pytest.approx([1.2, 1.2], abs=0.1) and known[2] == 0


def test_every_patient_has_both_columns() -> None:
    clips = [clip.audio for clip in two_cities.enrolment()[4:8]]
    found = turns.run(clips, most=1, join_s=1.3, seed=1, learned_from=2)
    assert set(found["patients"]) == {patient.name for patient in PATIENTS}
    for row in found["patients"].values():
        assert row["utterances"] == 1
        assert all(0 <= row[when]["cut_share"] <= 1 for when in ("before", "learned"))
    assert "never ended" in turns._table(found)
