"""Rebuild `data/phone_sounds.safetensors`, what Kokoro's phones sound like to a listener, by running this module.

The English public voices say a few sentences each, so that it is known to the frame where every phone is; a little
noise is added to what they say. About a quarter of an hour on two cores. (The first fifteen sentences are from the
Harvard lists, IEEE 1969.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy.linalg import eigh

from workers.contracts import RECOGNITION_RATE_HZ, SPEECH_RATE_HZ, FloatArray
from workers.speak.acoustics import Acoustics
from workers.speak.follow import columns
from workers.speak.phone_sounds import FILE, PARTS, cepstra_of, stacked

SENTENCES = (
    "The birch canoe slid on the smooth planks.",
    "Glue the sheet to the dark blue background.",
    "It's easy to tell the depth of a well.",
    "These days a chicken leg is a rare dish.",
    "Rice is often served in round bowls, with fish.",
    "The juice of lemons makes fine punch.",
    "The box was thrown beside the parked truck.",
    "Four hours of steady work faced us.",
    "A large size in stockings is hard to sell.",
    "The boy was there when the sun rose.",
    "A rod is used to catch pink salmon.",
    "The source of the huge river is the clear spring.",
    "Kick the ball straight, and follow through.",
    "Help the woman get back to her feet.",
    "A pot of tea helps to pass the evening.",
    "Could you open the window, please?",
    "I would like some water, and my other glasses.",
    "Where did you put the telephone?",
    "Thank you, I had a good night.",
    "My daughter is going to visit this afternoon.",
    "Please call the nurse, my shoulder hurts.",
    "What are we having for breakfast?",
    "He joined the army when he was very young.",
    "Nothing about that journey was a pleasure.",
    "She usually measures the garage with a yellow ruler.",
    "Why should anybody worry about the weather?",
    "Choose the large orange chair in the church.",
    "That voice annoyed the boys, though they enjoyed the noise.",
)
_ROUNDS = 5
_DIRECTIONS = 16  # more made boundaries worse on voices left out, and on people
_RIDGE = 1000.0
_NOISE_DB = (20.0, 45.0)  # under the speech


@dataclass(frozen=True)
class _Taught:
    """Frames of one sentence: encoded (frames, 512 + 1), heard (frames, stacked), part (frames,)."""

    encoded: FloatArray
    heard: FloatArray
    part: FloatArray


def main() -> None:
    """Say, listen, and keep the maps."""
    torch.manual_seed(0)
    taught = list(_say(Acoustics(), np.random.default_rng(0)))
    encoded, heard, part = (
        np.concatenate([getattr(one, name) for one in taught]) for name in ("encoded", "heard", "part")
    )
    maps, predicted = [], np.zeros_like(heard)
    for number in range(PARTS):
        chosen = part == number
        maps.append(_ridge(encoded[chosen], heard[chosen]))
        predicted[chosen] = encoded[chosen] @ maps[-1]
    unexplained = np.cov((heard - predicted).T) + 1e-3 * np.eye(heard.shape[1])
    # Directions in which what phones say differs most, against all else that differs; of unit variance in the latter.
    _, directions = eigh(np.cov(predicted.T), unexplained)
    projection = directions[:, ::-1][:, :_DIRECTIONS]
    save_file(
        {
            # In C order: save_file writes memory as it lies.
            "projection": np.ascontiguousarray(projection, np.float16),
            "maps": np.ascontiguousarray(np.stack([one @ projection for one in maps]), np.float16),
        },
        FILE,
    )


def _say(acoustics: Acoustics, rng: np.random.Generator) -> Iterator[_Taught]:
    names = [name for name in acoustics.space.names if name[0] in "ab"]
    for turn in range(_ROUNDS):
        for index, name in enumerate(names):
            phones = acoustics.phones(SENTENCES[(5 * index + 7 * turn + index // 4) % len(SENTENCES)])
            style = torch.from_numpy(acoustics.space.style(name, len(phones)))[None]
            with torch.inference_mode():
                frames = acoustics.frames(phones, style)
                sound = acoustics.decode(frames, *acoustics.contours(frames, style), acoustics.modulation(style))
            counts = 2 * frames.durations.numpy().astype(np.int64)
            yield _taught(columns(frames), counts, sound.numpy(), rng)


def _taught(encoded: FloatArray, counts: NDArray[np.int64], sound: FloatArray, rng: np.random.Generator) -> _Taught:
    samples = soxr.resample(sound, SPEECH_RATE_HZ, RECOGNITION_RATE_HZ)
    noise = rng.standard_normal(len(samples)) * np.sqrt(np.mean(samples**2)) * 10 ** (-rng.uniform(*_NOISE_DB) / 20)
    heard = stacked(cepstra_of((samples + noise).astype(np.float32))[0])
    tokens = np.repeat(np.arange(len(counts)), counts)[: len(heard)]
    within = (np.arange(len(tokens)) - (np.cumsum(counts) - counts)[tokens] + 0.5) / counts[tokens]
    with_one = np.concatenate([encoded[tokens], np.ones((len(tokens), 1), np.float32)], axis=1)
    return _Taught(with_one, heard[: len(tokens)], (within * PARTS).astype(int))


def _ridge(encoded: FloatArray, heard: FloatArray) -> FloatArray:
    """(512 + 1, stacked): least squares with a penalty on all but the constant, scaled to the data's own power."""
    square = encoded.T @ encoded
    penalty = np.full(len(square), _RIDGE * np.trace(square[:-1, :-1]) / (len(square) - 1) / len(encoded))
    penalty[-1] = 0.0
    return np.asarray(np.linalg.solve(square + np.diag(penalty), encoded.T @ heard))


if __name__ == "__main__":
    main()
