"""The loaders of published corpora, on made-up folders of their layouts. The sound is noise; nobody speaks in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from bench import corpora, understand
from bench.corpora import Speaker
from workers.contracts import Clip, SpokenError


def _sound(file: Path, seconds: float = 0.5, pitch: float = 200.0) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(file, 0.1 * np.sin(np.arange(int(seconds * 16_000)) * pitch / 2546), 16_000)


def _texts(clips: Sequence[Clip]) -> list[str]:
    return [clip.text for clip in clips]


def _torgo(session: Path, prompts: dict[str, str], microphone: str = "wav_headMic") -> None:
    for number, text in prompts.items():
        (session / "prompts").mkdir(parents=True, exist_ok=True)
        (session / "prompts" / f"{number}.txt").write_text(text)
        _sound(session / microphone / f"{number}.wav")


def test_torgo_is_cut_by_session(tmp_path: Path) -> None:
    _torgo(
        tmp_path / "F" / "F01" / "Session1",
        {
            "0001": "stick\n", "0002": "[say Ah-P-Eee repeatedly]", "0003": "input/images/bed.jpg", "0004": "xxx",
            "0005": "Except in the winter.", "0006": "tear [as in tear up that paper]",
        },
    )  # fmt: skip
    (tmp_path / "F" / "F01" / "Session1" / "prompts" / "0007.txt").write_text("there is no sound to it")
    _torgo(tmp_path / "F" / "F01" / "Session2_3", {"0001": "Stick.", "0002": "air"}, "wav_arrayMic")
    _torgo(tmp_path / "FC" / "FC01" / "Session1", {"0001": "a control speaker"})
    (speaker,) = corpora.torgo(tmp_path)
    assert (speaker.name, speaker.severity) == ("F01", "severe")
    assert _texts(speaker.adapt) == ["stick", "Except in the winter.", "tear"]
    assert _texts(speaker.test) == ["air"]  # 'stick' was learned


def test_a_torgo_speaker_of_one_session_and_two_microphones(tmp_path: Path) -> None:
    session = tmp_path / "F03" / "Session1"
    _torgo(session, {f"{number:04}": f"sentence {word}" for number, word in enumerate("abcdef")})
    (session / "wav_headMic" / "0000.wav").write_bytes(b"")  # some are
    _sound(session / "wav_arrayMic" / "0000.wav", 0.7)
    (session / "wav_headMic" / "0001.wav").unlink()
    (speaker,) = corpora.torgo(tmp_path)
    assert _texts(speaker.adapt) == ["sentence a", "sentence c", "sentence d"]
    assert speaker.adapt[0].audio.duration_s == pytest.approx(0.7)
    assert _texts(speaker.test) == ["sentence e", "sentence f"]


LABELS = '#!MLF!#\n"*/M04_B1_D1_M5.lab"\nONE\n.\n"*/M04_B1_UW1_M5.lab"\n0 3000000 NATURALIZATION\n.\n'
WORDS = "WORD,FILE NAME\nONE,D1\nNATURALIZATION,B1_UW1\nMOUTHPIECE,B2_UW1\nTWO,D2\n"


def test_uaspeech_is_cut_by_block(tmp_path: Path) -> None:
    for name in ("B1_D1_M2", "B1_D1_M5", "B1_UW1_M5", "B2_D1_M5", "B2_UW1_M3", "B3_D2_M5", "B2_UW9_M5"):
        _sound(tmp_path / "audio" / "M04" / f"M04_{name}.wav", 0.3 + 0.1 * int(name[-1]))
    _sound(tmp_path / "audio" / "control" / "CM04" / "CM04_B1_D1_M5.wav")
    (tmp_path / "mlf" / "M04").mkdir(parents=True)
    (tmp_path / "mlf" / "M04" / "M04_word.mlf").write_text(LABELS)
    (tmp_path / "speaker_wordlist.csv").write_text(WORDS)
    (speaker,) = corpora.uaspeech(tmp_path)
    assert (speaker.name, speaker.severity) == ("M04", "2 % understood")
    assert sorted(_texts(speaker.adapt)) == ["Naturalization", "One", "Two"]
    assert _texts(speaker.test) == ["Mouthpiece"]
    assert all(clip.audio.duration_s == pytest.approx(0.8) for clip in speaker.adapt), "one microphone, the middle one"


def test_uaspeech_without_its_words_says_where_they_are(tmp_path: Path) -> None:
    _sound(tmp_path / "audio" / "F02" / "F02_B1_C1_M5.wav")
    with pytest.raises(SpokenError, match="Word_filename") as raised:
        list(corpora.uaspeech(tmp_path))
    assert raised.value.code == "no_words"


def _contributor(folder: Path, name: str, said: Sequence[str]) -> None:
    files = []
    for place, text in enumerate(said):
        file = f"{name}_{place}_1_16kHz.wav"
        _sound(folder / name / file)
        prompt = {"Prompt Text": text, "Transcript": f"{text}\n", "Category Description": "Novel Sentences"}
        files.append({"Filename": file, "Created": f"2023-07-{place + 1:02} 10:00:00", "Prompt": prompt})
    about = {"Contributor ID": name, "Etiology": "ALS", "Files": files[::-1]}
    (folder / name / f"{name}.json").write_text(json.dumps(about))


def test_sap_is_cut_in_the_order_of_recording(tmp_path: Path) -> None:
    said = [
        "Find my phone.", "(F-) Find my keys.", "Call ~N ~P ~R.", "together with [PII], our son", "was {w: 3} in it",
        "Make it cooler.", "(cs: Go ahead.) Hang up.", "#ts\n0.0 1.0 yes", "Open reminders.", "find my phone",
        "Turn off the heat.", "Skip this song.",
    ]  # fmt: skip
    _contributor(tmp_path / "Train", "a1b2", said)
    _contributor(tmp_path / "Train", "gave-up", ["Hang up.", "Hang up."])
    (tmp_path / "Train" / "SpeechAccessibility_Split.json").write_text("{}")
    (speaker,) = corpora.sap(tmp_path)
    assert (speaker.name, speaker.severity) == ("a1b2", "ALS")
    assert _texts(speaker.adapt) == [
        "Find my phone.",
        "Find my keys.",
        "Call N P R.",
        "Make it cooler.",
        "Open reminders.",
    ]
    assert _texts(speaker.test) == ["Turn off the heat.", "Skip this song."]


@pytest.mark.parametrize("load", [corpora.torgo, corpora.uaspeech, corpora.sap])
def test_a_wrong_folder_is_told_what_is_wanted(tmp_path: Path, load: Callable[[Path], Sequence[Speaker]]) -> None:
    _sound(tmp_path / "somebody" / "hello.wav")
    (tmp_path / "somebody" / "somebody.json").write_text("not JSON")
    with pytest.raises(SpokenError, match="as it is published: there is no"):
        list(load(tmp_path))


@pytest.mark.parametrize("options", [("--torgo", "--sap"), ("--recordings", "--uaspeech")])
def test_one_corpus_at_a_time(tmp_path: Path, options: tuple[str, str]) -> None:
    given = [part for option in options for part in (option, str(tmp_path))]
    done = CliRunner().invoke(understand.understand, given)
    assert done.exit_code == 1 and "at a time" in done.output


def test_a_speaker_who_is_not_in_it(tmp_path: Path) -> None:
    _torgo(tmp_path / "F03" / "Session1", {f"{number:04}": f"sentence {word}" for number, word in enumerate("abcdef")})
    done = CliRunner().invoke(understand.understand, ["--torgo", str(tmp_path), "--speaker", "F01"])
    assert done.exit_code == 1 and "no such speaker" in done.output
