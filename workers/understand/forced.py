"""How likely the recogniser holds a given text, for the sound that it has encoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper.tokenizer import Tokenizer

_FLOOR = 1e-9  # a token's probability is rounded to 0 now and then


def log_probabilities(
    model: Any, tokenizer: Tokenizer, texts: Sequence[str], encoded: ctranslate2.StorageView
) -> list[list[float]]:
    """Of each text, the log-probability of each of its tokens (`tokenizer.encode(' ' + text)`), the end left out.

    model: a ctranslate2 Whisper. encoded: (1, frames, width) of `encode`. CTranslate2's `align` decodes a text that is
    given and tells its tokens' probabilities; each costs about what aligning the words of an utterance does.
    """
    tokens = [tokenizer.encode(" " + text.strip()) for text in texts]
    once = np.array(encoded, np.float32)
    # CTranslate2 wants as many sounds as texts.
    features = ctranslate2.StorageView.from_array(np.repeat(once, len(texts), axis=0))
    found = model.align(features, tokenizer.sot_sequence, tokens, [once.shape[1]] * len(texts))
    return [np.log(np.maximum(one.text_token_probs, _FLOOR)).tolist() for one in found]
