"""`samevoice bench listed`: how often a listed name is heard as it is written, and how much other speech it harms.

    samevoice bench listed --names DIR [--speech DIR] --json

`--names`: a folder of `bench.names_said` (**synthetic** voices): WAVs and `transcripts.tsv` of file, sentence and the
word in it. `--speech`: clear recordings with none of the words in them (`bench.further_voices`): whatever a list
changes there is a harm, and short names that sound like common words are on the list, too. Both are heard impaired,
which is **simulated**, by everybody's recogniser.
"""

from __future__ import annotations

import json
import statistics
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bench import impair, measure, names_said
from samevoice.cli import quiet_libraries
from workers import models
from workers.contracts import RECOGNITION_RATE_HZ, Audio, Transcript
from workers.hear.decode import decode
from workers.speak.phones import each_to_phones
from workers.understand.confidence import SURE_AT
from workers.understand.listed import Listed, ListedWord, holds
from workers.understand.nearness import PHONES
from workers.understand.recogniser import Recogniser

_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@dataclass(frozen=True)
class Heard:
    """One utterance, without the list and with it. word: the listed one in it, '' for none."""

    text: str
    word: str
    plain: Transcript
    biased: Transcript
    plain_s: float
    biased_s: float


@click.command()
@click.option("--names", type=_FOLDER, required=True, help="Sentences with listed words: a folder of bench.names_said.")
@click.option("--speech", type=_FOLDER, help="Clear WAVs without any of them, transcripts.tsv.")
@click.option("--severity", multiple=True, default=("mild", "moderate"), show_default=True, help="Simulated.")
@click.option("--most", default=48, show_default=True, help="Recordings of each folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def listed(names: Path, speech: Path | None, severity: tuple[str, ...], most: int, as_json: bool) -> None:
    """How often listed names are heard as they are written, and what a list costs other speech."""
    quiet_libraries()
    figures = run(names, speech, severity, most)
    click.echo(json.dumps(figures, indent=2) if as_json else "\n".join(_table(figures)))


def run(names: Path, speech: Path | None, severities: Sequence[str], most: int) -> dict[str, Any]:
    """Everything, by severity. Whatever is measured here is of simulated impairment."""
    said = {**names_said.CHOOSING, **names_said.JUDGING}
    words = {row[2]: said.get(row[2], "") for row in _rows(names) if len(row) > 2}
    known, recogniser = known_as(words), Recogniser(models.path("whisper-base"))
    harder = known_as({**words, **dict.fromkeys((*names_said.SHORT, *names_said.UNSAID), "")})
    found: dict[str, Any] = {"simulated": True, "words": len(words)}
    for severity in severities:
        of_names = list(_heard(recogniser, known, names, severity, most))
        found[severity] = {"with_names": _recall(of_names)}
        if speech is not None:
            found[severity]["without"] = _harm(list(_heard(recogniser, harder, speech, severity, most)))
    return found


def known_as(words: dict[str, str]) -> Listed:
    """Words with how they are said ('' for as they are written), as the service lists them."""

    def phones_of(texts: Sequence[str]) -> list[str]:
        return each_to_phones(texts, dict.fromkeys(sorted(PHONES), 0))

    ways = [[word, say] if say else [word] for word, say in words.items()]
    return Listed(tuple(ListedWord(way[0], tuple(phones_of(way))) for way in ways), phones_of)


def _heard(recogniser: Recogniser, known: Listed, folder: Path, severity: str, most: int) -> Iterator[Heard]:
    for name, text, *word in _rows(folder)[:most]:
        clear = measure.resample(decode(folder / name).audio, RECOGNITION_RATE_HZ)
        audio: Audio = impair.impair(clear, severity, zlib.crc32(f"{name}{severity}".encode()))
        begun = time.monotonic()
        plain = recogniser.transcribe(audio)
        between = time.monotonic()
        biased = recogniser.transcribe(audio, listed=known)
        ended = time.monotonic()
        yield Heard(text, word[0] if word else "", plain, biased, between - begun, ended - between)


def _recall(heard: Sequence[Heard]) -> dict[str, Any]:
    def share(of: Sequence[bool]) -> float:
        return statistics.fmean(of) if of else 0.0

    return {
        "asked": len(heard),
        "word_first_plain": share([holds(one.plain.text, one.word) for one in heard]),
        "word_first": share([holds(one.biased.text, one.word) for one in heard]),
        "word_among_three_plain": share([_among(one.plain, one.word) for one in heard]),
        "word_among_three": share([_among(one.biased, one.word) for one in heard]),
        "wer_plain": measure.word_error_rate([one.text for one in heard], [one.plain.text for one in heard]),
        "wer": measure.word_error_rate([one.text for one in heard], [one.biased.text for one in heard]),
        "wrongly_changed": sum(_changed(one) and not holds(one.biased.text, one.word) for one in heard),
        **_further_s(heard),
    }


def _harm(heard: Sequence[Heard]) -> dict[str, Any]:
    changed = [one for one in heard if _changed(one)]
    return {
        "asked": len(heard),
        "wrongly_changed": len(changed),
        "of_these_unasked": sum(one.biased.gate is None for one in changed),
        "offered_beside": sum(one.biased.readings != one.plain.readings for one in heard) - len(changed),
        "sure_at": SURE_AT,
        "wer_plain": measure.word_error_rate([one.text for one in heard], [one.plain.text for one in heard]),
        "wer": measure.word_error_rate([one.text for one in heard], [one.biased.text for one in heard]),
        **_further_s(heard),
    }


def _changed(one: Heard) -> bool:
    return one.biased.text != one.plain.text


def _among(heard: Transcript, word: str) -> bool:
    return any(holds(reading.text, word) for reading in heard.readings)


def _further_s(heard: Sequence[Heard]) -> dict[str, float]:
    """Seconds that the list adds: where something sounded like one of its words, and elsewhere."""
    further = [(one.biased.readings != one.plain.readings, one.biased_s - one.plain_s) for one in heard]
    near, else_ = ([s for is_near, s in further if is_near is wanted] for wanted in (True, False))
    return {
        "further_s_where_near": statistics.median(near) if near else 0.0,
        "further_s_elsewhere": statistics.median(else_) if else_ else 0.0,
    }


def _rows(folder: Path) -> list[list[str]]:
    lines = (folder / "transcripts.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines]


def _table(figures: dict[str, Any]) -> Iterator[str]:
    yield f"simulated impairment, {figures['words']} words on the list"
    for severity in (name for name in figures if name in impair.SEVERITIES):
        found = figures[severity]["with_names"]
        yield (
            f"{severity}: the word first in {found['word_first_plain']:.0%} without and {found['word_first']:.0%} with "
            f"the list, among three in {found['word_among_three_plain']:.0%} and {found['word_among_three']:.0%}"
        )
        if other := figures[severity].get("without"):
            changed, unasked = other["wrongly_changed"], other["of_these_unasked"]
            yield f"  other speech: {changed} of {other['asked']} changed, {unasked} of them unasked"
