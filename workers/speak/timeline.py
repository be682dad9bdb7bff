"""Each word of a restored text at the time at which it was said, counted from the first word that was heard.

What a phone may not be longer or shorter than, a word that was not heard, two clauses that were run together: each puts
what follows early or late, and the rests before the next words give it back. None of that adds up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.contracts import BoolArray, FloatArray

#: The longest rest that is kept as it was. A turn waits for 4 s of silence at most, and for one more after words that
#: can hardly be all (docs/turns.md): a longer rest is in an utterance only where the button was held through it, or
#: where nothing sure sounded. Whoever listens takes more silence than that for the end, or for a tablet that hangs.
MOST_KEPT_REST_S = 5.0
_LEAST = 1.0  # frames of a pause: the network needs one


class Timeline:
    """One text, clause by clause. `step_s`: a frame."""

    def __init__(self, step_s: float) -> None:
        self._step_s = step_s
        self._passed = 0.0  # frames of the clauses before
        self._tail = 0.0  # of these, after their last word
        #: The first word that was heard: its frame, and its time in the utterance, later by what long rests lost.
        self._origin: tuple[float, float] | None = None

    def kept(
        self, durations: FloatArray, starts_s: FloatArray, pauses: BoolArray, owners: Sequence[int | None]
    ) -> FloatArray:
        """(tokens,) `durations` in frames, with rests such that each word starts when it did.

        starts_s: (tokens,) when each token was heard, nan where it was not. pauses: (tokens,) that may be silence.
        owners: the word of each token.
        """
        out = durations.copy()
        for place in _first_tokens(owners):
            if not math.isfinite(starts_s[place]):
                continue
            at = self._passed + float(out[:place].sum())
            if self._origin is None:
                self._origin = at, float(starts_s[place])
                continue
            late = self._origin[0] + (float(starts_s[place]) - self._origin[1]) / self._step_s - at
            rest = _rest_before(place, pauses)
            if len(rest) == 0:
                continue
            before = self._tail if rest[0] == 0 else 0.0
            most = max(MOST_KEPT_REST_S / self._step_s - before, _LEAST * len(rest))
            wanted = float(out[rest].sum()) + late
            if wanted > most:
                self._origin = self._origin[0], self._origin[1] + (wanted - most) * self._step_s
            given = np.maximum(out[rest], _LEAST)  # words that were run together have a rest of nothing
            share = given / given.sum()
            out[rest] = np.maximum(_LEAST, min(wanted, most) * share)
        return out

    def passed(self, durations: FloatArray, owners: Sequence[int | None]) -> None:
        """A clause is to take these frames."""
        owned = [token for token, owner in enumerate(owners) if owner is not None]
        self._passed += float(durations.sum())
        self._tail = float(durations[owned[-1] + 1 :].sum()) if owned else float(durations.sum())


def _first_tokens(owners: Sequence[int | None]) -> list[int]:
    """The first token of each word."""
    seen: set[int] = set()
    found = []
    for token, owner in enumerate(owners):
        if owner is not None and owner not in seen:
            seen.add(owner)
            found.append(token)
    return found


def _rest_before(place: int, pauses: BoolArray) -> NDArray[np.intp]:
    first = place
    while first > 0 and pauses[first - 1]:
        first -= 1
    return np.arange(first, place)
