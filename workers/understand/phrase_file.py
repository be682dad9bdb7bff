"""A patient's taught phrases as one blob of encoder features. Biometric: whoever keeps it seals it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from workers.contracts import FloatArray, SpokenError

#: 2: of all that sounds, not of what voice activity takes for speech. The two cannot be compared.
FORMAT = 2


def to_bytes(examples: Mapping[str, Sequence[FloatArray]], model: str) -> bytes:
    """phrase id → takes, (frames, width) each, as safetensors of float16.

    `model`: names the recogniser, adapter included, that made the features; another's cannot be compared.
    """
    header = {"format": FORMAT, "model": model, "takes": [[name, len(takes)] for name, takes in examples.items()]}
    arrays = {
        f"{place}.{number}": np.ascontiguousarray(take, np.float16)
        for place, takes in enumerate(examples.values())
        for number, take in enumerate(takes)
    }
    return save({**arrays, "header": np.frombuffer(json.dumps(header).encode(), np.uint8)})


def from_bytes(blob: bytes, model: str) -> dict[str, list[FloatArray]]:
    """What `to_bytes` was given. Raises SpokenError: 'damaged_phrases', 'newer_phrases', 'foreign_phrases'."""
    try:
        arrays = load(blob)
        header = json.loads(arrays.pop("header").tobytes())
        if header["format"] > FORMAT:
            raise SpokenError(
                "newer_phrases", "These phrases were kept by a newer Same Voice. Bring this one up to date."
            )
        if header["format"] < FORMAT or header["model"] != model:
            raise SpokenError("foreign_phrases", "The phrases were learned with another recogniser. Learn them anew.")
        return {
            str(name): [arrays[f"{place}.{number}"].astype(np.float32) for number in range(takes)]
            for place, (name, takes) in enumerate(header["takes"])
        }
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise SpokenError(
            "damaged_phrases", "The kept phrases cannot be read. Learn them anew from their recordings."
        ) from error
