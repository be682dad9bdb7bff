"""Judging what was learned: no sentence judges what learned from it, and only what is better is called better."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workers.contracts import Audio, Clip, Reading, SpokenError, Stopped, Transcript, Word
from workers.understand import calibration, judging, learn
from workers.understand.adapter import Adapter
from workers.understand.learn import Learning

TEXTS = ["Good morning.", "Some water, please.", "I am cold.", "Where is Anna?", "Thank you.", "Not today."]


def clip(text: str) -> Clip:
    """A sound that the recogniser below knows by its length."""
    return Clip(Audio(np.full(16_000 + sum(map(ord, text)), 0.1, np.float32), 16_000), text)


AGAIN = "thank you"
SAID = [clip(text) for text in TEXTS]


class Trains:
    """In place of the training: remembers its sentences. Every run is kept."""

    runs: list[list[str]] = []  # noqa: RUF012
    imitated: list[Sequence[Clip]] = []  # noqa: RUF012
    alive: weakref.WeakSet[Trains] = weakref.WeakSet()  # noqa: RUF012
    beside: list[int] = []  # noqa: RUF012

    def __init__(self, _: Path, utterances: Sequence[Clip], *given: Any) -> None:
        self._ring = self  # as peft's networks are
        Trains.beside.append(len(Trains.alive))
        Trains.alive.add(self)
        self._texts = [clip.text for clip in utterances]
        Trains.imitated.append(given[-1])
        self._epoch = 0

    def restore(self, inner: bytes) -> None:
        self._epoch = int(inner)

    def run(self, progress: Any, cancelled: Any, keep_checkpoint: Callable[[bytes], None]) -> Adapter:
        while self._epoch < 2:
            self._epoch += 1
            if cancelled is not None and cancelled():
                raise Stopped
            progress(self._epoch / 2, "")
            keep_checkpoint(str(self._epoch).encode())
        Trains.runs.append(self._texts)
        return Adapter("b" * 64, {}, {}, {"learned": self._texts})


class Hears:
    """Everybody's: never right. An adapted one: right on all but what it is told to miss."""

    def __init__(self, adapter: Adapter | None, misses: Sequence[str] = (), clear_misses: bool = False) -> None:
        self._adapter, self._misses, self._clear_misses = adapter, misses, clear_misses

    def transcribe(self, audio: Audio, language: str, *, sure_at: float) -> Transcript:
        text = next(text for text in [*TEXTS, AGAIN, *CLEAR] if len(clip(text).audio.samples) == len(audio.samples))
        if text in CLEAR:
            right = self._adapter is None or not self._clear_misses
        else:
            right = self._adapter is not None and text not in self._misses
            assert self._adapter is None or text not in self._adapter.about["learned"], "judged on what it learned"
        heard = text if right else "something else"
        words = tuple(Word(word, place, place + 0.5, 0.9 if right else 0.4) for place, word in enumerate(heard.split()))
        readings = (Reading(heard, 0.8), Reading(text if len(text) < 12 else "no", 0.1))
        return Transcript(heard, words, 0.9 if right else 0.4, language, readings, None, 1.0)


CLEAR = ["A clear sentence.", "Another clear one.", "And a third one.", "The fourth."]


@pytest.fixture(autouse=True)
def trains(monkeypatch: pytest.MonkeyPatch) -> None:
    Trains.runs, Trains.imitated, Trains.beside = [], [], []
    gc.collect()
    monkeypatch.setattr(learn, "Adaptation", Trains)
    monkeypatch.setattr(learn, "heard_again", lambda audio, _seed: audio)  # known by its length


def learning(said: Sequence[Clip] = SAID, clear: Sequence[str] = (), **hears: Any) -> Learning:
    return Learning(Path(), said, [clip(text) for text in clear], open_recogniser=lambda a: Hears(a, **hears))  # type: ignore[arg-type,return-value]


def test_every_sentence_is_judged_by_what_had_not_learned_it_and_all_teach_what_is_used() -> None:
    learned = learning().run()
    assert len(Trains.runs) == 4 and Trains.runs[-1] == TEXTS
    assert learned.better and learned.measures["judged"] == len(TEXTS)
    assert learned.measures["adapted_wer"] == 0 and learned.measures["stock_wer"] > 0.5


def test_no_training_is_kept_in_memory_beside_the_next() -> None:
    learning().run()
    assert Trains.beside == [0, 0, 0, 0] and not Trains.alive


def test_a_sentence_that_was_read_twice_is_in_one_fold() -> None:
    learned = learning([*SAID, clip(AGAIN)]).run()  # the same words to the ear: 'judged on what it learned' else
    assert learned.measures["judged"] == len(TEXTS) + 1


def test_an_imitation_is_made_of_what_is_learned_and_of_nothing_that_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[list[str]] = []

    def imitate(said: Sequence[Clip], spoken: Sequence[Clip], _language: str, _hear: Any) -> list[Clip]:
        measured.append([one.text for one in said])
        return list(spoken[:1])

    monkeypatch.setattr(learn, "imitations", imitate)
    before = [clip("Thank you."), clip("Never read aloud.")]  # the first was said as well
    made = Learning(Path(), SAID, open_recogniser=lambda a: Hears(a), spoken=before)  # type: ignore[arg-type,return-value]
    assert made.run().measures["imitated"] == 1
    assert measured == Trains.runs
    learned = [{*texts, *(one.text for one in given)} for texts, given in zip(measured, Trains.imitated, strict=True)]
    held_out = [set(TEXTS) - set(texts) for texts in measured]
    assert not any(mine & judging for mine, judging in zip(learned, held_out, strict=True))
    assert any("Thank you." in judging for judging in held_out)


def test_what_could_not_be_imitated_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learn, "imitations", lambda *_: [])
    made = Learning(Path(), SAID, open_recogniser=lambda a: Hears(a), spoken=[clip("Never.")])  # type: ignore[arg-type,return-value]
    assert made.run().measures["imitated"] == 0


@pytest.mark.parametrize(
    ("hears", "clear", "better"),
    [({}, CLEAR, True), ({"misses": TEXTS}, (), False), ({"clear_misses": True}, CLEAR, False)],
)
def test_only_what_is_better_and_unlearns_nothing_is_better(
    hears: dict[str, Any], clear: Sequence[str], better: bool
) -> None:
    assert learning(clear=clear, **hears).run().better is better


def test_what_it_is_sure_of_is_worth_what_it_was_right() -> None:
    learned = learning(misses=TEXTS[:3]).run()
    low, high = learned.calibration.text.of(0.4), learned.calibration.text.of(0.9)
    assert low < 0.5 < high and learned.calibration.count == len(TEXTS)
    # Of the three that it missed, the second reading was right once.
    assert learned.calibration.others == pytest.approx((1 + 1) / (3 + 3))


def test_each_sentence_is_heard_again_for_the_calibration_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    again: list[tuple[int, int]] = []

    def heard_again(audio: Audio, seed: int) -> Audio:
        again.append((len(audio.samples), seed))
        return audio

    monkeypatch.setattr(learn, "heard_again", heard_again)
    learned = learning(misses=TEXTS[:3]).run()
    assert len(again) == judging.TIMES_AGAIN * len(TEXTS)
    assert {length for length, _ in again} == {len(one.audio.samples) for one in SAID}
    said = TEXTS[:3]
    assert learned.measures["adapted_wer"] == pytest.approx(
        sum(judging.errors(judging.normalised(text, "en"), "something else") for text in said)
        / sum(len(judging.normalised(text, "en").split()) for text in TEXTS)
    )
    assert learned.calibration.count == len(TEXTS)


def test_what_is_heard_again_is_the_same_sentence_a_little_otherwise() -> None:
    time_s = np.arange(24_000) / 24_000
    tone = Audio((0.2 * np.sin(2 * np.pi * 200 * time_s)).astype(np.float32), 24_000)
    takes = [judging.heard_again(tone, seed) for seed in range(8)]
    assert all(0.9 < take.duration_s < 1.1 and take.rate_hz == 16_000 for take in takes)
    assert len({len(take.samples) for take in takes}) > 5
    pitches = [np.argmax(np.abs(np.fft.rfft(take.samples, 16_000))) for take in takes]
    assert all(180 <= pitch <= 220 for pitch in pitches)
    assert np.array_equal(judging.heard_again(tone, 3).samples, takes[3].samples)


def test_it_goes_on_where_it_was_at_every_moment() -> None:
    kept: list[bytes] = []
    whole = learning().run(keep_checkpoint=kept.append)
    assert len(kept) == 4 * 2 + 3
    for data in kept:
        Trains.runs = []
        again = learning()
        again.restore(data)
        shares: list[float] = []
        assert again.run(progress=lambda share, _, to=shares: to.append(share)).measures == whole.measures
        assert len(Trains.runs) <= 4 and shares == sorted(shares) and (not shares or shares[-1] == 1.0)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:50], lambda _: b"", lambda data: data.replace(b"spent_s", b"lost_s_")]
)
def test_a_damaged_or_foreign_checkpoint_is_refused(damage: Callable[[bytes], bytes]) -> None:
    kept: list[bytes] = []
    learning().run(keep_checkpoint=kept.append)
    for one, data in ((learning(), damage(kept[1])), (learning(SAID[:5]), kept[1])):
        with pytest.raises(SpokenError) as refused:
            one.restore(data)
        assert refused.value.code == "wrong_checkpoint"


def test_it_stops_when_asked() -> None:
    with pytest.raises(Stopped):
        learning().run(cancelled=lambda: True)


@pytest.mark.parametrize(("said", "code"), [(SAID[:4], "too_few_utterances"), ([clip("Thank you.")] * 6, "too_alike")])
def test_what_cannot_be_judged_is_said(said: Sequence[Clip], code: str) -> None:
    with pytest.raises(SpokenError) as refused:
        learning(said)
    assert refused.value.code == code


def test_many_sentences_are_judged_on_a_part_alone() -> None:
    (part,) = judging.folds([f"sentence {number}" for number in range(200)])
    assert 20 <= len(part) <= 60


def test_no_more_is_promised_than_was_seen() -> None:
    random = np.random.default_rng(0)
    sure = random.uniform(0.3, 1.0, 400)
    right = random.random(400) < 0.5 * sure  # always twice too sure
    line = calibration.fit(sure, right.tolist())
    assert np.mean([line.of(one) for one in sure]) == pytest.approx(right.mean(), abs=0.02)
    assert calibration.fit([], []).of(0.7) == pytest.approx(0.7)
    # Three sentences, all right, do not make it certain.
    assert calibration.fit([0.6, 0.7, 0.8], [True] * 3).of(0.7) < 0.97
    # Confidence that says nothing does not turn round.
    assert calibration.fit([0.9, 0.9, 0.1, 0.1], [False, False, True, True]).slope >= 0


def test_it_survives_the_database() -> None:
    one = calibration.Calibration(calibration.Line(0.5, -1.0), calibration.Line(), 0.4, 12)
    assert calibration.from_json(one.to_json()) == one
