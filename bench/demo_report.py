"""`report.html`: the demo for ears and eyes. One file beside the WAVs; it asks no network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from bench import demo_pictures as pictures
from bench.demo_run import SEVERITIES, Line, Result
from bench.measure import word_error_rate
from workers.contracts import Audio


@dataclass
class Picture:
    """A sound with what can be seen of it."""

    file: str
    duration_s: float
    spectrogram: str
    pitch: str


@dataclass
class Row:
    """One utterance in the report."""

    line: Line
    impaired: Picture
    restored: Picture | None


def write_report(result: Result, out: Path) -> Path:
    """Write `report.html` into `out`, beside the WAV files that it plays. Returns its path."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)
    environment.filters["sentence"] = lambda text: text[:1].upper() + text[1:].rstrip(" ,")
    rows = {severity: [_row(line) for line in result.of(severity)] for severity in SEVERITIES}
    path = out / "report.html"
    path.write_text(
        environment.get_template("report.html").render(
            result=result,
            figures=result.figures(),
            historic=_picture(result.historic, "historic.wav"),
            rows=rows,
            hero=_hero(rows["mild"]),
            sections=_sections(result),
            places={line.utterance_id: f"{line.severity}-{line.number}" for line in result.lines},
            box=(pictures.WIDTH, pictures.HEIGHT),
        ),
        encoding="utf-8",
    )
    return path


def _hero(rows: list[Row]) -> Row:
    """The longest that was said again in the very words, else the longest that was said again, else the longest."""
    return max(rows, key=lambda row: (_in_its_words(row.line), row.restored is not None, row.impaired.duration_s))


def _in_its_words(line: Line) -> bool:
    return line.spoken is not None and word_error_rate([line.text], [line.spoken]) == 0


def _row(line: Line) -> Row:
    restored = _picture(line.restored, line.restored_file) if line.restored and line.restored_file else None
    return Row(line, _picture(line.impaired, line.impaired_file), restored)


def _picture(audio: Audio, file: str) -> Picture:
    return Picture(file, audio.duration_s, pictures.spectrogram(audio), pictures.pitch_path(audio))


def _sections(result: Result) -> dict[str, list[dict[str, object]]]:
    sections: dict[str, list[dict[str, object]]] = {}
    for statement in result.note:
        sections.setdefault(str(statement["section"]), []).append(statement)
    return sections
