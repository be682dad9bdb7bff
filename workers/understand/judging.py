"""What judges a recogniser on sentences whose words are known: errors, and whether it was right when it was sure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import jiwer
import numpy as np

from workers.activity import at_recognition_rate
from workers.contracts import RECOGNITION_RATE_HZ, Audio, Transcript
from workers.understand import calibration
from workers.understand.calibration import Calibration
from workers.understand.otherwise import otherwise
from workers.understand.readings import normalised, sounds_alike

#: Three folds judge every sentence at the price of two more trainings. Of many sentences a third judges well enough.
FOLDS, MANY = 3, 60
JUDGED_OF_MANY = 40
#: So often each sentence is heard once more, a little otherwise, for the calibration.
TIMES_AGAIN = 3
#: How much otherwise: rate, level in dB, noise under the speech in dB.
_RATES, _GAINS_DB, _SNR_DB = (0.92, 1.08), (-4.0, 4.0), (18.0, 35.0)
_LEAST_LEFT = 2  # sentences that a fold's adapter learns from, where a patient has read five in all


@dataclass
class Judged:
    """What judging came to: numbers alone, which may be kept. errors, stock_errors, words: summed over sentences.

    sure, right, right_among, word_sure, word_right: of every time that one was heard.
    """

    sentences: int = 0
    stock_errors: int = 0
    errors: int = 0
    words: int = 0
    sure: list[float] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)
    right_among: list[bool] = field(default_factory=list)
    word_sure: list[float] = field(default_factory=list)
    word_right: list[bool] = field(default_factory=list)

    def add(self, text: str, before: Transcript, after: Transcript, language: str) -> None:
        """A sentence whose words are `text`, as it was heard without an adapter and with one."""
        said = normalised(text, language)
        self.sentences += 1
        self.words += len(said.split())
        self.stock_errors += errors(said, normalised(before.text, language))
        self.errors += errors(said, normalised(after.text, language))
        self.add_again(text, after, language)

    def add_again(self, text: str, after: Transcript, language: str) -> None:
        """The same with an adapter once more: it tells of confidence alone."""
        said = normalised(text, language)
        right = [sounds_alike(reading.text, text, language) for reading in after.readings]
        self.sure.append(after.confidence)
        self.right.append(bool(right) and right[0])
        self.right_among.append(any(right))
        self.word_sure += [word.confidence for word in after.words]
        self.word_right += right_words(said, after, language)

    def calibration(self) -> Calibration:
        """What these confidences are worth."""
        missed = [among for right, among in zip(self.right, self.right_among, strict=True) if not right]
        return Calibration(
            calibration.fit(self.sure, self.right),
            calibration.fit(self.word_sure, self.word_right),
            (sum(missed) + 1) / (len(missed) + 3),
            self.sentences,
        )


def heard_again(audio: Audio, seed: int) -> Audio:
    """`audio` as it might be said and heard another time, at 16 kHz; the same for the same seed.

    Dozens of sentences are few to calibrate on, and a confidence that belongs to one recording is more certain than the
    next day's.
    """
    said = otherwise(
        at_recognition_rate(audio), np.random.default_rng(seed), rates=_RATES, gains_db=_GAINS_DB, snr_db=_SNR_DB
    )
    return Audio(np.clip(said, -1.0, 1.0), RECOGNITION_RATE_HZ)


def folds(texts: Sequence[str]) -> list[list[int]]:
    """Places of the sentences that each fold holds out; no sentence is in two, however often it was read."""
    groups = list(dict.fromkeys(texts))
    if len(texts) <= MANY:
        of = {text: place % FOLDS for place, text in enumerate(groups)}
        parts = [[i for i, text in enumerate(texts) if of[text] == fold] for fold in range(FOLDS)]
    else:
        every = max(2, math.ceil(len(groups) / JUDGED_OF_MANY))
        chosen = set(groups[::every])
        parts = [[i for i, text in enumerate(texts) if text in chosen]]
    return [part for part in parts if part and len(texts) - len(part) >= _LEAST_LEFT]


def errors(said: str, heard: str) -> int:
    """Words that are wrong, missing or too many."""
    if not said or not heard:
        return len(said.split()) + len(heard.split())
    counted = jiwer.process_words(said, heard)
    return int(counted.substitutions + counted.deletions + counted.insertions)


def right_words(said: str, heard: Transcript, language: str) -> list[bool]:
    """For each recognised word, whether it was said there."""
    pieces = [
        (place, piece) for place, word in enumerate(heard.words) for piece in normalised(word.text, language).split()
    ]
    right = [False] * len(heard.words)
    if pieces and said:
        found = jiwer.process_words(said, " ".join(piece for _, piece in pieces))
        for chunk in found.alignments[0]:
            if chunk.type == "equal":
                for index in range(chunk.hyp_start_idx, chunk.hyp_end_idx):
                    right[pieces[index][0]] = True
    return right
