"""Recordings of people as they speak, each corpus from the folders that it is published in, for `bench understand`.

None is part of this tree, or of any package; each is had from its makers, on their terms. What the loaders know of the
layouts comes from public programs that read them:

- TORGO (Rudzicz, Namasivayam and Wolff 2012): SPEAKER/SessionN/prompts/0001.txt beside wav_headMic/0001.wav and
  wav_arrayMic/0001.wav (from excerpts of public loaders; nobody here has seen the corpus itself).
- UASpeech (Kim et al. 2008): audio/SPEAKER/SPEAKER_BLOCK_WORD_MICROPHONE.wav, words in mlf/SPEAKER/SPEAKER_word.mlf
  (github.com/ffxiong/uaspeech) or speaker_wordlist.xls (github.com/rikrd/kaldi, egs/uaspeech/s5/local).
- Speech Accessibility Project (Hasegawa-Johnson et al. 2024): a folder a contributor, with one JSON of 'Files', each
  with 'Filename' and 'Prompt' (github.com/speechaccessibility/SplitTrainTest, .../xiuwenz2/SAPC-template).

A sentence is learned from or tested on, never both: what a speaker says in both parts is taken out of the test.
"""

from __future__ import annotations

import contextlib
import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import measure
from workers.contracts import Clip, SpokenError
from workers.hear.decode import decode
from workers.understand.adapt import LEAST_UTTERANCES

#: Longer ones are no utterances, and no recogniser is asked for them while somebody waits.
LONGEST_S = 30.0
_LEARNED_SHARE = 2 / 3

#: By the Frenchay assessment, as papers on the corpus give it; speakers without dysarthria (FC.., MC..) are left out.
TORGO_SEVERITY: Mapping[str, str] = {
    "F01": "severe", "F03": "moderate", "F04": "mild", "M01": "severe", "M02": "severe", "M03": "mild",
    "M04": "severe", "M05": "moderate to severe",
}  # fmt: skip
#: Words that listeners understood, in per cent, as papers on the corpus give them. Labels: nothing is computed of them.
UASPEECH_UNDERSTOOD: Mapping[str, float] = {
    "F02": 29, "F03": 6, "F04": 62, "F05": 95, "M01": 15, "M04": 2, "M05": 58, "M07": 28, "M08": 93, "M09": 86,
    "M10": 93, "M11": 62, "M12": 7.4, "M14": 90.4, "M16": 43,
}  # fmt: skip
_LEARNED_BLOCKS, _TESTED_BLOCKS = ("B1", "B3"), ("B2",)
_MICROPHONES = ("M5", "M6", "M4", "M3", "M7", "M2", "M8")  # the middle of the array first
_TORGO_MICROPHONES = ("wav_headMic", "wav_arrayMic")
_NO_WORDS = re.compile(r"\.jpe?g|xxx", re.IGNORECASE)
_ASIDE = re.compile(r"\[[^\]]*\]")
_UASPEECH = re.compile(r"(?P<speaker>[FM]\d\d)_(?P<block>B\d)_(?P<word>[A-Z]+\d*)_(?P<microphone>M\d)$")
#: The project's marks: what a contributor began and dropped is in round brackets, letters have tildes; unclear or
#: private words, and other people's, cannot be learned from.
_DROPPED, _UNLEARNABLE = re.compile(r"\([^)]*\)|[~*]"), re.compile(r"[\[\]{}#]|\(\s*(?:cs|ss)\s*:", re.IGNORECASE)


@dataclass(frozen=True)
class Speaker:
    """One speaker at one severity. clear, clear_test: unimpaired, where there are any. before: what a voice of before
    is fitted on."""

    name: str
    severity: str
    adapt: Sequence[Clip]
    test: Sequence[Clip]
    clear: Sequence[Clip] = ()
    clear_test: Sequence[Clip] = ()
    retakes: Sequence[Clip] = ()
    before: Sequence[Clip] = ()


def manifest(folder: Path, language: str = "en") -> Iterator[Speaker]:
    """WAV files and manifest.tsv: file, text, speaker, split (adapt or test), severity."""
    rows = table(folder / "manifest.tsv", 5)
    if wrong := {row[3] for row in rows} - {"adapt", "test"}:
        raise SpokenError("bad_manifest", f"manifest.tsv: '{min(wrong)}' is neither adapt nor test.")
    for name, severity in sorted({(row[2], row[4]) for row in rows}):
        halves: dict[str, list[Clip]] = {"adapt": [], "test": []}
        for file, text, speaker, split, graded in rows:
            if (speaker, graded) == (name, severity):
                halves[split].append(Clip(decode(folder / file).audio, text))
        yield _speaker(name, severity, halves["adapt"], halves["test"], language)


def torgo(folder: Path, language: str = "en") -> Iterator[Speaker]:
    """The last session is tested on, those before it are learned from; of a single one, the first two thirds."""
    homes: dict[str, list[Path]] = {}
    for session in sorted(folder.rglob("Session*")):
        if session.parent.name in TORGO_SEVERITY and (session / "prompts").is_dir():
            homes.setdefault(session.parent.name, []).append(session)
    if not homes:
        raise SpokenError(
            "no_torgo",
            f"{folder} is not TORGO as it is published: there is no F01/Session1/prompts or the like in it. "
            "Unpack F.tar.bz2 and M.tar.bz2 into one folder and give that.",
        )
    for name, sessions in sorted(homes.items()):
        said = [_torgo_session(session) for session in sessions]
        learned, tested = (
            ([clip for clips in said[:-1] for clip in clips], said[-1]) if len(said) > 1 else _cut(said[0])
        )
        yield _speaker(name, TORGO_SEVERITY[name], learned, tested, language)


def uaspeech(folder: Path, language: str = "en") -> Iterator[Speaker]:
    """Blocks 1 and 3 are learned from, 2 is tested on: of its words those that the others lack, the uncommon ones."""
    files: dict[str, dict[tuple[str, str], list[Path]]] = {}
    for file in sorted(folder.rglob("*.wav")):
        if (found := _UASPEECH.match(file.stem)) and found["speaker"] in UASPEECH_UNDERSTOOD:
            files.setdefault(found["speaker"], {}).setdefault((found["block"], found["word"]), []).append(file)
    if not files:
        raise SpokenError(
            "no_uaspeech",
            f"{folder} is not UASpeech as it is published: there is no audio/F02/F02_B1_C1_M5.wav or the like in it. "
            "Give the folder that holds 'audio'.",
        )
    common = _uaspeech_words(folder)
    for name, recordings in sorted(files.items()):
        words = {**common, **_uaspeech_labels(folder, name)}
        halves: tuple[list[Clip], list[Clip]] = [], []
        for (block, word), takes in recordings.items():
            text = words.get(f"{block}_{word}") or words.get(word)
            take = min(takes, key=lambda file: _MICROPHONES.index(file.stem[-2:]))
            for blocks, half in zip((_LEARNED_BLOCKS, _TESTED_BLOCKS), halves, strict=True):
                if text and block in blocks and (clip := _clip(take, text.capitalize())) is not None:
                    half.append(clip)
        if not words:
            raise SpokenError(
                "no_words",
                f"There are no words for {name}: neither mlf/{name}/{name}_word.mlf nor speaker_wordlist.csv. Save the "
                "sheet 'Word_filename' of doc/speaker_wordlist.xls as speaker_wordlist.csv beside 'audio'.",
            )
        yield _speaker(name, f"{UASPEECH_UNDERSTOOD[name]:g} % understood", *halves, language)


def sap(folder: Path, language: str = "en") -> Iterator[Speaker]:
    """In the order of recording, two thirds are learned from and the rest is tested on. The severity is the cause."""
    found = [file for file in sorted(folder.rglob("*.json")) if file.stem == file.parent.name]
    told = [(file, about) for file in found if isinstance(about := _json(file), dict) and "Files" in about]
    if not told:
        raise SpokenError(
            "no_sap",
            f"{folder} is not the Speech Accessibility Project's as it is published: there is no CONTRIBUTOR/"
            "CONTRIBUTOR.json with 'Files' in it. Unpack the archives, and those in them, and give the folder above.",
        )
    for file, about in told:
        items = sorted(about["Files"], key=lambda item: str(item.get("Created") or item.get("CreatedOrModified") or ""))
        said = []
        for item in items:
            text = _sap_text(str((item.get("Prompt") or {}).get("Transcript") or ""))
            recording = file.parent / Path(str(item.get("Filename", ""))).name
            if text and recording.is_file() and (clip := _clip(recording, text)) is not None:
                said.append(clip)
        learned, tested = _cut(said)
        name, cause = str(about.get("Contributor ID", file.stem)), str(about.get("Etiology") or "unknown")
        if len(learned) >= LEAST_UTTERANCES:  # some contributors stopped after a few prompts
            with contextlib.suppress(SpokenError):  # or have said everything before that they say last
                yield _speaker(name, cause, learned, tested, language)


def table(file: Path, columns: int) -> list[list[str]]:
    """The rows of a table with tabs. Raises SpokenError: 'no_manifest', 'bad_manifest'."""
    if not file.exists():
        raise SpokenError("no_manifest", f"There is no {file.name} in {file.parent}.")
    rows = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    for number, row in enumerate(rows, 1):
        if len(row) != columns:
            raise SpokenError("bad_manifest", f"{file.name}, line {number}: {columns} columns with tabs between them.")
    return rows


def _speaker(name: str, severity: str, learned: Sequence[Clip], tested: Sequence[Clip], language: str) -> Speaker:
    both = {measure.normalised(clip.text, language) for clip in learned}
    test = [clip for clip in tested if measure.normalised(clip.text, language) not in both]
    if not test or not learned:
        raise SpokenError("bad_manifest", f"{name} needs sentences of both splits, none in both.")
    return Speaker(name, severity, learned, test)


def _cut(said: Sequence[Clip]) -> tuple[Sequence[Clip], Sequence[Clip]]:
    place = round(len(said) * _LEARNED_SHARE)
    return said[:place], said[place:]


def _clip(file: Path, text: str) -> Clip | None:
    """None for what cannot be read (every corpus has a few broken files), is empty or is too long."""
    try:
        audio = decode(file).audio
    except SpokenError:
        return None
    return Clip(audio, text) if 0 < audio.duration_s <= LONGEST_S else None


def _torgo_session(session: Path) -> list[Clip]:
    said = []
    for prompt in sorted((session / "prompts").glob("*.txt")):
        written = prompt.read_text(encoding="utf-8", errors="replace")
        text = " ".join(_ASIDE.sub(" ", written).split())
        if not any(letter.isalnum() for letter in text) or _NO_WORDS.search(text):
            continue
        takes = [session / folder / f"{prompt.stem}.wav" for folder in _TORGO_MICROPHONES]
        read = (_clip(take, text) for take in takes if take.is_file())
        said += [clip for clip in read if clip is not None][:1]
    return said


def _uaspeech_words(folder: Path) -> dict[str, str]:
    """Key ('D1', 'B2_UW1') → word, out of speaker_wordlist.csv: the sheet 'Word_filename', word first."""
    for file in sorted(folder.rglob("speaker_wordlist.csv")):
        with file.open(encoding="utf-8-sig", newline="") as lines:
            return {row[1].strip(): row[0].strip() for row in csv.reader(lines) if len(row) > 1}
    return {}


def _uaspeech_labels(folder: Path, name: str) -> dict[str, str]:
    """The same out of the speaker's label file (HTK's master label file: a quoted name, the word, a full stop)."""
    words = {}
    for file in sorted(folder.rglob(f"{name}_word.mlf")):
        for key, word in re.findall(
            rf'^"\*/{name}_(B\d_[A-Z]+\d*)_M\d\.lab"\s*\n(?:\d+\s+\d+\s+)?([^\s.]+)', file.read_text("utf-8"), re.M
        ):
            words[key] = word
    return words


def _sap_text(transcript: str) -> str:
    if _UNLEARNABLE.search(transcript):
        return ""
    return " ".join(_DROPPED.sub(" ", transcript).split())


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return None
