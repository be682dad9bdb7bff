"""What `samevoice bench voice` takes in: one speaker's recordings, some enrolled and others judged on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from bench import two_cities, voice
from bench.cli import bench
from workers.contracts import SpokenError
from workers.tasks.sound import wav_bytes


def _folder(folder: Path, count: int) -> Path:
    lines = []
    for number, clip in enumerate(two_cities.enrolment()[:count]):
        (folder / f"{number}.wav").write_bytes(wav_bytes(clip.audio))
        lines.append(f"{number}.wav\t{clip.text}")
    (folder / "transcripts.tsv").write_text("\n".join(lines), encoding="utf-8")
    return folder


def test_a_file_is_enrolled_or_judged_on_and_never_both(tmp_path: Path) -> None:
    enrolled, judged = voice._drawn(_folder(tmp_path, 6), seed=3)
    assert {clip.text for clip in enrolled}.isdisjoint({clip.text for clip in judged})
    assert len(enrolled) + len(judged) == 6 and len(enrolled) > len(judged) > 0
    assert [clip.text for clip in voice._drawn(tmp_path, seed=3)[0]] == [clip.text for clip in enrolled]


def test_too_few_recordings_are_said(tmp_path: Path) -> None:
    with pytest.raises(SpokenError) as refused:
        voice._drawn(_folder(tmp_path, 1), seed=3)
    assert refused.value.code == "too_few"


def test_a_folder_without_words_says_what_is_missing(tmp_path: Path) -> None:
    answer = CliRunner().invoke(bench, ["voice", "--recordings", str(tmp_path), "--json"])
    assert answer.exit_code == 1 and "transcripts.tsv" in answer.output


@pytest.mark.skipif(torch.cuda.is_available(), reason="here is a GPU")
def test_a_gpu_that_is_not_there_is_said() -> None:
    answer = CliRunner().invoke(bench, ["voice", "--device", "cuda", "--json"])
    assert answer.exit_code == 1 and "no GPU can be used here" in answer.output
