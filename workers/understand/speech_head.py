"""Whether somebody near speaks: a small head over the recogniser's own encoder, whose features are there anyway.

Whisper's encoder was never taught to ignore what is no speech, and tells sounds apart well (Whisper-AT: Gong et al.
2023). Each frame is scored by a perceptron of one hidden layer, and the utterance by its best frames, since one short
word among long noise is speech (multiple-instance learning: Dietterich et al. 1997). Silero and the decoder's own
numbers cannot do it: docs/understand.md, 'Where nobody speaks'. `bench.build_speech_head` makes the file.

It belongs to one set of weights, by their sha256; with others there is none, and everything is decoded as before.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open

from workers.contracts import FloatArray

FILE = Path(__file__).parent / "data" / "speech_head.safetensors"
#: So many frames of 20 ms are a short syllable: their mean is the utterance's score.
FRAMES = 10
#: What is heard in it counts as well, since two short words of clear speech may score next to nothing: the confidence
#: of the words (0..1, not calibrated) is added so many times. One of 81 pieces of a
#: ward passes by it (docs/understand.md).
SURENESS = 2.0
#: From this score on it overrules voice activity that heard no speech at all, as happens in one of some forty severe
#: utterances (**simulated**): that one scored 3.4. Ten minutes each of silence, noise, ward and music score 0.7 at
#: most, and 2.0 (music) with what one severe speaker taught, whose own speech scores over 4.
ALONE_AT = 2.5
#: An adapter changes the encoder, and wards and music score higher with it: up to here a patient's recogniser hears
#: everybody's encoder, too. Of one severe speaker's sentences (**simulated**) one in ten scores so low, of her short
#: words none.
DOUBTED_TO = 3.0


@dataclass(frozen=True)
class SpeechHead:
    """hidden: (width, units); hidden_bias: (units,); out: (units,); out_bias: (1,), less the score that is asked for.

    base: sha256 of the model.bin whose encoder this was learned on.
    """

    hidden: FloatArray
    hidden_bias: FloatArray
    out: FloatArray
    out_bias: FloatArray
    base: str

    def score(self, features: FloatArray) -> float:
        """Of (frames, width) encoded sound: over 0 where somebody near speaks; −inf where there are no frames."""
        if not len(features):
            return -np.inf
        scores = np.maximum(features @ self.hidden + self.hidden_bias, 0) @ self.out + self.out_bias
        return float(np.sort(scores)[-FRAMES:].mean())


def belonging_to(base: str) -> SpeechHead | None:
    """The head for the weights of that sha256, where there is one."""
    with safe_open(FILE, "numpy") as file:
        if (file.metadata() or {}).get("base") != base:
            return None
        arrays = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}  # noqa: SIM118
    return SpeechHead(base=base, **arrays)
