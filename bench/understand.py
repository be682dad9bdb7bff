"""`samevoice bench understand`: how well a patient is understood, by the stock recogniser and after learning them.

With `--corpus`, `--torgo`, `--uaspeech` or `--sap`, recordings of people as they speak (`bench.corpora`). Otherwise
clear human recordings of one speaker (`--recordings`: WAV files and transcripts.tsv; else the human reading of the
demo) impaired by `bench.impair`, which is **simulated**: one recipe a severity, another draw for each sentence. No
sentence is both learned from and tested on, as the normaliser of the language reads it.
"""

from __future__ import annotations

import json
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import jiwer
import numpy as np

from bench import corpora, impair, meaning, measure, nothing, phrases
from bench.corpora import Speaker
from bench.simulated import said_before, simulated
from samevoice.cli import quiet_libraries
from workers import models
from workers.contracts import Clip, SpokenError, Transcript
from workers.understand.adapt import Adaptation
from workers.understand.imitation import imitations
from workers.understand.learn import Learning
from workers.understand.readings import sounds_alike
from workers.understand.recogniser import Recogniser

_NOTHING_S = 60.0
_BINS = 5


#: Option → the loader of the corpus that it names.
CORPORA: Mapping[str, Callable[[Path, str], Iterator[Speaker]]] = {
    "corpus": corpora.manifest, "torgo": corpora.torgo, "uaspeech": corpora.uaspeech, "sap": corpora.sap,
}  # fmt: skip
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command()
@click.option("--corpus", type=_FOLDER, help="WAVs and manifest.tsv.")
@click.option("--torgo", type=_FOLDER, help="TORGO, as published.")
@click.option("--uaspeech", type=_FOLDER, help="UASpeech, as published.")
@click.option("--sap", type=_FOLDER, help="The Speech Accessibility Project, as published.")
@click.option("--recordings", type=_FOLDER, help="Clear WAVs, transcripts.tsv.")
@click.option("--phrases", "taught", type=_FOLDER, help="Clear WAVs of short phrases, transcripts.tsv: taught, too.")
@click.option("--language", default="en", show_default=True, help="What is spoken.")
@click.option("--speaker", multiple=True, help="Of a corpus, only this one; may come again.")
@click.option("--severity", multiple=True, default=("severe",), show_default=True, help="Simulated; may come again.")
@click.option("--utterances", default="25,50", show_default=True, help="How many to learn from, in turn.")
@click.option("--imitated", default=0, show_default=True, help="Prompts that the voice of before says, learned too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def understand(
    recordings: Path | None, taught: Path | None, language: str, speaker: tuple[str, ...], severity: tuple[str, ...],
    utterances: str, imitated: int, as_json: bool, **folders: Path | None,
) -> None:  # fmt: skip
    """How well a patient is understood, before and after learning them."""
    quiet_libraries()
    try:
        counts = sorted({int(count) for count in utterances.split(",")})
    except ValueError as error:
        raise click.ClickException("Give --utterances as numbers: 10,25,50.") from error
    given = {name: folder for name, folder in folders.items() if folder is not None}
    if len(given) > 1 or (given and recordings is not None):
        raise click.ClickException("Give one of --corpus, --torgo, --uaspeech, --sap and --recordings at a time.")
    try:
        speakers: Iterator[Speaker]
        if given:
            ((name, folder),) = given.items()
            speakers = (one for one in CORPORA[name](folder, language) if not speaker or one.name in speaker)
        else:
            speakers = simulated(recordings, severity, language)
        figures = run(speakers, counts, language, imitated)
        if taught is not None:
            figures["phrases"] = phrases.run(taught, severity[0], language)
    except SpokenError as error:
        raise click.ClickException(error.message) from error
    click.echo(json.dumps(figures, indent=2) if as_json else _table(figures))


def run(speakers: Iterable[Speaker], counts: Sequence[int], language: str = "en", imitated: int = 0) -> dict[str, Any]:
    """Everything for every speaker; the figures at the top are means over speakers, after all their utterances.

    `imitated`: so many prompts are said by a voice that is fitted on the clear recordings, made to sound as the speaker
    does, and learned beside what they said; what is learned from fewer utterances is shown with and without them.
    Speakers are taken one at a time: a corpus is larger than the memory.
    """
    stock = Recogniser(models.path("whisper-base"))
    each = [_speaker(speaker, stock, counts, language, imitated) for speaker in speakers]
    if not each:
        raise SpokenError("no_speakers", "There is no such speaker in this corpus. Leave --speaker out to hear all.")

    def mean(name: str) -> float:
        return statistics.fmean(one[name] for one in each)

    return {
        "simulated": all(one["severity"] in impair.SEVERITIES for one in each),
        "stock_wer": mean("stock_wer"),
        "adapted_wer": mean("adapted_wer"),
        "stock_meaning": _mean_kept(each, "stock_meaning"),
        "adapted_meaning": _mean_kept(each, "adapted_meaning"),
        "relative_wer_reduction": 1 - mean("adapted_wer") / mean("stock_wer"),
        "nbest_oracle_wer": mean("nbest_oracle_wer"),
        "calibration_error": mean("calibration_error"),
        "invented_words_per_minute": _invented(stock),
        "adapt_s": mean("adapt_s"),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "speakers": each,
    }


def _mean_kept(each: Sequence[dict[str, Any]], name: str) -> float | None:
    """Over the speakers that have a score; None where none has: the score is of English (`bench.meaning`)."""
    found = [one[name]["kept"] for one in each if one[name] is not None]
    return statistics.fmean(found) if found else None


def _speaker(
    speaker: Speaker, stock: Recogniser, counts: Sequence[int], language: str, imitated: int
) -> dict[str, Any]:
    click.echo(f"{speaker.name}, {speaker.severity}: stock", err=True)
    before, before_rtf = _heard(stock, speaker.test, language)
    by_utterances: dict[str, dict[str, Any]] = {}
    what = f"{speaker.name}, {speaker.severity}"
    spoken = (
        said_before(speaker, language, imitated, _teller(f"{speaker.name}: the voice of before")) if imitated else []
    )
    with_imitated: dict[str, dict[str, Any]] = {}
    for count in [count for count in counts if count < len(speaker.adapt)]:
        said = speaker.adapt[:count]
        for beside, kept in ((False, by_utterances), (True, with_imitated)) if spoken else ((False, by_utterances),):
            begun = time.monotonic()
            sounding = imitations(said, spoken, language, _hears(stock, language)) if beside else []
            training = Adaptation(models.path("whisper-base"), said, speaker.clear, language, imitated=sounding)
            adapter = training.run(progress=_teller(f"{what}, {count} utterances and {len(sounding)} imitated"))
            kept[str(count)] = _learned(
                Recogniser(models.path("whisper-base"), adapter=adapter, everybodys=stock),
                speaker,
                language,
                time.monotonic() - begun,
            )
    # All of them as a clinic learns them: judged by folds, and calibrated on what these heard.
    begun = time.monotonic()
    learning = Learning(models.path("whisper-base"), speaker.adapt, speaker.clear, language, spoken=spoken)
    learned = learning.run(progress=_teller(f"{what}, {len(speaker.adapt)} utterances, judged"))
    adapt_s = time.monotonic() - begun
    adapted = Recogniser(
        models.path("whisper-base"), adapter=learned.adapter, calibration=learned.calibration, everybodys=stock
    )
    after, unsure_rtf = _heard(adapted, speaker.test, language)
    _, after_rtf = _heard(adapted, speaker.test, language, sure_at=0.0)
    (with_imitated if spoken else by_utterances)[str(len(speaker.adapt))] = _learned(
        adapted, speaker, language, adapt_s
    )
    takes = [*speaker.test, *speaker.retakes]
    taken = [*after, *_heard(adapted, speaker.retakes, language)[0]] if speaker.retakes else after
    wrong_first = [(clip, heard) for clip, heard in zip(takes, taken, strict=True) if not _right(clip, heard, language)]
    found = {
        "speaker": speaker.name,
        "severity": speaker.severity,
        "tested": len(speaker.test),
        "stock_wer": _wer(speaker.test, before, language),
        "stock_cer": _cer(speaker.test, before, language),
        "adapted_wer": _wer(speaker.test, after, language),
        "adapted_cer": _cer(speaker.test, after, language),
        "stock_meaning": _meaning(speaker.test, before, language),
        "adapted_meaning": _meaning(speaker.test, after, language),
        "by_utterances": by_utterances,
        "by_utterances_with_imitated": with_imitated,
        "imitated": len(spoken),
        "stock_nbest_oracle_wer": _oracle(speaker.test, before, language),
        "nbest_oracle_wer": _oracle(speaker.test, after, language),
        "wrong_first": len(wrong_first),
        "of_these_right_among_three": sum(
            any(sounds_alike(clip.text, reading.text, language) for reading in heard.readings)
            for clip, heard in wrong_first
        ),
        "judged_better": learned.better,
        "judged": learned.measures,
        "calibrated_on": learned.calibration.count,
        "calibration_takes": len(takes),
        "stock_calibration_error": _calibration_error(speaker.test, before, language),
        "calibration_error": _calibration_error(takes, taken, language),
        "adapt_s": adapt_s,
        "stock_real_time_factor": before_rtf,
        "real_time_factor": after_rtf,
        "real_time_factor_unsure": unsure_rtf,
    }
    if speaker.clear_test:
        found["clear_wer_stock"] = _wer(speaker.clear_test, _heard(stock, speaker.clear_test, language)[0], language)
        found["clear_wer_adapted"] = _wer(
            speaker.clear_test, _heard(adapted, speaker.clear_test, language)[0], language
        )
    return found


def _learned(recogniser: Recogniser, speaker: Speaker, language: str, took_s: float) -> dict[str, Any]:
    heard, _ = _heard(recogniser, speaker.test, language)
    return {
        "wer": _wer(speaker.test, heard, language),
        "cer": _cer(speaker.test, heard, language),
        "meaning": _meaning(speaker.test, heard, language),
        "s": took_s,
    }


def _hears(recogniser: Recogniser, language: str) -> Callable[[Clip], str]:
    return lambda clip: recogniser.transcribe(clip.audio, language, sure_at=0.0).text


def _heard(
    recogniser: Recogniser, clips: Sequence[Clip], language: str, sure_at: float = 1.0
) -> tuple[list[Transcript], float]:
    """What is heard, whatever a gate would say; and the real-time factor. By default as one who is never sure, and
    looks for further readings."""
    begun = time.monotonic()
    heard = [recogniser.transcribe(clip.audio, language, sure_at=sure_at) for clip in clips]
    return heard, (time.monotonic() - begun) / sum(clip.audio.duration_s for clip in clips)


def _wer(clips: Sequence[Clip], heard: Sequence[Transcript], language: str) -> float:
    return measure.word_error_rate([clip.text for clip in clips], [one.text for one in heard], language)


def _cer(clips: Sequence[Clip], heard: Sequence[Transcript], language: str) -> float:
    said = [measure.normalised(clip.text, language) for clip in clips]
    return float(jiwer.cer(said, [measure.normalised(one.text, language) or "*" for one in heard]))


def _meaning(clips: Sequence[Clip], heard: Sequence[Transcript], language: str) -> dict[str, float] | None:
    found = meaning.kept([clip.text for clip in clips], [one.text for one in heard], language)
    if found is None:
        return None
    return {"kept": found.kept, "cosine": found.cosine, "unrelated_cosine": found.unrelated}


def _oracle(clips: Sequence[Clip], heard: Sequence[Transcript], language: str) -> float:
    """The error rate if the best of the readings that are offered were always chosen."""
    best = []
    for clip, one in zip(clips, heard, strict=True):
        texts = [reading.text for reading in one.readings] or [one.text]
        best.append(min(texts, key=lambda text: measure.word_error_rate([clip.text], [text], language)))
    return measure.word_error_rate([clip.text for clip in clips], best, language)


def _right(clip: Clip, heard: Transcript, language: str) -> bool:
    return sounds_alike(clip.text, heard.text, language)


def _calibration_error(clips: Sequence[Clip], heard: Sequence[Transcript], language: str) -> float:
    """Expected calibration error of 'every word is right', over five bins of equal width (Guo et al. 2017)."""
    sure = np.array([one.confidence for one in heard])
    right = np.array([_right(clip, one, language) for clip, one in zip(clips, heard, strict=True)], float)
    places = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    return float(
        sum((places == b).mean() * abs(sure[places == b].mean() - right[places == b].mean()) for b in set(places))
    )


def _invented(recogniser: Recogniser) -> float:
    """Words offered in a minute of nothing: one each of silence, noise, a ward, and music where it is installed."""
    pieces = [
        piece
        for sound in nothing.sources(nothing.MUSIC, None, _NOTHING_S, seed=1).values()
        for piece in nothing.held(sound, seed=1)
    ]
    found = nothing.heard_in(recogniser, pieces)
    return float(found["shown"] / found["minutes"])


def _teller(what: str) -> Callable[[float, str], None]:
    told = [-1]

    def tell(share: float, sentence: str) -> None:
        if int(share * 10) > told[0]:
            told[0] = int(share * 10)
            click.echo(f"{what}: {share:4.0%} {sentence}", err=True)

    return tell


def _table(figures: dict[str, Any]) -> str:
    lines = ["simulated impairment" if figures["simulated"] else "recordings as they were made"]
    for one in figures["speakers"]:
        steps = ", ".join(f"{count}: {found['wer']:.1%}" for count, found in one["by_utterances"].items())
        lines.append(
            f"{one['speaker']}, {one['severity']}: {one['stock_wer']:.1%} of words wrong; learned from {steps}"
        )
    return "\n".join(lines)
