"""What the speech head costs: near speech that it takes for none, by `samevoice bench nothing --speech DIR`.

A person who spoke and is told that no words were heard was failed worse than by a wrong word on the screen. DIR: WAV
files of one speaker and transcripts.tsv (file, tab, text), as `bench.further_voices` makes them; each is heard as it
is and by `bench.takes`, so the impairment is **simulated**. Counted are utterances in which Silero hears speech: the
others were lost before.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import soundfile

from bench import impair, takes
from workers.activity import speech_spans
from workers.contracts import Audio, SpokenError
from workers.understand.recogniser import Recogniser

SEVERITIES = ("clean", "moderate", "severe")
#: Up to so many words an utterance is reported apart: the fewer, the less there is to hear.
SHORT_WORDS = 2


def run(recogniser: Recogniser, folder: Path, seed: int, most: int) -> dict[str, Any]:
    """Severity → how many of at most `most` recordings, evenly drawn, are heard and lost; of the short ones, apart."""
    if recogniser.speech_head is None:
        raise SpokenError("no_speech_head", "There is no speech head for these recognition weights.")
    lines = [line.split("\t") for line in (folder / "transcripts.tsv").read_text(encoding="utf-8").splitlines()]
    rows: dict[str, list[tuple[str, bool]]] = {severity: [] for severity in SEVERITIES}
    for place, (name, text) in enumerate(_evenly(lines, most)):
        samples, rate_hz = soundfile.read(folder / name, dtype="float32")
        parts = impair.take_apart(Audio(samples, rate_hz))
        for severity, found in rows.items():
            said = takes.take(parts, severity, seed * 100_000 + place)
            if speech_spans(said):
                found.append((text, recogniser.transcribe(said).gate == "no_words"))
    return {
        severity: {**_counted(found), "short": _counted([row for row in found if _is_short(row[0])])}
        for severity, found in rows.items()
    }


def _evenly(lines: Sequence[Any], most: int) -> Sequence[Any]:
    step = max(1.0, len(lines) / most)
    return [lines[int(place * step)] for place in range(min(most, len(lines)))]


def _is_short(text: str) -> bool:
    return len(text.split()) <= SHORT_WORDS


def _counted(rows: Sequence[tuple[str, bool]]) -> dict[str, Any]:
    lost = [text for text, is_lost in rows if is_lost]
    return {"heard": len(rows), "lost": len(lost), "lost_texts": lost}
