"""Word times by a separate wav2vec2 aligner, as WhisperX does it: only for a hospital that has the weights of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import whisperx.alignment
from nltk.tokenize.punkt import PunktSentenceTokenizer  # type: ignore[import-untyped]
from whisperx.alignment import align, load_align_model

from workers.contracts import FloatArray, SpokenError, Word

# WhisperX groups the words by sentence, and fetches a sentence splitter from the network when it finds none. The groups
# are not used here, so the splitter that needs no data will do.
whisperx.alignment.nltk_load = lambda _: PunktSentenceTokenizer()


class Aligner:
    """A wav2vec2 CTC folder (Transformers' layout) through WhisperX's forced alignment."""

    def __init__(self, folder: Path, device: str) -> None:
        """Open the folder; its language is the hospital's choice. Raises SpokenError 'aligner_unreadable'."""
        self._device = device
        if not (folder / "config.json").is_file():
            raise _unreadable()
        try:
            self._model, self._metadata = load_align_model("en", device, model_name=str(folder), model_cache_only=True)
        except ValueError as error:
            raise _unreadable() from error

    def words(self, segment: dict[str, Any], samples: FloatArray, language: str) -> tuple[Word, ...]:
        """Times of the words of one of WhisperX's segments, from the start of `samples` (16 kHz).

        A word that cannot be aligned (digits, foreign letters) gets the end of the word before it, and confidence 0.
        """
        metadata = {**self._metadata, "language": language}
        aligned = align([segment], self._model, metadata, samples, self._device)
        words: list[Word] = []
        last_s = float(segment["start"])
        for item in aligned["word_segments"]:
            start_s = max(last_s, float(item.get("start", last_s)))
            last_s = max(start_s, float(item.get("end", start_s)))
            words.append(Word(str(item["word"]), start_s, last_s, min(1.0, max(0.0, float(item.get("score", 0.0))))))
        return tuple(words)


def _unreadable() -> SpokenError:
    return SpokenError(
        "aligner_unreadable",
        "The word aligner's weights cannot be opened. Check the folder that the manifest names for it, or leave it "
        "out: word times then come from the recogniser itself.",
    )
