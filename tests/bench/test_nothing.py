"""Sound without words: what is made, how it is cut, and what is counted in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from bench import lost, nothing, two_cities
from bench.speech_head_sounds import Sounds
from workers.contracts import Audio, Reading, SpokenError, Transcript


class _Deaf:
    """Hears the same in every piece."""

    def __init__(self, gate: str | None, confidence: float, texts: Sequence[str]) -> None:
        self._answer = (gate, confidence, texts)

    def transcribe(self, audio: Audio, language: str = "en", *, sure_at: float = 0.7) -> Transcript:
        gate, confidence, texts = self._answer
        readings = tuple(Reading(text, 0.5) for text in texts)
        return Transcript(texts[0] if texts else "", (), confidence, language, readings, gate, audio.duration_s)


@pytest.mark.parametrize(
    ("gate", "confidence", "texts", "counted"),
    [
        (None, 0.9, ["thank you"], (4, 4, 4)),
        (None, 0.3, ["thank you"], (0, 4, 4)),
        ("looping", 0.9, ["you you"], (0, 0, 4)),
        ("no_speech", 0.0, [], (0, 0, 0)),
    ],
)
def test_words_are_counted_by_what_would_become_of_them(
    gate: str | None, confidence: float, texts: list[str], counted: tuple[int, int, int]
) -> None:
    deaf: Any = _Deaf(gate, confidence, texts)
    found = nothing.heard_in(deaf, [Audio(np.zeros(32_000, np.float32), 16_000)] * 2)
    assert (found["spoken"], found["spoken_at_any_confidence"], found["shown"]) == counted


def test_sources_are_as_long_and_as_loud_as_they_are_said_to_be(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tune.wav", 0.3 * np.sin(np.arange(160_000) / 20), 16_000)
    made = nothing.sources(tmp_path, None, 6.0, seed=3)
    assert made.keys() == {"silence", "noise", "ward", "music"}
    for name, sound in made.items():
        assert sound.duration_s == pytest.approx(6.0, abs=0.01) and np.abs(sound.samples).max() <= 1, name
        level_db = 20 * np.log10(np.sqrt(np.mean(sound.samples**2)) + 1e-9)
        assert -20 > level_db > -60 if name != "silence" else level_db < -50, name
    assert np.array_equal(made["ward"].samples, nothing.sources(tmp_path, None, 6.0, seed=3)["ward"].samples)


def test_without_music_there_is_no_figure_for_it(tmp_path: Path) -> None:
    assert "music" not in nothing.sources(tmp_path, None, 3.0, seed=1)


def test_what_is_no_music_is_said(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not music")
    with pytest.raises(SpokenError, match=r"notes\.txt"):
        nothing.sources(tmp_path, None, 3.0, seed=1)


class _HardOfHearing:
    """Hears only what is longer than two seconds."""

    speech_head = True

    def transcribe(self, audio: Audio) -> SimpleNamespace:
        return SimpleNamespace(gate=None if audio.duration_s > 2.0 else "no_words")


def test_lost_utterances_are_counted_and_named(tmp_path: Path) -> None:
    clip = two_cities.enrolment()[3].audio
    soundfile.write(tmp_path / "long.wav", clip.samples, clip.rate_hz)
    soundfile.write(tmp_path / "short.wav", clip.samples[: clip.rate_hz // 2], clip.rate_hz)
    (tmp_path / "transcripts.tsv").write_text("long.wav\tall of what was said\nshort.wav\tno\n")
    hard: Any = _HardOfHearing()
    found = lost.run(hard, tmp_path, seed=1, most=10)["clean"]
    assert (found["heard"], found["lost"], found["lost_texts"]) == (2, 1, ["no"])
    assert found["short"] == {"heard": 1, "lost": 1, "lost_texts": ["no"]}


def test_what_the_speech_head_learns_from_is_drawn_by_number(tmp_path: Path) -> None:
    clip = nothing.measure.resample(two_cities.enrolment()[3].audio, 16_000).samples
    for place in range(3):
        for file in (f"klettres-data/l{place}/alpha/a.wav", f"asc-music/{place}.wav", f"sound-icons/{place}.wav"):
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(tmp_path / file, clip[place * 8_000 : place * 8_000 + 12_000], 16_000)
    for near in (True, False):
        drawn = Sounds(tmp_path).draw(7, near=near, held_out=False)
        again = Sounds(tmp_path).draw(7, near=near, held_out=False)
        assert [one.kind for one in drawn] == [one.kind for one in again] and all(one.near == near for one in drawn)
        assert all(
            np.array_equal(one.audio.samples, other.audio.samples) for one, other in zip(drawn, again, strict=True)
        )
        assert all(0.2 < one.audio.duration_s <= 12 and np.abs(one.audio.samples).max() > 0 for one in drawn)
    assert {one.group for one in Sounds(tmp_path).draw(7, near=True, held_out=True)} == {"klettres-data/l2"}


def test_pieces_are_turns_by_length(tmp_path: Path) -> None:
    sound = Audio(np.arange(16_000 * 60, dtype=np.float32) / 1e6, 16_000)
    pieces = nothing.held(sound, seed=1)
    assert all(piece.duration_s <= 12 for piece in pieces) and all(piece.duration_s >= 2 for piece in pieces[:-1])
    assert np.array_equal(
        np.concatenate([piece.samples for piece in pieces]),
        sound.samples[: sum(len(piece.samples) for piece in pieces)],
    )


def test_the_tablet_finds_turns_in_speech_and_none_in_silence() -> None:
    clip = two_cities.enrolment()[3].audio
    quiet = np.zeros(clip.rate_hz * 3, np.float32)
    sound = nothing.measure.resample(Audio(np.concatenate([quiet, clip.samples, quiet]), clip.rate_hz), 16_000)
    (turn,) = nothing.turns(sound)
    assert clip.duration_s - 0.5 < turn.duration_s < clip.duration_s + 2
    assert nothing.turns(Audio(np.zeros(16_000 * 5, np.float32), 16_000)) == []
