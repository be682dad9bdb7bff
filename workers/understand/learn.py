"""Learning a patient, judged: an adapter, whether it is better than none, and what its confidence is worth.

The sentences are parted in folds; each fold is heard by an adapter that was learned from the others (cross-validation:
Stone 1974). That judges learning on every sentence without any being both learned from and judged on, and it gives the
confidences that `calibration` is fitted on. What is then used was learned from all of them.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from workers.contracts import Cancelled, Clip, Progress, SpokenError, Stopped, Transcript
from workers.understand import memory
from workers.understand.adapt import (
    LEAST_UTTERANCES,
    Adaptation,
    KeepCheckpoint,
    is_usable,
    too_few,
    wrong_checkpoint,
)
from workers.understand.adapter import Adapter
from workers.understand.calibration import Calibration
from workers.understand.imitation import imitations
from workers.understand.judging import TIMES_AGAIN, Judged, errors, folds, heard_again
from workers.understand.readings import normalised
from workers.understand.recogniser import Recogniser
from workers.wording.time_left import time_left

#: How much worse on clear speech an adapter may be, in share of words.
CLEAR_MARGIN = 0.01
#: Clear sentences that are learned beside the patient's; the others judge.
CLEAR_LEARNED_SHARE = 0.5

#: From an adapter, or None for recognition as it is for everybody, to a recogniser.
Open = Callable[[Adapter | None], Recogniser]


@dataclass(frozen=True)
class Learned:
    """The outcome. better: whether `adapter` may be used; else recognition stays as it is for everybody.

    measures: sentences, judged, imitated (beside them); stock_wer and adapted_wer, shares of words; the same on clear
    speech, where there is some, as clear_stock_wer and clear_adapted_wer.
    """

    adapter: Adapter
    calibration: Calibration
    measures: dict[str, float]

    @property
    def better(self) -> bool:
        """Better where it was not learned, and no worse on clear speech."""
        m = self.measures
        worse = m.get("clear_adapted_wer", 0.0) - m.get("clear_stock_wer", 0.0) > CLEAR_MARGIN
        return m["adapted_wer"] < m["stock_wer"] and not worse


class Learning:
    """One learning. Resumable: `restore` what was kept, of the same sentences and weights, before `run`."""

    def __init__(
        self, model_dir: Path, utterances: Sequence[Clip], clear: Sequence[Clip] = (), language: str = "en",
        device: str = "cpu", open_recogniser: Open | None = None, spoken: Sequence[Clip] = (),
    ) -> None:  # fmt: skip
        """`utterances`: as the patient speaks today. `clear`: unimpaired speech with its words, where there is some.
        `spoken`: sentences that the patient's voice of before said; they are made to sound as the patient does today
        and learned beside what was really said. They judge nothing.

        Raises what `Adaptation` raises, and SpokenError 'too_alike'.
        """
        self._model_dir, self._language, self._device = model_dir, language, device
        self._open = open_recogniser or (lambda adapter: Recogniser(model_dir, adapter=adapter))
        learned = math.ceil(len(clear) * CLEAR_LEARNED_SHARE)
        self._clear, self._clear_judging = list(clear[:learned]), list(clear[learned:])
        self._spoken = [clip for clip in spoken if is_usable(clip)]
        self._utterances = [clip for clip in utterances if is_usable(clip)]
        if len(self._utterances) < LEAST_UTTERANCES:
            raise too_few(len(self._utterances))
        parts = folds([normalised(clip.text, language) for clip in self._utterances])
        if not parts:
            message = "The sentences are all the same, so nothing can be judged. Read different ones aloud."
            raise SpokenError("too_alike", message)
        self._parts = [*parts, []]
        self._judged, self._done = Judged(), 0
        self._inner: bytes | None = None
        self._spent_s, self._imitated = 0.0, 0

    def run(
        self,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
        keep_checkpoint: KeepCheckpoint | None = None,
    ) -> Learned:
        """To the end. Raises Stopped when cancelled."""
        stock = self._open(None)
        adapter: Adapter | None = None
        work = [len(self._utterances) - len(part) for part in self._parts]
        for place in range(self._done, len(self._parts)):
            memory.give_back()  # of the training before this, or of one that was cancelled
            held_out = [self._utterances[index] for index in self._parts[place]]
            left_out = set(self._parts[place])
            training = self._adaptation(
                [c for i, c in enumerate(self._utterances) if i not in left_out], held_out, stock, cancelled
            )
            if self._inner is not None:
                training.restore(self._inner)
            begun, before_s = time.monotonic(), self._spent_s

            def tell(
                share: float, _: str, place: int = place, begun: float = begun, before_s: float = before_s
            ) -> None:
                done = (sum(work[:place]) + share * work[place]) / sum(work)
                self._spent_s = before_s + time.monotonic() - begun
                if progress is not None:
                    progress(done, time_left("Learning this speech", self._spent_s / done * (1 - done)))

            def keep(inner: bytes) -> None:
                self._inner = inner
                if keep_checkpoint is not None:
                    keep_checkpoint(self._checkpoint())

            adapter = training.run(tell, cancelled, keep)
            del training
            if held_out:
                self._judge(stock, self._open(adapter), held_out, cancelled)
                self._done, self._inner = place + 1, None
                if keep_checkpoint is not None:
                    keep_checkpoint(self._checkpoint())
        memory.give_back()
        assert adapter is not None  # the last part is the one that learns from all
        return self._outcome(adapter, stock, cancelled)

    def restore(self, checkpoint: bytes) -> None:
        """Go on from here. Raises SpokenError 'wrong_checkpoint'."""
        try:
            arrays = load(checkpoint)
            header = json.loads(arrays["header"].tobytes())
            judged, done, spent_s = Judged(**header["judged"]), int(header["done"]), float(header["spent_s"])
            inner = arrays["inner"].tobytes() or None
            if header["belongs_to"] != self._belongs_to() or done >= len(self._parts):
                raise wrong_checkpoint()
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise wrong_checkpoint() from error
        self._judged, self._done, self._spent_s, self._inner = judged, done, spent_s, inner

    def _adaptation(
        self, utterances: Sequence[Clip], held_out: Sequence[Clip], stock: Recogniser, cancelled: Cancelled | None
    ) -> Adaptation:
        """What judges has no part in the imitation, neither its sound nor its words: a phrase that somebody taught may
        be among what they said."""
        judging = {normalised(clip.text, self._language) for clip in held_out}
        spoken = [clip for clip in self._spoken if normalised(clip.text, self._language) not in judging]
        imitated: Sequence[Clip] = ()
        if spoken:
            imitated = imitations(
                utterances, spoken, self._language, lambda clip: self._hear(stock, clip, cancelled).text
            )
        self._imitated = len(imitated)
        return Adaptation(self._model_dir, utterances, self._clear, self._language, self._device, 1, imitated)

    def _judge(
        self, stock: Recogniser, adapted: Recogniser, clips: Sequence[Clip], cancelled: Cancelled | None
    ) -> None:
        found = Judged(**asdict(self._judged))  # a fold that is cancelled half-way leaves nothing
        for place, clip in enumerate(clips):
            before, after = self._hear(stock, clip, cancelled), self._hear(adapted, clip, cancelled)
            found.add(clip.text, before, after, self._language)
            for time_again in range(TIMES_AGAIN):
                again = replace(clip, audio=heard_again(clip.audio, TIMES_AGAIN * place + time_again))
                found.add_again(clip.text, self._hear(adapted, again, cancelled), self._language)
        self._judged = found

    def _outcome(self, adapter: Adapter, stock: Recogniser, cancelled: Cancelled | None) -> Learned:
        judged, words = self._judged, max(1, self._judged.words)
        found = {
            "sentences": float(len(self._utterances)),
            "judged": float(judged.sentences),
            "imitated": float(self._imitated),
            "stock_wer": judged.stock_errors / words,
            "adapted_wer": judged.errors / words,
        }
        if self._clear_judging:
            found["clear_stock_wer"] = self._clear_wer(stock, cancelled)
            found["clear_adapted_wer"] = self._clear_wer(self._open(adapter), cancelled)
        return Learned(adapter, judged.calibration(), found)

    def _clear_wer(self, recogniser: Recogniser, cancelled: Cancelled | None) -> float:
        said = [normalised(clip.text, self._language) for clip in self._clear_judging]
        heard = [self._hear(recogniser, clip, cancelled).text for clip in self._clear_judging]
        wrong = sum(errors(a, normalised(b, self._language)) for a, b in zip(said, heard, strict=True))
        return wrong / max(1, sum(len(text.split()) for text in said))

    def _hear(self, recogniser: Recogniser, clip: Clip, cancelled: Cancelled | None) -> Transcript:
        if cancelled is not None and cancelled():
            raise Stopped
        # As one who is never sure: what is measured of further readings is what a patient who is asked will see.
        return recogniser.transcribe(clip.audio, self._language, sure_at=1.0)

    def _belongs_to(self) -> str:
        digest = hashlib.sha256(repr((self._parts, self._language, TIMES_AGAIN)).encode())
        for clip in (*self._utterances, *self._clear, *self._clear_judging):
            digest.update(np.ascontiguousarray(clip.audio.samples).tobytes() + clip.text.encode())
        return digest.hexdigest()

    def _checkpoint(self) -> bytes:
        header = {
            "belongs_to": self._belongs_to(),
            "judged": asdict(self._judged),
            "done": self._done,
            "spent_s": self._spent_s,
        }
        return save(
            {
                "header": np.frombuffer(json.dumps(header).encode(), np.uint8),
                "inner": np.frombuffer(self._inner or b"", np.uint8),
            }
        )
