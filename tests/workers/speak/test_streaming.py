"""Speech comes in pieces: early, without seams, with every word; and it stops at once when nobody wants it."""

from __future__ import annotations

import gc
import resource
import threading
import time
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, pairwise

import numpy as np
import pytest
import torch

from bench import measure
from workers.contracts import Cancelled, Manner, Speech, Stopped, Voice
from workers.speak.acoustics import FRAME_S
from workers.speak.ahead import ahead
from workers.speak.kokoro import KokoroEngine
from workers.speak.plan import Plan
from workers.speak.stretches import stretches
from workers.speak.watermark import Watermark

#: Twelve words, and no place to breathe.
TEXT = "Please tell my daughter that I would like some water this morning."


@pytest.fixture(scope="module")
def pieces(engine: KokoroEngine, voice: Voice) -> list[tuple[float, Speech]]:
    """The sentence as it came: seconds after asking, piece."""
    list(engine.say("Yes, I know that.", voice))
    begun = time.monotonic()
    return [(time.monotonic() - begun, speech) for speech in engine.say(TEXT, voice)]


@pytest.fixture(scope="module")
def plan(engine: KokoroEngine, voice: Voice) -> Plan:
    """The sentence before it sounds."""
    with torch.inference_mode():
        return engine._plan(TEXT, engine._acoustics.phones(TEXT), voice, Manner())


def test_the_first_words_sound_while_the_last_are_not_made(pieces: list[tuple[float, Speech]]) -> None:
    assert len(pieces) >= 4
    assert pieces[0][1].audio.duration_s < 1.0
    # A third, measured by `python -m bench.streaming`; other work on the machine must not make this fail.
    assert pieces[0][0] < 0.6 * pieces[-1][0]


def test_no_word_is_lost_between_the_pieces(pieces: list[tuple[float, Speech]]) -> None:
    assert " ".join(speech.text for _, speech in pieces) == TEXT
    assert [speech.last for _, speech in pieces] == [False] * (len(pieces) - 1) + [True]


def test_pieces_laid_end_to_end_are_the_clause_made_in_one_go(engine: KokoroEngine, voice: Voice, plan: Plan) -> None:
    renderer = engine._renderer
    with torch.inference_mode():
        prepared = renderer.prepared(plan, engine._statistics_of(voice).at(plan.spoken_s))
        frames = plan.frames.text.shape[2]
        whole = renderer.sound(prepared, 0, frames)
        cuts = [0, 7, 30, 64, 65, 120, frames]
        laid = np.concatenate([renderer.sound(prepared, start, stop) for start, stop in pairwise(cuts)])
    assert np.abs(laid - whole).max() < 1e-4 * np.abs(whole).max()


def test_with_the_statistics_of_the_clause_it_is_the_network_as_published(engine: KokoroEngine, plan: Plan) -> None:
    with torch.inference_mode():
        ours = engine._renderer.sound(engine._renderer.prepared(plan, None), 0, plan.frames.text.shape[2])
        published = engine._acoustics.decode(plan.frames, plan.f0_hz, plan.energy, plan.modulation).numpy()
    assert ours.shape == published.shape
    # Not closer: the breath of the source is random upstream. Two runs of upstream are 18 dB apart.
    assert 10 * np.log10(np.mean(published**2) / np.mean((ours - published) ** 2)) > 14


def test_the_same_plan_gives_the_same_sound_and_leaves_the_random_numbers_alone(
    plan: Plan, engine: KokoroEngine
) -> None:
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    with torch.inference_mode():
        one, other = (engine._renderer.prepared(plan, None).source for _ in range(2))
    assert torch.equal(one, other) and torch.equal(torch.rand(1), expected)


def test_there_is_no_step_where_two_pieces_meet_also_when_they_are_marked(pieces: list[tuple[float, Speech]]) -> None:
    watermark = Watermark()
    for sounds in (
        [speech.audio for _, speech in pieces],
        [watermark.mark(speech.audio) for _, speech in pieces],
    ):
        whole = measure.joined(sounds)
        steps = np.abs(np.diff(whole.samples))
        joins = list(accumulate(len(sound.samples) for sound in sounds))[:-1]
        for join in joins:
            near = np.concatenate([steps[join - 600 : join - 1], steps[join : join + 600]])
            assert steps[join - 1] <= max(1.5 * near.max(), 0.004)
    # The last is the marked one: its mark is read back from any second of it.
    for start in range(0, len(whole.samples) - whole.rate_hz, whole.rate_hz // 3):
        second = measure.Audio(whole.samples[start : start + whole.rate_hz], whole.rate_hz)
        assert watermark.detect(second).detected


@pytest.mark.parametrize(
    "text", ["🙂 Hello, 😀 my dear friend. 🙂", "(Well) … yes!! 👍🏽", "No 💊 today", "Ünïcode naïve café test."]
)
def test_what_cannot_be_spoken_is_told_and_breaks_nothing(engine: KokoroEngine, voice: Voice, text: str) -> None:
    spoken = list(engine.say(text, voice))
    assert " ".join(piece.text for piece in spoken).split() == unicodedata.normalize("NFKC", text).split()
    assert all(np.isfinite(piece.audio.samples).all() for piece in spoken)


@pytest.mark.parametrize("text", ["The river is wide. " * 105, "1234567890 " * 181, "a" * 2_000, "no " * 666])
def test_the_longest_text_begins_to_sound_and_keeps_every_word(engine: KokoroEngine, voice: Voice, text: str) -> None:
    clauses = engine._clauses(text, None)
    assert "".join("".join(clause.split()) for clause, _ in clauses) == "".join(text.split())
    assert max(len(phones) for _, phones in clauses) <= 300
    spoken = engine.say(text, voice)
    assert next(spoken).audio.duration_s > 0.2
    spoken.close()


def test_stretches_hold_every_frame_and_every_word_once() -> None:
    durations = [18, *[3] * 200, 17]
    phones = ("fəʊn " * 40)[:200]
    text = " ".join(f"word{number}" for number in range(30))
    cut = stretches(text, phones, durations, first=True)
    assert cut[0].start == 10 and cut[-1].stop == sum(durations)
    assert all(one.stop == other.start for one, other in pairwise(cut))
    assert " ".join(piece.text for piece in cut) == text
    lengths_s = [(piece.stop - piece.start) * FRAME_S for piece in cut]
    assert lengths_s[0] < 1.0 and max(lengths_s) < 2.4
    assert len(stretches("Yes.", "jˈɛs.", [18, 3, 3, 5, 4, 5, 1], first=True)) == 1


# --- ahead, without a network ---------------------------------------------------------------------------------------


@pytest.fixture
def worker() -> Iterator[ThreadPoolExecutor]:
    """One thread, as the engine has."""
    with ThreadPoolExecutor(1) as made:
        yield made


def test_the_next_piece_is_made_while_the_last_is_used(worker: ThreadPoolExecutor) -> None:
    begun = [threading.Event() for _ in range(4)]

    def make(_: Cancelled) -> Iterator[int]:
        for number in range(4):
            begun[number].set()
            yield number

    pieces = ahead(make, worker, None)
    assert next(pieces) == 0
    assert begun[1].wait(5)
    time.sleep(0.05)
    assert not begun[2].is_set()
    assert list(pieces) == [1, 2, 3]


def test_stopping_does_not_wait_for_the_piece_in_hand_and_begins_no_other(worker: ThreadPoolExecutor) -> None:
    made: list[int] = []
    wanted = threading.Event()
    wanted.set()

    def make(gone: Cancelled) -> Iterator[int]:
        for number in range(9):
            time.sleep(0.4)
            made.append(number)
            yield number
            if gone():
                return

    pieces = ahead(make, worker, lambda: not wanted.is_set())
    assert next(pieces) == 0
    threading.Timer(0.05, wanted.clear).start()
    begun = time.monotonic()
    with pytest.raises(Stopped):
        next(pieces)
    assert time.monotonic() - begun < 0.05 + 0.1 + 0.1  # the timer, the promise, a busy machine
    worker.submit(int).result()
    assert made == [0, 1]


def test_what_goes_wrong_ahead_is_raised_where_the_piece_is_wanted(worker: ThreadPoolExecutor) -> None:
    def make(_: Cancelled) -> Iterator[int]:
        yield 1
        raise TimeoutError("of the maker's own")

    pieces = ahead(make, worker, None)
    assert next(pieces) == 1
    with pytest.raises(TimeoutError, match="own"):
        next(pieces)


def test_memory_and_threads_stay_flat_over_sentences_of_which_some_are_given_up(
    engine: KokoroEngine, voice: Voice
) -> None:
    """The short form of `python -m bench.streaming`, which says 200."""

    def round_of(count: int) -> None:
        for number in range(count):
            pieces = engine.say(TEXT if number % 3 else "Yes, please.", voice)
            next(pieces)
            pieces.close()

    round_of(3)
    gc.collect()
    before_kb, threads = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, threading.active_count()
    round_of(6)
    gc.collect()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 80_000
    assert threading.active_count() <= threads
