"""Whether picks could be chance: the exact binomial test, in words for the person who picked."""

from __future__ import annotations

from math import comb

#: At or under this a result is called probably real. The words say the odds either way.
RARE = 0.05


def by_chance(picked: int, other: int) -> float:
    """How likely picks at least this uneven are when both are equally good: two-sided exact binomial, at a half.

    1.0 when nothing was picked. 'No difference' counts for neither side and is left out before.
    """
    of = picked + other
    if picked == other:
        return 1.0
    tail = sum(comb(of, count) for count in range(max(picked, other), of + 1)) / (1 << of)
    return min(1.0, 2 * tail)


def in_words(picked: int, other: int, whom: str) -> str:
    """One or two plain sentences; `whom`: 'you' or 'them'."""
    if picked + other == 0:
        return "There was no difference to hear in any sentence. Either is a good choice."
    if picked == other:
        return "Each was picked equally often, so these sentences show no difference. Either is a good choice."
    chance = by_chance(picked, other)
    times = "less than once" if chance < 0.01 else f"about {_times(round(100 * chance))}"
    odds = f"If both were equally like {whom}, picks at least this uneven would still come {times} in 100 such tests."
    if chance <= RARE:
        return f"{odds} So this is probably a real difference."
    return f"{odds} So this may well be chance. Hearing them again, or more people listening, would tell more."


def _times(count: int) -> str:
    return "once" if count <= 1 else f"{count} times"
