"""`samevoice bench phrases`: how well taught phrases are told apart, and how often other speech passes for one.

Clear recordings of one speaker (`--recordings`: WAV files and transcripts.tsv; `bench.further_voices` makes a fitting
folder) become a person with one **simulated** impairment, by `bench.takes`: another draw for every take, and none that
is both learned and tested. 'Other speech' is that person's: sentences, and short phrases that were not taught, each
as that same simulation; and noise. Texts that are nearly the same as a taught one count as neither right nor wrong.
"""

from __future__ import annotations

import difflib
import json
import random
import statistics
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from bench import impair, measure, takes
from samevoice.cli import quiet_libraries
from workers import models
from workers.contracts import RECOGNITION_RATE_HZ, Audio, FloatArray, SpokenError
from workers.hear.decode import decode
from workers.understand.phrases import SURE_AT, Match, Phrases

if TYPE_CHECKING:
    from workers.understand.recogniser import Recogniser

COUNTS = (20, 100)
LEARNED_TAKES, TESTED_TAKES = 2, 1
#: A phrase has at most six words; of those that are taught, a quarter is a single word, where there are enough others.
MOST_WORDS, SINGLE_SHARE = 6, 0.25
OTHERS, NOISES = 50, 20  # so many sentences, and so many short phrases
_SAME = 0.85


@dataclass(frozen=True)
class Said:
    """What the recogniser's encoder made of one take. kind: 'phrase', 'short', 'sentence' or 'noise'."""

    kind: str
    text: str
    take: int
    features: FloatArray


@click.command()
@click.option(
    "--recordings", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True,
    help="Clear WAVs of one speaker, transcripts.tsv.",
)  # fmt: skip
@click.option("--language", default="en", show_default=True, help="Of the recordings: when two texts are the same.")
@click.option("--severity", default="severe", show_default=True, help="Simulated.")
@click.option("--taught", default=max(COUNTS), show_default=True, help="How many phrases, at most.")
@click.option("--tested-takes", default=TESTED_TAKES, show_default=True, help="Of each phrase.")
@click.option("--others", default=OTHERS, show_default=True, help="Sentences, and short phrases that are not taught.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def phrases(
    recordings: Path, language: str, severity: str, taught: int, tested_takes: int, others: int, as_json: bool
) -> None:
    """How well taught phrases are told apart, and from other speech."""
    quiet_libraries()
    try:
        figures = run(recordings, severity, language, taught=taught, tested_takes=tested_takes, others=others)
    except SpokenError as error:
        raise click.ClickException(error.message) from error
    click.echo(json.dumps(figures, indent=2) if as_json else _table(figures))


def run(
    recordings: Path,
    severity: str = "severe",
    language: str = "en",
    *,
    recogniser: Recogniser | None = None,
    taught: int = max(COUNTS),
    tested_takes: int = TESTED_TAKES,
    others: int = OTHERS,
) -> dict[str, Any]:
    """Everything. `accuracy` and `false_accepts` are those of 20 phrases; `by_phrases` has 20 and 100.

    `recogniser`: the stock one, or one that has learned the speaker. Raises SpokenError 'too_few_recordings'.
    """
    chosen = _chosen(recordings, language, taught, others)
    recogniser = recogniser or _stock()
    said = list(_heard(recogniser, chosen, severity, tested_takes))
    figures = judged(said, language, recogniser.usual_within)
    return {"simulated": True, "severity": severity, "language": language, **figures}


def _stock() -> Recogniser:
    from workers.understand.recogniser import Recogniser  # it takes 12 s, and figures alone do not need it

    return Recogniser(models.path("whisper-base"))


def judged(said: Sequence[Said], language: str = "en", usual: NDArray[np.float64] | None = None) -> dict[str, Any]:
    """The figures, from what was heard. A phrase is right when it is accepted and the one that was said."""
    texts = list(dict.fromkeys(one.text for one in said if one.kind == "phrase" and one.take == 0))
    by_phrases = {}
    for count in sorted({min(count, len(texts)) for count in COUNTS}):
        groups = [texts[start : start + count] for start in range(0, len(texts) - count + 1, count)]
        by_phrases[str(count)] = _summed(
            [outcome for group in groups for outcome in _group(said, group, language, usual)]
        )
    first = next(iter(by_phrases.values()))
    return {"accuracy": first["accuracy"], "false_accepts": first["false_accepts"], "by_phrases": by_phrases}


@dataclass(frozen=True)
class _Outcome:
    said: Said
    is_phrase: bool
    match: Match
    seconds: float


def _group(
    said: Sequence[Said], texts: Sequence[str], language: str, usual: NDArray[np.float64] | None
) -> Iterator[_Outcome]:
    """Teach `texts`, then ask about everything that was not learned."""
    examples: dict[str, list[FloatArray]] = {}
    for one in said:
        if one.text in texts and one.take < LEARNED_TAKES and len(one.features):
            examples.setdefault(one.text, []).append(one.features)
    known = Phrases(examples, usual)
    for one in said:
        if one.kind == "phrase" and one.take < LEARNED_TAKES:
            continue
        if one.text not in texts and any(_same(one.text, text, language) for text in texts):
            continue
        begun = time.monotonic()
        match = known.match(one.features)
        yield _Outcome(one, one.text in texts, match, time.monotonic() - begun)


def _summed(outcomes: Sequence[_Outcome]) -> dict[str, Any]:
    mine = [one for one in outcomes if one.is_phrase]
    other = [one for one in outcomes if not one.is_phrase]
    right = [bool(one.match.nearest) and one.match.nearest[0].phrase_id == one.said.text for one in mine]
    sure = np.array([one.match.probability if is_right else 0.0 for one, is_right in zip(mine, right, strict=True)])
    of_others = np.array([one.match.probability for one in other])

    def share(kinds: Sequence[str]) -> float | None:
        accepted = [one.match.phrase_id is not None for one in other if one.said.kind in kinds]
        return statistics.fmean(accepted) if accepted else None

    return {
        "accuracy": float((sure >= SURE_AT).mean()),
        "false_accepts": share(("phrase", "short", "sentence", "noise")),
        "nearest_right": statistics.fmean(right),
        "among_three_right": statistics.fmean(
            any(near.phrase_id == one.said.text for near in one.match.nearest) for one in mine
        ),
        "accepted_as_another": statistics.fmean(
            one.match.phrase_id not in (None, one.said.text) for one in mine
        ),
        "false_accepts_of_short": share(("phrase", "short")),
        "false_accepts_of_sentences": share(("sentence",)),
        "false_accepts_of_noise": share(("noise",)),
        "accuracy_where_2_percent_pass": float((sure > np.quantile(of_others, 0.98)).mean()),
        "asked": len(mine),
        "others": len(other),
        "match_s": statistics.median(one.seconds for one in outcomes),
    }  # fmt: skip


@dataclass(frozen=True)
class _Choice:
    kind: str
    file: Path
    text: str


def _chosen(folder: Path, language: str, taught: int, others: int) -> list[_Choice]:
    """Which recordings are phrases and which are other speech: by chance, always the same."""
    rows = [line.split("\t") for line in (folder / "transcripts.tsv").read_text(encoding="utf-8").splitlines()]
    once = {measure.normalised(text, language): (folder / name, text) for name, text in sorted(rows)}
    found = [once[key] for key in sorted(once) if key]
    random.Random(2).shuffle(found)
    words = {text: len(text.split()) for _, text in found}
    longer = [one for one in found if 2 <= words[one[1]] <= MOST_WORDS]
    single = [one for one in found if words[one[1]] == 1]
    most = round(taught * (1 - SINGLE_SHARE))
    mine = [*longer[:most], *single[: taught - len(longer[:most])]]
    random.Random(3).shuffle(mine)
    if len(mine) < min(COUNTS):
        raise SpokenError("too_few_recordings", f"At least {min(COUNTS)} recordings of one to six words are needed.")
    rest = [one for one in (*longer[most:], *single) if one not in mine]
    random.Random(4).shuffle(rest)
    sentences = [one for one in found if words[one[1]] > MOST_WORDS]
    return [
        *(_Choice("phrase", *one) for one in mine),
        *(_Choice("short", *one) for one in rest[:others]),
        *(_Choice("sentence", *one) for one in sentences[:others]),
    ]


def _heard(recogniser: Recogniser, chosen: Sequence[_Choice], severity: str, tested: int) -> Iterator[Said]:
    for place, choice in enumerate(chosen):
        if place % 20 == 0:
            click.echo(f"{place} of {len(chosen)} recordings", err=True)
        parts = impair.take_apart(measure.resample(decode(choice.file).audio, RECOGNITION_RATE_HZ))
        for take in range(LEARNED_TAKES + tested if choice.kind == "phrase" else 1):
            seed = zlib.crc32(f"{choice.text} {take}".encode())
            yield Said(choice.kind, choice.text, take, recogniser.features(takes.take(parts, severity, seed)))
    for number, noise in enumerate(_noises()):
        yield Said("noise", f"noise {number}", 0, recogniser.features(noise))


def _noises() -> Iterator[Audio]:
    """Silence, and white and brown noise at several levels, 1 to 5 s."""
    chance = np.random.default_rng(5)
    for number in range(NOISES):
        white = chance.standard_normal(round(chance.uniform(1, 5) * RECOGNITION_RATE_HZ))
        sound = np.cumsum(white - white.mean()) if number % 2 else white
        level = 0.0 if number < 2 else chance.uniform(0.003, 0.1)
        yield Audio((level * sound / sound.std()).astype(np.float32).clip(-1, 1), RECOGNITION_RATE_HZ)


def _same(one: str, other: str, language: str) -> bool:
    one, other = (measure.normalised(text, language) for text in (one, other))
    return difflib.SequenceMatcher(None, one, other).ratio() > _SAME


def _table(figures: dict[str, Any]) -> str:
    lines = [f"simulated impairment, {figures['severity']}"]
    for count, found in figures["by_phrases"].items():
        lines.append(
            f"{count} phrases: {found['accuracy']:.1%} of {found['asked']} right and accepted "
            f"({found['nearest_right']:.1%} nearest), {found['false_accepts']:.1%} of {found['others']} others accepted"
        )
    return "\n".join(lines)
