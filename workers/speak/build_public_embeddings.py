"""Rebuild `data/public_embeddings.safetensors`, how GE2E hears each public voice, by running this module.

A fit starts from the public voice that sounds most like the patient; saying a sentence in all 54 would cost it two
minutes. Recordings of a telephone are compared with how GE2E hears the public voices through one (`TELEPHONE_HZ`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from workers.contracts import SPEECH_RATE_HZ, Audio, FloatArray
from workers.speak.acoustics import Acoustics
from workers.speak.encoders import GE2E, at_16k, through, without_silence

FILE = Path(__file__).parent / "data" / "public_embeddings.safetensors"
#: The band of a telephone line (ITU-T G.712).
TELEPHONE_HZ = 300.0, 3_400.0
SENTENCE = "We walked along the river until the sun went down."


def public_embeddings(*, telephone: bool = False) -> FloatArray:
    """(54, 256) float32, unit norm, in the order of the voice space's names; clear, or as a telephone carries them."""
    return np.asarray(load_file(FILE)["ge2e_telephone" if telephone else "ge2e"], np.float32)


def main() -> None:
    """Say one sentence in every public voice, and listen, also through a telephone."""
    acoustics, encoder = Acoustics(), GE2E()
    phones = acoustics.phones(SENTENCE)
    rows, narrow = [], []
    with torch.inference_mode():
        for name in acoustics.space.names:
            style = torch.from_numpy(acoustics.space.style(name, len(phones)))[None]
            frames = acoustics.frames(phones, style)
            sound = acoustics.decode(frames, *acoustics.contours(frames, style), acoustics.modulation(style))
            rows.append(encoder.embed(Audio(sound.numpy(), SPEECH_RATE_HZ)))
            speech = torch.from_numpy(without_silence(at_16k(Audio(sound.numpy(), SPEECH_RATE_HZ))))
            narrow.append(encoder(through(speech, TELEPHONE_HZ)).numpy())
    FILE.parent.mkdir(exist_ok=True)
    save_file({"ge2e": np.stack(rows), "ge2e_telephone": np.stack(narrow)}, FILE)


if __name__ == "__main__":
    main()
