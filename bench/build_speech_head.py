"""Rebuild `workers/understand/data/speech_head.safetensors`, which tells whether somebody near speaks.

    python -m bench.build_speech_head DIR

DIR holds Debian's packages (`bench.speech_head_sounds.PACKAGES`, by `apt-get download`), each unpacked by `dpkg-deb -x`
into a folder of its name: 0.7 GB. Kokoro's public voices are said here, into DIR/kokoro; what the encoder makes of
every drawn sound is kept in DIR/drawn, so that a build that was stopped goes on. About an hour on one core.

Every fifth voice and every fifth piece of music is held out: on those the score that is asked for is chosen.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from torch import Tensor, nn

from bench.speech_head_sounds import Sounds
from workers import models
from workers.activity import speech_spans
from workers.contracts import SPEECH_RATE_HZ
from workers.speak.acoustics import Acoustics
from workers.understand.recogniser import Recogniser
from workers.understand.speech_head import FILE, FRAMES, SpeechHead

TEXTS = (
    "No.", "Yes.", "Water.", "Help me.", "Stop.", "Nurse!", "Please.", "Two.", "Thank you.", "I'm cold.", "Urgent.",
    "It hurts.", "Turn me over.", "My leg.", "More.", "Not now.", "Where is my daughter?", "Light off.", "Pain.",
    "Hello.", "Good night.", "I can't breathe.", "The other side.", "Open the window, please.", "Tea.", "Up.", "Okay.",
    "I'd like to sleep a little before they come.", "Call my wife.", "Toilet.", "What time is it?", "Too loud.",
    "Could you raise the bed?", "Eleven.", "Cup.", "I don't know.", "Sit.", "The soup was very good today.", "Enough.",
)  # fmt: skip
_TEXTS_EACH = 4
_SHARDS = 12
_DRAWS = 25
_UNITS, _ROUNDS, _BATCH = 16, 15, 64
#: What missing near speech weighs, of 1: the head is asked only where next to none is missed.
_NEAR_WEIGHT = 0.93
#: The share of held-out near speech, of what Silero hears at all, that may score under what is asked for.
_LOST = 0.005


@dataclass(frozen=True)
class Bag:
    """One sound: (frames, width) of the encoder. heard: whether Silero finds speech in it."""

    features: NDArray[np.float16]
    near: bool
    kind: str
    heard: bool
    held_out: bool


def main() -> None:
    """Say, draw, learn, choose, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    torch.set_num_threads(1)
    if not (folder / "kokoro").exists():
        say(folder / "kokoro")
    draw(folder)
    bags = [bag for file in sorted((folder / "drawn").glob("*[0-9].npz")) for bag in _opened(file)]
    arrays = learned([bag for bag in bags if not bag.held_out])
    held_out = [(bag, _score(bag, arrays)) for bag in bags if bag.held_out and bag.heard]
    floor = float(np.quantile([score for bag, score in held_out if bag.near], _LOST))
    arrays["out_bias"] = arrays["out_bias"] - np.float32(floor)
    base = next(file.sha256 for file in models.manifest().artefacts["whisper-base"].files if file.path == "model.bin")
    save_file(arrays, FILE, {"base": base})
    sys.stdout.write(_table([(bag, score - floor) for bag, score in held_out]))


def say(folder: Path) -> None:
    """Short texts in each of Kokoro's public voices: folder/VOICE/NUMBER.wav."""
    acoustics = Acoustics()
    for index, name in enumerate(acoustics.space.names):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for turn in range(_TEXTS_EACH):
            place = (index * 7 + turn * 11) % len(TEXTS)
            phones = acoustics.phones(TEXTS[place])
            style = torch.from_numpy(acoustics.space.style(name, len(phones)))[None]
            with torch.inference_mode():
                frames = acoustics.frames(phones, style)
                sound = acoustics.decode(frames, *acoustics.contours(frames, style), acoustics.modulation(style))
            soundfile.write(folder / name / f"{place}.wav", sound.numpy(), SPEECH_RATE_HZ)


def draw(folder: Path) -> None:
    """Draw sounds, and keep what the encoder makes of them: a file for each hundred or so."""
    recogniser, sounds = Recogniser(models.path("whisper-base"), threads=1), Sounds(folder)
    (folder / "drawn").mkdir(exist_ok=True)
    for shard in range(_SHARDS):
        file = folder / "drawn" / f"{shard:04d}.npz"
        if file.exists():
            continue
        held_out = shard % 4 == 3
        drawn = [
            one
            for number in range(shard * _DRAWS, (shard + 1) * _DRAWS)
            for near in (True, False)
            for one in sounds.draw(number, near=near, held_out=held_out)
        ]
        features = [recogniser.encoded(one.audio).astype(np.float16) for one in drawn]
        np.savez(
            file.with_suffix(".part"),
            features=np.concatenate(features),
            lengths=[len(one) for one in features],
            near=[one.near for one in drawn],
            kind=[one.kind for one in drawn],
            heard=[bool(speech_spans(one.audio)) for one in drawn],
            held_out=held_out,
        )
        Path(f"{file.with_suffix('.part')}.npz").rename(file)


def learned(bags: Sequence[Bag]) -> dict[str, NDArray[np.float32]]:
    """The head's arrays, before a score is asked for."""
    torch.manual_seed(0)
    order = np.random.default_rng(0)
    sample = np.concatenate([bag.features[::10] for bag in bags]).astype(np.float32)
    centre, scale = torch.from_numpy(sample.mean(axis=0)), torch.from_numpy(sample.std(axis=0) + 1e-3)
    hidden, out = nn.Linear(len(centre), _UNITS), nn.Linear(_UNITS, 1)
    optimiser = torch.optim.AdamW([*hidden.parameters(), *out.parameters()], 2e-3, weight_decay=0.05)
    steps = _ROUNDS * (len(bags) // _BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    share = float(np.mean([bag.near for bag in bags]))
    for _ in range(_ROUNDS):
        places = order.permutation(len(bags))[: len(bags) // _BATCH * _BATCH]
        for batch in places.reshape(-1, _BATCH):
            chosen = [bags[place] for place in batch]
            frames = torch.from_numpy(np.concatenate([bag.features for bag in chosen]).astype(np.float32))
            weights = hidden.weight / scale  # as if the frames were normed, which there are too many of
            units = frames @ weights.T + (hidden.bias - weights @ centre)
            scores = out(nn.functional.dropout(torch.relu(units), 0.2))[:, 0]
            pooled = torch.stack([_best(one) for one in scores.split([len(bag.features) for bag in chosen])])
            near = torch.tensor([float(bag.near) for bag in chosen])
            weight = torch.where(near > 0, _NEAR_WEIGHT / share, (1 - _NEAR_WEIGHT) / (1 - share))
            loss = nn.functional.binary_cross_entropy_with_logits(pooled, near, weight)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    with torch.no_grad():
        weights = hidden.weight / scale
        return {
            "hidden": np.ascontiguousarray(weights.numpy().T, np.float32),
            "hidden_bias": np.asarray((hidden.bias - weights @ centre).numpy(), np.float32),
            "out": np.ascontiguousarray(out.weight.numpy()[0], np.float32),
            "out_bias": np.asarray(out.bias.numpy(), np.float32),
        }


def _best(scores: Tensor) -> Tensor:
    return scores.topk(min(FRAMES, len(scores))).values.mean()


def _score(bag: Bag, arrays: dict[str, NDArray[np.float32]]) -> float:
    return SpeechHead(**arrays, base="").score(bag.features.astype(np.float32))


def _opened(file: Path) -> list[Bag]:
    with np.load(file) as kept:
        features = np.split(kept["features"], np.cumsum(kept["lengths"])[:-1])
        rows = zip(features, kept["near"], kept["kind"], kept["heard"], strict=True)
        return [Bag(f, bool(near), str(kind), bool(heard), bool(kept["held_out"])) for f, near, kind, heard in rows]


def _table(scored: Sequence[tuple[Bag, float]]) -> str:
    """By kind, of what Silero hears speech in: how many pass."""
    lines = []
    for near in (True, False):
        for kind in sorted({bag.kind for bag, _ in scored if bag.near == near}):
            passed = [score > 0 for bag, score in scored if bag.near == near and bag.kind == kind]
            lines.append(f"{'near' if near else 'other'}: {kind}: {sum(passed)} of {len(passed)} pass\n")
    return "".join(lines)


if __name__ == "__main__":
    main()
