"""How near what was heard is in meaning to what was said: 'Call my nurse' heard as 'Call the nurse' is hardly wrong.

Word errors count every word alike. Beside them, each pair of sentences is embedded (all-MiniLM-L6-v2: Reimers and
Gurevych 2019, Wang et al. 2020) and the cosine between the two is taken, as is done for impaired speech where what
matters is whether somebody was understood (Tobin et al. 2022, arXiv 2209.10591). A cosine alone says little: sentences
of one person's day are near each other whatever they say. So that of unrelated pairs stands beside it (as BERTScore is
rescaled by its own baseline: Zhang et al. 2020), and the score lies on a scale between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from tokenizers import Tokenizer  # type: ignore[import-untyped]

from bench.measure import normalised
from workers import models
from workers.contracts import FloatArray

#: The network was trained on English.
LANGUAGE = "en"
_MOST_TOKENS = 256


@dataclass(frozen=True)
class Meaning:
    """cosine: mean over the pairs, −1..1. unrelated: that of each sentence with all others that were said.

    kept: 0 where what was heard is as far off as another sentence would be, 1 where it means the same; may be below 0.
    """

    cosine: float
    unrelated: float

    @property
    def kept(self) -> float:
        return (self.cosine - self.unrelated) / (1 - self.unrelated)


def kept(said: Sequence[str], heard: Sequence[str], language: str = LANGUAGE) -> Meaning | None:
    """Of sentences, pair by pair. None for another language, or where fewer than two different ones were said: with
    nothing unrelated there is no scale. What was not heard at all counts as unrelated.

    Raises SpokenError where the weights are missing ('not_fetched').
    """
    texts = [normalised(text, language) for text in said]
    if language != LANGUAGE or len(set(texts)) < 2:
        return None
    other = [normalised(text, language) for text in heard]
    of_said, of_heard = embedded(texts), embedded([text or "." for text in other])
    between = of_said @ of_said.T
    unlike = np.array([[one != two for two in texts] for one in texts])
    unrelated = float(between[unlike].mean())
    cosines = [
        float(a @ b) if text else unrelated for a, b, text in zip(of_said, of_heard, other, strict=True)
    ]  # fmt: skip
    return Meaning(float(np.mean(cosines)), unrelated)


def embedded(texts: Sequence[str]) -> FloatArray:
    """(texts, 384) float32, unit norm: the mean over a text's word pieces. One text at a time: padding changes it."""
    session, tokenizer = _opened()
    found = []
    for text in texts:
        ids = np.array([tokenizer.encode(text).ids], np.int64)
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        mean = session.run(None, given)[0][0].mean(axis=0)
        found.append(mean / np.linalg.norm(mean))
    return np.array(found, np.float32)


@lru_cache(maxsize=1)
def _opened() -> tuple[Any, Any]:
    import onnxruntime

    folder = models.path("minilm")
    options: Any = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(_MOST_TOKENS)
    return session, tokenizer
