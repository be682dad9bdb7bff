"""Rebuild `workers/understand/data/phrase_metric.safetensors`: what differs between many people's takes of one phrase.

    python -m bench.build_phrase_metric DIR

DIR is the folder of Debian's packages that `bench.build_speech_head` takes. Up to nine short recordings of each of its
people are said three times each by `bench.takes` (severe, **simulated**); the Italian telephone's voice, on which the
threshold is chosen, is left out, and so are Kokoro's. What the encoder makes of each voice is kept in DIR/phrase_takes,
so that a build that was stopped goes on. Some fifteen minutes on one core.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from bench import impair, takes
from bench.speech_head_sounds import Sounds
from workers import models
from workers.contracts import RECOGNITION_RATE_HZ, Audio, FloatArray
from workers.understand import metric
from workers.understand.phrases import POOL
from workers.understand.recogniser import Recogniser
from workers.understand.warping import pooled

_LEFT_OUT = ("asterisk-core-sounds-it", "kokoro")
_FILES_TRIED, _FILES, _TAKES = 40, 9, 3
_SHORTEST_S, _LEAST_FRAMES = 0.4, 8
_LEVEL = 0.5


def main() -> None:
    """Say, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    recogniser = Recogniser(models.path("whisper-base"), threads=1)
    chance = np.random.default_rng(0)
    found = []
    for name, recordings in Sounds(folder).voices(_FILES_TRIED, chance):
        if name.startswith(_LEFT_OUT):
            continue
        kept = folder / "phrase_takes" / f"{name.replace('/', '.')}.safetensors"
        if not kept.exists():
            kept.parent.mkdir(exist_ok=True)
            save_file(_taken(recogniser, name, recordings), kept)
        within = _within(kept)
        if within is not None:
            found.append(within)
    base = next(file.sha256 for file in models.manifest().artefacts["whisper-base"].files if file.path == "model.bin")
    mean = np.mean(found, axis=0)
    save_file({"within": np.asarray(mean, np.float16)}, metric.FILE, {"base": base, "voices": str(len(found))})


def _taken(recogniser: Recogniser, voice: str, recordings: Sequence[NDArray[np.float64]]) -> dict[str, FloatArray]:
    """'recording.take' → features, of as many recordings as are long enough."""
    found: dict[str, FloatArray] = {}
    done = 0
    for number, samples in enumerate(recordings):
        if done == _FILES:
            break
        if len(samples) < _SHORTEST_S * RECOGNITION_RATE_HZ:
            continue
        level = _LEVEL / float(np.abs(samples).max())
        parts = impair.take_apart(Audio((samples * level).astype(np.float32), RECOGNITION_RATE_HZ))
        said = [
            recogniser.features(takes.take(parts, "severe", zlib.crc32(f"{voice} {number} {take}".encode())))
            for take in range(_TAKES)
        ]
        long = [features for features in said if len(features) >= _LEAST_FRAMES]
        if len(long) > 1:
            found |= {f"{number}.{take}": features for take, features in enumerate(long)}
            done += 1
    return found


def _within(file: Path) -> NDArray[np.float64] | None:
    examples: dict[str, list[FloatArray]] = {}
    for name, features in sorted(load_file(file).items()):
        examples.setdefault(name.partition(".")[0], []).append(pooled(features, POOL))
    return metric.within_of(examples, metric.whitened(examples)) if examples else None


if __name__ == "__main__":
    main()
