"""`samevoice bench voice`: how near a fitted voice comes, how it follows the speaker's manner, and what it costs.

Fits on the first two thirds of the human reading, judges on the last third. With a folder (one speaker's WAV files and
transcripts.tsv: file, tab, text), files are drawn by chance until 45 s, or two thirds of what is there, are enrolled;
15 s of the others are judged on. Likeness is by an encoder that no fit has heard; 0 is the nearest public voice, 1 a
second real recording.
"""

from __future__ import annotations

import json
import math
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from bench import attacks, manner, measure, two_cities
from samevoice.cli import quiet_libraries
from workers import models
from workers.contracts import RECOGNITION_RATE_HZ, Audio, Clip, SpokenError, Voice
from workers.feel.manner import of_historic
from workers.hear.decode import decode
from workers.speak.encoders import GE2E
from workers.speak.engine import Engine
from workers.speak.engines import open_engine
from workers.speak.similarity import Similarity, compare, in_public_voice
from workers.understand.recogniser import Recogniser

ENROLLED_S, JUDGED_S = 45.0, 15.0
#: Twelve words without a pause, to time the first sound by.
TIMED = "I would like to sit near the window while the sun is shining."
_TIMES = 3


@click.command()
@click.option(
    "--recordings", type=click.Path(path_type=Path, exists=True, file_okay=False), help="WAV files and transcripts.tsv."
)
@click.option("--budget", type=click.FloatRange(1.0), default=None, help="Seconds for the search.")
@click.option("--seed", type=int, default=3, show_default=True, help="Which files are enrolled.")
@click.option("--telephone", is_flag=True, help="Enrol the recordings as a telephone line carries them.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def voice(
    recordings: Path | None, budget: float | None, seed: int, telephone: bool, device: str, as_json: bool
) -> None:
    """How near a fitted voice comes to its speaker, and what it costs."""
    quiet_libraries()
    try:
        enrolled, judged = _reading() if recordings is None else _drawn(recordings, seed)
        figures = run(enrolled, judged, budget, telephone=telephone, device=device)
    except SpokenError as error:
        raise click.ClickException(error.message) from error
    if as_json:
        # What could not be measured is null: JSON knows no nan.
        known = {
            name: None if isinstance(one, float) and not math.isfinite(one) else one for name, one in figures.items()
        }
        click.echo(json.dumps(known, indent=2))
    else:
        click.echo("\n".join(f"{name:26} {value:.3f}" for name, value in figures.items() if isinstance(value, float)))


def _reading() -> tuple[Sequence[Clip], Sequence[Clip]]:
    return two_cities.enrolment(), two_cities.held_out()


def _drawn(folder: Path, seed: int) -> tuple[list[Clip], list[Clip]]:
    table = folder / "transcripts.tsv"
    if not table.exists():
        raise SpokenError(
            "no_transcripts", f"{folder} holds no transcripts.tsv (a line a file: its name, a tab, text)."
        )
    lines = [line.split("\t") for line in table.read_text(encoding="utf-8").splitlines() if "\t" in line]
    clips = [Clip(decode(folder / name).audio, text) for name, text in lines]
    random.Random(seed).shuffle(clips)
    wanted_s = min(ENROLLED_S, 2 / 3 * sum(clip.audio.duration_s for clip in clips))
    enrolled: list[Clip] = []
    judged: list[Clip] = []
    for clip in clips:
        if _length_s(enrolled) < wanted_s:
            enrolled.append(clip)
        elif _length_s(judged) < JUDGED_S:
            judged.append(clip)
    if not judged:
        raise SpokenError("too_few", f"{folder} holds too few recordings: some are enrolled, others judged on.")
    return enrolled, judged


def _length_s(clips: Sequence[Clip]) -> float:
    return sum(clip.audio.duration_s for clip in clips)


def run(
    enrolled: Sequence[Clip],
    judged: Sequence[Clip],
    budget_s: float | None,
    *,
    telephone: bool = False,
    device: str = "cpu",
) -> dict[str, Any]:
    """Fit, judge, time. The keys are those that `--json` prints.

    `telephone`: the voice is fitted on what a line leaves of `enrolled`, and judged against clear speech all the same.
    """
    engine, recogniser = open_engine("kokoro", device), Recogniser(models.path("whisper-base"))
    learned = [Clip(attacks.telephone(clip.audio), clip.text) for clip in enrolled] if telephone else enrolled
    begun = time.monotonic()
    fitted = engine.fit(
        learned,
        budget_s=budget_s,
        progress=lambda share, sentence: click.echo(f"{share:4.0%} {sentence}", err=True),
    )
    build_s = time.monotonic() - begun
    # As the build task keeps it: without, manner takes the pace of before to be another than it was.
    fitted = replace(fitted, measures={**fitted.measures, **of_historic(learned)})
    texts = [clip.text for clip in judged]
    whole = measure.joined([clip.audio for clip in enrolled])
    likeness = compare(engine, fitted, enrolled=whole, second_real=judged, texts=texts)
    begun = time.monotonic()
    sounds = [manner.spoken(engine, text, fitted, None) for text in texts]
    said_s = time.monotonic() - begun
    public = in_public_voice(likeness.nearest_public_name, texts)
    heard = [recogniser.transcribe(sound).text for sound in sounds]
    return {
        **_likeness(likeness),
        "similarity_fitted_encoder": _by_fitted(sounds, judged),
        "wer": measure.word_error_rate(texts, heard),
        "dnsmos_ovrl": statistics.fmean(measure.opinion_score(sound) for sound in sounds),
        "dnsmos_ovrl_public": measure.opinion_score(public),
        **_manner(engine, recogniser, fitted, enrolled, judged),
        "build_s": build_s,
        "real_time_factor": said_s / sum(sound.duration_s for sound in sounds),
        **_timed(engine, fitted),
        "enrolled_s": _length_s(enrolled),
        "measures": dict(fitted.measures),
    }


def _likeness(similarity: Similarity) -> dict[str, Any]:
    return {
        "similarity_normalised": similarity.normalised,
        "similarity_raw": similarity.raw,
        "nearest_public": similarity.nearest_public,
        "nearest_public_name": similarity.nearest_public_name,
        "second_real": similarity.second_real,
    }


def _by_fitted(sounds: Sequence[Audio], judged: Sequence[Clip]) -> float:
    """Cosine by GE2E, which the fit listened through: shown beside the judge's, and worth nothing alone."""
    encoder = GE2E()
    made, real = measure.joined(sounds), measure.joined([clip.audio for clip in judged])
    return float(encoder.embed(made) @ encoder.embed(real))


def _manner(
    engine: Engine, recogniser: Recogniser, fitted: Voice, enrolled: Sequence[Clip], judged: Sequence[Clip]
) -> dict[str, float]:
    """Medians over the judged clips, manner on and off; `bench.manner` measures more, on more sentences."""
    said = [
        manner.heard(recogniser, clip.text, measure.resample(clip.audio, RECOGNITION_RATE_HZ))
        for clip in (*judged, *enrolled)
    ]
    usual = manner.usual_of(said)
    sources = [manner.curves(one.audio) for one in said[: len(judged)]]
    found: dict[str, float] = {}
    for ending, strength in (("", 1.0), ("_flat", 0.0)):
        agreed = []
        for source, one in zip(sources, said, strict=False):
            how = manner.manner_of(one, usual, fitted, strength)
            agreed.append(manner.together(source, manner.curves(manner.spoken(engine, one.text, fitted, how))))
        found[f"f0_correlation{ending}"] = statistics.median(f0 for f0, _ in agreed)
        found[f"energy_correlation{ending}"] = statistics.median(energy for _, energy in agreed)
    return found


def _timed(engine: Engine, fitted: Voice) -> dict[str, float]:
    """Medians of the time to the first sound of a twelve-word sentence, and to its last."""
    firsts, wholes = [], []
    for _ in range(_TIMES):
        begun = time.monotonic()
        speeches = engine.say(TIMED, fitted)
        next(speeches)
        firsts.append(time.monotonic() - begun)
        for _ in speeches:
            pass
        wholes.append(time.monotonic() - begun)
    return {"first_sound_s": statistics.median(firsts), "whole_sentence_s": statistics.median(wholes)}
