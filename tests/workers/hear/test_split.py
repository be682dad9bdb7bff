"""Long recordings in pieces that a voice can be fitted to."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workers.activity import speech_spans
from workers.contracts import Audio, Word
from workers.hear.split import MAX_S, MIN_S, split

RATE_HZ = 8_000


def spoken(lengths_s: list[float], gaps_s: list[float], confidence: float = 0.9) -> tuple[Audio, list[Word]]:
    """Words of noise with silences between them."""
    rng = np.random.default_rng(0)
    pieces, words, at_s = [np.zeros(RATE_HZ // 2, np.float32)], [], 0.5
    for index, (length_s, gap_s) in enumerate(zip(lengths_s, gaps_s, strict=True)):
        pieces.append(rng.normal(0, 0.1, round(length_s * RATE_HZ)).astype(np.float32))
        pieces.append(np.zeros(round(gap_s * RATE_HZ), np.float32))
        words.append(Word(f"w{index}", at_s, at_s + length_s, confidence))
        at_s += length_s + gap_s
    return Audio(np.concatenate(pieces), RATE_HZ), words


def test_a_reading_is_cut_at_its_longest_pauses() -> None:
    gaps_s = [0.05] * 60
    for index in (19, 39):
        gaps_s[index] = 0.6
    audio, words = spoken([0.3] * 60, gaps_s)
    clips = split(audio, words)
    assert [clip.text.split()[0] for clip in clips] == ["w0", "w20", "w40"]
    assert " ".join(clip.text for clip in clips) == " ".join(word.text for word in words)
    assert all(MIN_S <= clip.audio.duration_s <= MAX_S + 0.4 for clip in clips)


def test_no_sound_of_a_neighbour_is_in_a_piece() -> None:
    audio, words = spoken([0.4] * 50, [0.3] * 50)
    for clip in split(audio, words):
        heard = np.abs(clip.audio.samples).reshape(-1)
        assert heard[:80].max() < 0.01
        assert heard[-80:].max() < 0.01


def test_a_long_silence_is_left_out() -> None:
    gaps_s = [0.1] * 30
    gaps_s[14] = 5.0
    audio, words = spoken([0.4] * 30, gaps_s)
    clips = split(audio, words)
    assert [clip.text.split()[0] for clip in clips] == ["w0", "w15"]
    assert sum(clip.audio.duration_s for clip in clips) < audio.duration_s - 4


def test_guessed_words_teach_nothing() -> None:
    audio, words = spoken([0.4] * 20, [0.1] * 20, confidence=0.3)
    assert split(audio, words) == []


def test_nothing_in_nothing_out() -> None:
    assert split(Audio(np.zeros(0, np.float32), RATE_HZ), []) == []


@given(st.lists(st.tuples(st.floats(0.05, 3.0), st.floats(0.0, 4.0)), min_size=1, max_size=60))
def test_no_word_is_in_two_pieces_and_none_is_too_long(pairs: list[tuple[float, float]]) -> None:
    audio, words = spoken([length for length, _ in pairs], [gap for _, gap in pairs])
    clips = split(audio, words)
    texts = [text for clip in clips for text in clip.text.split()]
    assert len(set(texts)) == len(texts)
    assert texts == sorted(texts, key=lambda text: int(text[1:]))
    assert all(clip.audio.duration_s <= MAX_S + 0.5 for clip in clips)


def test_a_real_reading_gives_pieces_that_hold_speech(reading: Audio) -> None:
    spans = speech_spans(reading)
    words = [Word(f"s{index}", start_s, end_s, 0.9) for index, (start_s, end_s) in enumerate(spans)]
    clips = split(reading, words)
    assert clips
    assert all(clip.audio.rate_hz == 48_000 for clip in clips)
