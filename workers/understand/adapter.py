"""What a recogniser learned of one patient: low-rank moves of its linear layers (LoRA, Hu et al. 2022), as one blob.

Added to the weights they cost nothing at recognition. The blob names the very weights that it belongs to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from workers.contracts import FloatArray, SpokenError
from workers.understand.whisper_file import WhisperFile
from workers.understand.whisper_net import added, parts

FORMAT = 1


@dataclass(frozen=True)
class Adapter:
    """down: layer → (rank, columns); up: layer → (rows, rank), scale included. base: sha256 of the model.bin.

    about: what page and report say of it (utterances, epochs, language); nothing of what was said.
    """

    base: str
    down: Mapping[str, FloatArray]
    up: Mapping[str, FloatArray]
    about: Mapping[str, Any]

    def to_bytes(self) -> bytes:
        """The blob that `from_bytes` reads; to be sealed by whoever keeps it."""
        header = {"format": FORMAT, "base": self.base, "about": dict(self.about)}
        arrays = {f"down.{name}": array.astype(np.float16) for name, array in self.down.items()}
        arrays |= {f"up.{name}": array.astype(np.float16) for name, array in self.up.items()}
        return save({**arrays, "header": np.frombuffer(json.dumps(header).encode(), np.uint8)})

    def onto(self, file: WhisperFile, base: str) -> WhisperFile:
        """`file`, whose sha256 is `base`, with these moves added.

        Raises SpokenError: 'foreign_adapter' for other weights, 'damaged_adapter' where shapes do not fit.
        """
        if base != self.base:
            raise SpokenError(
                "foreign_adapter",
                "What was learned of this patient's speech belongs to other recognition weights, so it is not used. "
                "Learn it anew with these.",
            )
        layers = {
            part.layer: (part.stop - part.start, file.tensors[f"{part.name}/weight"].shape[1]) for part in parts(file)
        }
        moves = {}
        for layer, down in self.down.items():
            move = self.up[layer].astype(np.float32) @ down.astype(np.float32)
            if layers.get(layer) != move.shape or not np.isfinite(move).all():
                raise _damaged()
            moves[layer] = move
        return added(file, moves)


def from_bytes(data: bytes) -> Adapter:
    """Raises SpokenError: 'damaged_adapter', and 'newer_adapter' for one that a later version made."""
    try:
        arrays = load(data)
        header = json.loads(arrays.pop("header").tobytes())
        if header["format"] > FORMAT:
            raise SpokenError(
                "newer_adapter",
                "What was learned of this patient's speech was kept by a newer version of Same Voice. Update this one.",
            )
        down = {name[5:]: array.astype(np.float32) for name, array in arrays.items() if name.startswith("down.")}
        up = {name[3:]: array.astype(np.float32) for name, array in arrays.items() if name.startswith("up.")}
        base, about = str(header["base"]), dict(header["about"])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise _damaged() from error
    if down.keys() != up.keys() or any(down[name].shape[0] != up[name].shape[1] for name in down):
        raise _damaged()
    return Adapter(base, down, up, about)


def _damaged() -> SpokenError:
    return SpokenError(
        "damaged_adapter",
        "What was learned of this patient's speech is damaged, so it is not used. Go back to an earlier version, or "
        "learn it anew.",
    )
