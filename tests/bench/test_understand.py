"""The benchmark of understanding: its figures have the right names, and no sentence is both learned and tested."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile
from click.testing import CliRunner

from bench import measure, simulated, two_cities, understand
from workers.understand import adapt, judging


def _folder(folder: Path, table: str, rows: list[str]) -> Path:
    for place, clip in enumerate(two_cities.enrolment()[:7]):
        soundfile.write(folder / f"{place}.wav", clip.audio.samples, clip.audio.rate_hz)
    (folder / table).write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return folder


def test_a_corpus_is_learned_from_and_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapt, "EPOCHS", 1)
    monkeypatch.setattr(judging, "MANY", 1)  # one fold, as of many sentences
    texts = [clip.text for clip in two_cities.enrolment()[:7]]
    rows = [f"{place}.wav\t{text}\tA\t{'adapt' if place < 5 else 'test'}\tnone" for place, text in enumerate(texts)]
    corpus = _folder(tmp_path, "manifest.tsv", rows)
    done = CliRunner().invoke(understand.understand, ["--json", "--corpus", str(corpus)])
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)
    assert {
        "stock_wer", "adapted_wer", "relative_wer_reduction", "nbest_oracle_wer", "calibration_error",
        "invented_words_per_minute", "adapt_s", "peak_mb",
    } <= figures.keys()  # fmt: skip
    (speaker,) = figures["speakers"]
    assert not figures["simulated"] and speaker["tested"] == 2 and speaker["by_utterances"].keys() == {"5"}
    assert 0 <= speaker["nbest_oracle_wer"] <= speaker["adapted_wer"] <= 1
    assert speaker["stock_wer"] < 0.2 and speaker["adapt_s"] > 0
    # Clear speech: nearly all of the meaning is there, and as it is of one speaker, the means are theirs.
    assert 0.8 < speaker["stock_meaning"]["kept"] <= 1.0
    assert figures["adapted_meaning"] == speaker["adapted_meaning"]["kept"]
    assert speaker["by_utterances"]["5"]["meaning"] == speaker["adapted_meaning"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["0.wav\ttoo few"], "5 columns"),
        (["0.wav\tone\tA\tadapt\tmild", "1.wav\tOne.\tA\ttest\tmild"], "needs sentences of both splits"),
        (["0.wav\tone\tA\tsomewhere\tmild"], "neither adapt nor test"),
    ],
)
def test_a_manifest_that_will_not_do_is_said(tmp_path: Path, rows: list[str], said: str) -> None:
    corpus = _folder(tmp_path, "manifest.tsv", rows)
    done = CliRunner().invoke(understand.understand, ["--json", "--corpus", str(corpus)])
    assert done.exit_code == 1 and said in done.output


def test_the_simulation_tests_on_sentences_that_it_does_not_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated, "RETAKES", ())
    (speaker,) = simulated.simulated(None, ["mild"])
    learned = {measure.normalised(clip.text) for clip in speaker.adapt}
    assert len(speaker.test) >= 5 and not learned & {measure.normalised(clip.text) for clip in speaker.test}
    assert all(clip.audio.duration_s <= adapt.LONGEST_S for clip in (*speaker.adapt, *speaker.test))
