"""`samevoice bench speaker`: how well a patient is told from others, by how they sound today.

DIR: WAV files of one speaker each, as `bench.further_voices` makes them. Each speaker is the patient in turn, at each
severity (`bench.takes`: **simulated**): half of the utterances are the reference, the other half is judged; so is every
other speaker, who speaks clearly, and who is as impaired. What is judged is in no reference.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import click
import numpy as np

from bench import impair, measure, takes
from samevoice.cli import quiet_libraries
from workers.contracts import RECOGNITION_RATE_HZ, Audio, SpokenError
from workers.hear import whose
from workers.hear.decode import decode

SEVERITIES = ("clean", "mild", "moderate", "severe")
_LEAST_S, _LONGEST_S = 1.0, 8.0
_SHORT_S = 0.8

#: Speaker → severity → utterances' voices, whole and cut to 0.8 s.
_Voices = Mapping[str, Mapping[str, Sequence[tuple[whose.Voice, whose.Voice]]]]


@click.command()
@click.option(
    "--recordings", type=click.Path(path_type=Path, exists=True, file_okay=False), multiple=True, required=True,
    help="WAVs of one speaker; name at least two.",
)  # fmt: skip
@click.option(
    "--same", multiple=True, metavar="NAME=NAME", help="Two folders that hold one person: not another to each other."
)
@click.option("--most", default=24, show_default=True, help="Utterances of each speaker.")
@click.option("--seed", default=1, show_default=True, help="Another draw of everything.")
@click.option("--encoder", type=click.Choice(["campplus", "ge2e"]), default="campplus", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def speaker(recordings: Sequence[Path], same: Sequence[str], most: int, seed: int, encoder: str, as_json: bool) -> None:
    """How often the patient is asked, and who passes for them."""
    quiet_libraries()
    if len(recordings) < 2:
        raise click.UsageError("Name the recordings of two speakers at least.")
    try:
        found = run(recordings, [tuple(one.split("=", 1)) for one in same], most, seed, encoder)
    except SpokenError as error:
        raise click.ClickException(error.message) from error
    click.echo(json.dumps(found, indent=2) if as_json else _table(found))


def run(
    folders: Sequence[Path], same: Sequence[tuple[str, ...]], most: int, seed: int, encoder: str = "campplus"
) -> dict[str, Any]:
    """Severity → speaker → what was found of the patient and of others; and what one utterance costs."""
    embed = _embedder(encoder)
    cost_s: list[float] = []
    voices = {folder.name: _voices(folder, most, seed, embed, cost_s) for folder in folders}
    one_person = {frozenset(pair) for pair in same}
    found: dict[str, Any] = {severity: {} for severity in SEVERITIES}
    for severity, name in product(SEVERITIES, voices):
        own = voices[name][severity]
        enrolled = [whole.vector for whole, _ in own[::2] if whole.vector is not None]
        if len(enrolled) < whose.LEAST:
            continue
        reference = whose.reference(enrolled, encoder)
        others = [other for other in voices if other != name and frozenset((name, other)) not in one_person]
        clear = [voice for other in others for voice in voices[other]["clean"]]
        alike = [voice for other in others for voice in voices[other][severity]]
        found[severity][name] = {
            "asked": round(reference.asked, 3),
            "enrolled": len(enrolled),
            "own": _judged(reference, [whole for whole, _ in own[1::2]]),
            "own, 0.8 s": _judged(reference, [short for _, short in own[1::2]]),
            "others, clear": _judged(reference, [whole for whole, _ in clear]),
            "others, clear, 0.8 s": _judged(reference, [short for _, short in clear]),
            "others, as impaired": _judged(reference, [whole for whole, _ in alike]),
        }
    found["cost_s"] = {"median": float(np.median(cost_s)), "most": float(np.max(cost_s))}
    return found


def _judged(reference: whose.Reference, voices: Sequence[whose.Voice]) -> dict[str, Any]:
    counted = Counter(reference.judge(voice).found for voice in voices)
    likeness = sorted(reference.likeness(voice.vector) for voice in voices if voice.vector is not None)
    spread = [round(float(np.quantile(likeness, share)), 3) for share in (0.0, 0.5, 1.0)] if likeness else []
    return {"count": len(voices), **counted, "likeness": spread}


def _voices(
    folder: Path, most: int, seed: int, embed: whose.Embed, cost_s: list[float]
) -> dict[str, list[tuple[whose.Voice, whose.Voice]]]:
    files = sorted(folder.glob("*.wav"))
    if not files:
        raise SpokenError("no_recordings", f"There are no WAV files in {folder}.")
    chance = np.random.default_rng([seed, *folder.name.encode()])
    found: dict[str, list[tuple[whose.Voice, whose.Voice]]] = {severity: [] for severity in SEVERITIES}
    for place in chance.permutation(len(files)):
        audio = measure.resample(decode(files[place]).audio, RECOGNITION_RATE_HZ)
        if not _LEAST_S <= audio.duration_s <= _LONGEST_S:
            continue
        parts = impair.take_apart(audio)
        for severity, voices in found.items():
            said = audio if severity == "clean" else takes.take(parts, severity, seed * 100_000 + int(place))
            started_s = time.process_time()
            whole = whose.voice_of(said, embed)
            cost_s.append(time.process_time() - started_s)
            voices.append((whole, whose.voice_of(_short(said), embed)))
        if len(found["clean"]) >= most:
            break
    return found


def _short(audio: Audio) -> Audio:
    """A word's length out of its loudest stretch."""
    sounds = whose.loudest(whose.sounding(audio.samples))
    start = max(0, len(sounds) // 2 - round(_SHORT_S / 2 * RECOGNITION_RATE_HZ))
    return Audio(sounds[start : start + round(_SHORT_S * RECOGNITION_RATE_HZ)], RECOGNITION_RATE_HZ)


def _embedder(encoder: str) -> whose.Embed:
    import torch

    torch.set_num_threads(1)
    if encoder == "campplus":
        from workers.speak.campplus import CamPlusPlus

        return CamPlusPlus().embed
    from workers.speak.encoders import GE2E

    ge2e = GE2E()
    return lambda samples: ge2e.embed(Audio(samples, RECOGNITION_RATE_HZ))


def _table(found: Mapping[str, Any]) -> str:
    lines = []
    for severity in SEVERITIES:
        for name, one in found[severity].items():
            lines.append(f"{severity}, {name}: likeness asked {one['asked']}")
            for whom in ("own", "own, 0.8 s", "others, clear", "others, clear, 0.8 s", "others, as impaired"):
                judged = one[whom]
                counts = ", ".join(f"{kind} {judged.get(kind, 0)}" for kind in ("own", "unlike", "other", "unjudged"))
                lines.append(f"  {whom}: {counts} of {judged['count']}; likeness {judged['likeness']}")
    lines.append(f"cost of one utterance: {found['cost_s']['median']:.3f} s at the median")
    return "\n".join(lines)
