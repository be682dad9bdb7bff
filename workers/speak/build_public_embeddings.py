"""Rebuild `data/public_embeddings.safetensors`, how GE2E hears each public voice, by running this module.

A fit starts from the public voice that sounds most like the patient; saying a sentence in all 54 would cost it two
minutes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from workers.contracts import SPEECH_RATE_HZ, Audio, FloatArray
from workers.speak.acoustics import Acoustics
from workers.speak.encoders import GE2E

FILE = Path(__file__).parent / "data" / "public_embeddings.safetensors"
SENTENCE = "We walked along the river until the sun went down."


def public_embeddings() -> FloatArray:
    """(54, 256) float32, unit norm, in the order of the voice space's names."""
    return np.asarray(load_file(FILE)["ge2e"], np.float32)


def main() -> None:
    """Say one sentence in every public voice, and listen."""
    acoustics, encoder = Acoustics(), GE2E()
    phones = acoustics.phones(SENTENCE)
    rows = []
    with torch.inference_mode():
        for name in acoustics.space.names:
            style = torch.from_numpy(acoustics.space.style(name, len(phones)))[None]
            frames = acoustics.frames(phones, style)
            sound = acoustics.decode(frames, *acoustics.contours(frames, style), acoustics.modulation(style))
            rows.append(encoder.embed(Audio(sound.numpy(), SPEECH_RATE_HZ)))
    FILE.parent.mkdir(exist_ok=True)
    save_file({"ge2e": np.stack(rows)}, FILE)


if __name__ == "__main__":
    main()
