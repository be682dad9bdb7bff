"""A long recording into pieces that a voice can be fitted to: a few seconds each, cut at pauses, with their words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workers.contracts import Audio, Clip, Word

MIN_S, MAX_S = 4.0, 12.0
_REST_S = 1.5  # a last piece, or one between long silences, is kept from here on
_SILENCE_S = 1.5  # never inside a piece
_MARGIN_S = 0.2  # silence kept at each end
_MEAN_CONFIDENCE = 0.5  # words that were only guessed teach a voice nothing
_QUIET_S = 0.02
_SLACK_S = 0.05  # word times are right to about this


def split(audio: Audio, words: Sequence[Word]) -> list[Clip]:
    """Cut `audio` (any rate, kept) into pieces of 4 to 12 s, each with the words that are spoken in it.

    Cuts fall at the longest pause between words that the limits allow, and there at the quietest moment. No word is in
    two pieces. Left out: silences of 1.5 s and more, rests shorter than 1.5 s, pieces whose words are on average
    under 0.5 sure. Shorter pieces than 4 s come only from the end of a stretch.
    """
    clips = []
    for stretch in _stretches(words):
        for piece in _pieces(stretch):
            if np.mean([word.confidence for word in piece]) >= _MEAN_CONFIDENCE:
                clips.append(_clip(audio, words, piece))
    return [clip for clip in clips if clip.audio.duration_s >= _REST_S]


def _stretches(words: Sequence[Word]) -> list[list[Word]]:
    """Runs of words without a long silence in them."""
    stretches: list[list[Word]] = []
    for word in words:
        if stretches and word.start_s - stretches[-1][-1].end_s < _SILENCE_S:
            stretches[-1].append(word)
        else:
            stretches.append([word])
    return stretches


def _pieces(words: list[Word]) -> list[list[Word]]:
    pieces = []
    while words:
        count = _cut_after(words)
        pieces.append(words[:count])
        words = words[count:]
    return pieces


def _cut_after(words: list[Word]) -> int:
    """How many words the first piece takes: up to the longest pause that leaves it between the limits."""
    start_s = words[0].start_s
    if words[-1].end_s - start_s <= MAX_S:
        return len(words)
    within = [index for index, word in enumerate(words[:-1]) if MIN_S <= word.end_s - start_s <= MAX_S]
    if not within:  # one word, or a gap, spans the limits: cut before it
        return max(1, sum(word.end_s - start_s < MIN_S for word in words))
    end_s = words[-1].end_s
    whole_rest = [index for index in within if end_s - words[index + 1].start_s >= MIN_S]
    return 1 + max(whole_rest or within, key=lambda index: words[index + 1].start_s - words[index].end_s)


def _clip(audio: Audio, words: Sequence[Word], piece: list[Word]) -> Clip:
    first, last = words.index(piece[0]), words.index(piece[-1])
    before_s = words[first - 1].end_s if first else 0.0
    after_s = words[last + 1].start_s if last + 1 < len(words) else audio.duration_s
    from_s = max(_quietest(audio, before_s, piece[0].start_s), piece[0].start_s - _MARGIN_S)
    to_s = min(_quietest(audio, piece[-1].end_s, after_s), piece[-1].end_s + _MARGIN_S)
    sound = audio.samples[round(max(0.0, from_s) * audio.rate_hz) : round(to_s * audio.rate_hz)]
    return Clip(Audio(sound, audio.rate_hz), " ".join(word.text for word in piece))


def _quietest(audio: Audio, from_s: float, to_s: float) -> float:
    """The quietest 20 ms between two words, in seconds; the same for either of them."""
    size = max(1, round(_QUIET_S * audio.rate_hz))
    start = max(0, round((from_s - _SLACK_S) * audio.rate_hz))
    gap = audio.samples[start : round((to_s + _SLACK_S) * audio.rate_hz)]
    frames = gap[: len(gap) // size * size].reshape(-1, size).astype(np.float64)
    if not len(frames):
        return (from_s + to_s) / 2
    return (start + (int((frames**2).mean(axis=1).argmin()) + 0.5) * size) / audio.rate_hz
