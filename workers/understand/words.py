"""Words with times and confidences, from the recogniser's own attention.

CTranslate2's `align` reads, from the decoder's cross-attention heads that follow time, when each token was heard, by
dynamic time warping, and gives each token's probability (Whisper's method: Radford et al. 2022, and openai/whisper
`timing.py`). It needs no second model, and the text is never changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ctranslate2
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import WhisperModel, merge_punctuations

from workers.contracts import Word

_FRAMES_PER_S = 100
_OPENING = "\"'“¿([{-"
_CLOSING = "\"'.。,，!！?？:：”)]}、…;"


def aligned_words(
    model: WhisperModel,
    tokenizer: Tokenizer,
    tokens: Sequence[int],
    encoded: ctranslate2.StorageView,
    *,
    duration_s: float,
    offset_s: float = 0.0,
    speech: Sequence[tuple[float, float]] = (),
) -> tuple[Word, ...]:
    """The words of `tokens`, in order, none overlapping, all within `offset_s` + `duration_s`.

    `speech`: where there is any, from the start of the whole audio; a word that stretches into silence, a known
    weakness of attention alignment, is cut back to it.
    """
    text_tokens = [token for token in tokens if token < tokenizer.eot]
    if not text_tokens:
        return ()
    found = model.find_alignment(tokenizer, [text_tokens], encoded, int(duration_s * _FRAMES_PER_S))[0]
    # A comma's probability says how sure the punctuation is. Merging keeps the word's own, which is what is wanted.
    merge_punctuations(found, _OPENING, _CLOSING)
    found = _with_their_marks(found)
    words: list[Word] = []
    earliest_s, latest_s = offset_s, offset_s + duration_s
    for item in found:
        if text := item["word"].strip():
            start_s, end_s = _within(offset_s + float(item["start"]), offset_s + float(item["end"]), speech)
            start_s = min(max(start_s, earliest_s), latest_s)
            end_s = min(max(end_s, start_s), latest_s)
            words.append(Word(text, round(start_s, 3), round(end_s, 3), _probability(item)))
            earliest_s = end_s
    return tuple(words)


def _with_their_marks(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """French sets a space before '?' and within « »: such marks, too, belong to the word beside them."""
    merged: list[dict[str, Any]] = []
    before = ""
    for item in found:
        if not item["word"].strip() or any(letter.isalnum() for letter in item["word"]):
            merged.append({**item, "word": before + item["word"].lstrip() if before else item["word"]})
            before = ""
        elif merged:
            merged[-1] = {**merged[-1], "word": merged[-1]["word"] + item["word"]}
        else:
            before += item["word"].strip() + " "
    return merged


def _within(start_s: float, end_s: float, speech: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The part of the word that overlaps most with one span of speech; unchanged where none does."""
    overlaps = [(min(end_s, to_s) - max(start_s, from_s), from_s, to_s) for from_s, to_s in speech]
    longest = max(overlaps, default=(0.0, 0.0, 0.0))
    if longest[0] <= 0:
        return start_s, end_s
    return max(start_s, longest[1]), min(end_s, longest[2])


def _probability(item: dict[str, Any]) -> float:
    return min(1.0, max(0.0, float(item["probability"])))
