"""`samevoice bench turns`: how many turns of slow, halting speech are cut early, and how long everybody waits.

The speech is **simulated**: recordings of people who read, slowed to 0.4 to 0.7 of their rate, with pauses of up to
2 s inside sentences, clear or impaired by `bench.impair`; and the same as it is. Each is heard in a room (noise at
-42 dB), by what listens in the clinic, window by window. A patient says 60 utterances from which their pauses are
learned as in the product: of turns that were cut, only what was heard of them is known.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from bench import impair, two_cities
from bench.impair import RECIPES, Parts, Recipe
from bench.nothing import murmurers, unit, ward
from clinic.live.loudness import Loudness
from clinic.live.patience import pause_that_ends
from clinic.live.turns import TAP, Turn
from clinic.live.voice_activity import WINDOW_BYTES, WINDOW_S, Silero
from clinic.patients.tables import PAUSE_S
from samevoice.cli import quiet_libraries
from workers.activity import at_recognition_rate
from workers.contracts import RECOGNITION_RATE_HZ, Audio, FloatArray
from workers.understand.sounding import stretches

LEARNED_FROM = 60
BEFORE_S, _AFTER_S = 1.5, 7.0
_ROOM_DB, _WARD_DB = -42.0, -18.0  # under the loudest tenth of the speech
_EARLY_S = 0.1
_LENGTHS_S = (1.5, 7.0)
_PAUSES_S = 0.5  # for each second of speech at the normal rate
_FRAMES_S = 100
_FRAME = RECOGNITION_RATE_HZ // _FRAMES_S
_QUIET_DB = -25.0  # under the loudest tenth
_SOUND_FRAMES = 5


@dataclass(frozen=True)
class Patient:
    """Somebody simulated. rate: share of the normal rate of speech; pause_s, pause_most_s: mean and longest."""

    name: str
    severity: str
    rate: float
    pause_s: float
    pause_most_s: float
    is_in_ward: bool = False

    @property
    def recipe(self) -> Recipe:
        """See `bench.impair`; without its pauses, whose lengths nobody would know."""
        return replace(RECIPES[self.severity], slowing=1 / self.rate, pauses_per_s=0.0)


SHORT = "slow, clear, pauses under 0.6 s"
PATIENTS = (
    Patient("halting, clear", "clean", 0.7, 0.8, 2.0),
    Patient("halting, moderate", "moderate", 0.55, 0.8, 2.0),
    Patient("halting, severe", "severe", 0.4, 0.8, 2.0),
    Patient(SHORT, "clean", 0.7, 0.3, 0.55),
    Patient("slow, moderate, pauses under 0.6 s", "moderate", 0.7, 0.3, 0.55),
    Patient("quick, clear", "clean", 1.0, 0.0, 0.0),
    Patient("halting, moderate, in a ward", "moderate", 0.55, 0.8, 2.0, is_in_ward=True),
)


@dataclass
class _Outcome:
    waits_s: list[float] = field(default_factory=list)
    cut: int = 0
    joined: int = 0
    missed: int = 0
    late: int = 0


@click.command()
@click.option(
    "--recordings", type=click.Path(path_type=Path, exists=True, file_okay=False), multiple=True,
    help="WAVs of one speaker and transcripts.tsv; may be repeated. [the human reading]",
)  # fmt: skip
@click.option("--most", default=60, show_default=True, help="Utterances of each patient that are tested.")
@click.option("--join-s", default=1.3, show_default=True, help="How long after its end a turn is joined.")
@click.option("--seed", default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def turns(recordings: Sequence[Path], most: int, join_s: float, seed: int, as_json: bool) -> None:
    """How many turns of slow, halting speech are cut early, and how long everybody waits."""
    quiet_libraries()
    found = run(sources(recordings), most, join_s, seed)
    click.echo(json.dumps(found, indent=2) if as_json else _table(found))


def sources(folders: Sequence[Path], lengths_s: tuple[float, float] = _LENGTHS_S) -> list[Audio]:
    """Sentences that last so long, at least and at most."""
    if not folders:
        return [clip.audio for clip in (*two_cities.enrolment(), *two_cities.held_out())]
    found = []
    for folder in folders:
        for line in (folder / "transcripts.tsv").read_text(encoding="utf-8").splitlines():
            samples, rate_hz = soundfile.read(folder / line.split("\t")[0], dtype="float32")
            found.append(Audio(samples, rate_hz))
    least_s, most_s = lengths_s
    return [audio for audio in found if least_s <= audio.duration_s <= most_s]


def run(
    sounds: Sequence[Audio], most: int, join_s: float, seed: int, learned_from: int = LEARNED_FROM
) -> dict[str, Any]:
    """Every patient before and after their pauses were learned, and the whole of the halting ones."""
    chance = np.random.default_rng(seed)
    taken = [impair.take_apart(sounds[place]) for place in chance.permutation(len(sounds))[: most + learned_from]]
    patients: dict[str, Any] = {}
    for number, patient in enumerate(PATIENTS):
        every = [_said(parts, patient, [seed, number, place]) for place, parts in enumerate(taken)]
        learning, testing = every[:learned_from], every[learned_from:]
        known: list[float] = []
        loudness = Loudness()
        for one in learning:
            _hear(one, pause_that_ends(PAUSE_S, known), join_s, loudness, _Outcome(), known)
        learned_s = pause_that_ends(PAUSE_S, known)
        before, after = _Outcome(), _Outcome()
        for outcome, pause_s in ((before, PAUSE_S), (after, learned_s)):
            loudness = Loudness()
            for one in testing:
                _hear(one, pause_s, join_s, loudness, outcome, [])
        patients[patient.name] = {
            "utterances": len(testing),
            "mean_s": float(np.mean([one.end_s - BEFORE_S for one in testing])),
            "longest_pauses_s": {"median": float(np.median(known)), "most": max(known)} if known else None,
            "before": {"pause_s": PAUSE_S, **_shares(before, len(testing))},
            "learned": {"pause_s": round(learned_s, 2), **_shares(after, len(testing))},
        }
    halting = [row for name, row in patients.items() if name.startswith("halting") and not name.endswith("ward")]
    short = patients[SHORT]["learned"]
    return {
        "simulated": True,
        "cut_share": float(np.mean([row["before"]["cut_share"] for row in halting])),
        "cut_share_learned": float(np.mean([row["learned"]["cut_share"] for row in halting])),
        "joined_share": float(np.mean([row["learned"]["joined_share"] for row in halting])),
        "wait_p50_s": short["wait_p50_s"],
        "patients": patients,
    }


def said(
    folders: Sequence[Path], patients: Sequence[Patient], most: int, seed: int,
    lengths_s: tuple[float, float] = _LENGTHS_S,
) -> list[list[Said]]:  # fmt: skip
    """Up to `most` utterances of each patient, the same words for each."""
    sounds = sources(folders, lengths_s)
    chance = np.random.default_rng(seed)
    taken = [impair.take_apart(sounds[place]) for place in chance.permutation(len(sounds))[:most]]
    return [
        [_said(parts, patient, [seed, number, place]) for place, parts in enumerate(taken)]
        for number, patient in enumerate(patients)
    ]


class _Once:
    """Silero, asked once about each window of an utterance: what it says depends on nothing else."""

    def __init__(self) -> None:
        self._silero, self._said, self._place = Silero(), list[float](), 0

    def probability(self, window: bytes) -> float:
        self._place += 1
        if self._place > len(self._said):
            self._said.append(self._silero.probability(window))
        return self._said[self._place - 1]

    def reset(self) -> None:
        self._place = 0


@dataclass(frozen=True)
class Said:
    """An utterance in its room, with silence around it. pcm: s16le, 16 kHz. end_s: of its last sound."""

    pcm: bytes
    end_s: float
    detector: _Once = field(default_factory=_Once)


def _said(parts: Parts, patient: Patient, seed: Sequence[int]) -> Said:
    """An utterance in its room, and when it truly ended."""
    chance = np.random.default_rng(seed)
    spoken = at_recognition_rate(impair.put_together(parts, patient.recipe, int(chance.integers(2**31))))
    heard = _halting(spoken, patient, chance) if patient.pause_s else spoken
    loud = float(np.quantile(np.abs(heard), 0.98))
    end_s = BEFORE_S + _end_s(heard)
    whole = np.pad(heard, (round(BEFORE_S * RECOGNITION_RATE_HZ), round(_AFTER_S * RECOGNITION_RATE_HZ)))
    if patient.is_in_ward:
        whole += loud * 10 ** (_WARD_DB / 20) * _ward(len(whole), chance)
    whole += loud * 10 ** (_ROOM_DB / 20) * chance.standard_normal(len(whole)).astype(np.float32)
    return Said((np.clip(whole, -1, 1) * 32767).astype("<i2").tobytes(), end_s)


def _end_s(heard: FloatArray) -> float:
    """When the last sound of 0.05 s ends: recordings have clicks and a tail."""
    runs = [end for first, end in stretches(~_quiet(heard)) if end - first >= _SOUND_FRAMES]
    return runs[-1] / _FRAMES_S


def _quiet(samples: FloatArray) -> NDArray[np.bool_]:
    """(n,) of each hundredth of a second."""
    level_db = _level_db(samples)
    return np.asarray(level_db < np.quantile(level_db, 0.9) + _QUIET_DB)


def _level_db(samples: FloatArray) -> NDArray[np.float64]:
    frames = len(samples) // _FRAME
    return np.asarray(20 * np.log10(np.abs(samples[: frames * _FRAME]).reshape(frames, _FRAME).max(axis=1) + 1e-9))


def _halting(spoken: FloatArray, patient: Patient, chance: np.random.Generator) -> FloatArray:
    """With pauses at the quietest places, so that no pause of it is longer than `pause_most_s`."""
    level_db, quiet = _level_db(spoken), _quiet(spoken)
    frames = len(quiet)
    edges = np.flatnonzero(~quiet)
    places, _ = find_peaks(-gaussian_filter1d(level_db, 3), distance=round(0.8 * _FRAMES_S))
    places = places[(places > edges[0]) & (places < edges[-1])]
    wanted = min(len(places), chance.poisson(_PAUSES_S * frames / _FRAMES_S * patient.rate))
    lengths_s = {int(place): _pause_s(patient, chance) for place in chance.choice(places, wanted, replace=False)}
    # What the recording itself pauses counts too.
    for first, end in stretches(quiet):
        if edges[0] < first and end <= edges[-1]:
            lengths_s.setdefault((first + end) // 2, min((end - first) / _FRAMES_S, patient.pause_most_s))
    pieces, at = [], 0
    for place, length_s in sorted(lengths_s.items()):
        first, end = _run_about(quiet, place)
        pieces += [spoken[at : max(at, first * _FRAME)], np.zeros(round(length_s * RECOGNITION_RATE_HZ), np.float32)]
        at = max(at, end * _FRAME)
    return np.concatenate([*pieces, spoken[at:]])


def _pause_s(patient: Patient, chance: np.random.Generator) -> float:
    return float(min(patient.pause_most_s, chance.gamma(4.0, patient.pause_s / 4.0)))


def _run_about(quiet: NDArray[np.bool_], place: int) -> tuple[int, int]:
    """The quiet frames around `place`; none where it is in the middle of sound."""
    if not quiet[place]:
        return place, place
    sound = np.flatnonzero(~quiet)
    return int(sound[sound < place].max()) + 1, int(sound[sound > place].min())


def _ward(count: int, chance: np.random.Generator) -> FloatArray:
    return unit(ward(count / RECOGNITION_RATE_HZ, murmurers(None), chance))[:count].astype(np.float32)


def _hear(one: Said, pause_s: float, join_s: float, loudness: Loudness, outcome: _Outcome, known: list[float]) -> None:
    """Listen to it as the clinic does; what is learned of it goes to `known`."""
    turn = Turn(TAP, pause_s, one.detector, loudness)
    ended, over_s = None, 0.0
    was_cut = was_joined = False
    for start in range(0, len(one.pcm), WINDOW_BYTES):
        at_s = (start / WINDOW_BYTES + 1) * WINDOW_S
        window = one.pcm[start : start + WINDOW_BYTES]
        if ended is None:
            if ended := turn.feed(window):
                over_s = at_s
                was_cut = was_cut or over_s < one.end_s - _EARLY_S
        elif at_s - over_s > join_s:
            break
        elif turn.goes_on(window):
            ended, was_joined = None, True
    outcome.cut += was_cut
    outcome.joined += was_cut and was_joined and over_s >= one.end_s - _EARLY_S
    if ended is None:
        outcome.late += 1
        ended = turn.so_far()
    if not ended.pcm:
        outcome.missed += 1
        return
    if over_s >= one.end_s - _EARLY_S:
        outcome.waits_s.append(over_s - one.end_s)
    if ended.longest_pause_s is not None:
        known.append(ended.longest_pause_s)


def _shares(outcome: _Outcome, count: int) -> dict[str, Any]:
    waits = outcome.waits_s
    return {
        "cut_share": outcome.cut / count,
        "joined_share": outcome.joined / outcome.cut if outcome.cut else 1.0,
        "missed": outcome.missed,
        "never_ended": outcome.late,
        "wait_p50_s": float(np.median(waits)) if waits else None,
        "wait_p95_s": float(np.quantile(waits, 0.95)) if waits else None,
    }


def _table(found: dict[str, Any]) -> str:
    lines = []
    for name, row in found["patients"].items():
        lines.append(name)
        for when in ("before", "learned"):
            part = row[when]
            cut = f"cut {part['cut_share']:.1%}, joined {part['joined_share']:.0%}"
            lines.append(
                f"  {when:8} pause {part['pause_s']:.2f} s   {cut}"
                f"   wait {part['wait_p50_s']:.2f} s (95 %: {part['wait_p95_s']:.2f} s)"
                f"   missed {part['missed']}, never ended {part['never_ended']}"
            )
    return "\n".join(lines)
