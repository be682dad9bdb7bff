"""Where a clause is cut, so that its first words sound while its last are still being made.

The sound does not depend on where the cuts are (see `workers.speak.generator`). They lie between words all the same:
when a machine falls behind, the gap is heard there, and a piece can say which words it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from workers.speak.acoustics import FRAME_S

#: The first piece is as short as still tells anything; a later one may take as long to make as all before it play.
FIRST_S = 0.5
GROWTH = 1.4
#: Longer pieces gain nothing, and are what a cancelled clause still costs.
MOST_S = 1.6
#: A rest that is shorter is left to the piece before it.
LEAST_S = 0.4
#: A clause that is shorter is one piece, with its own statistics, and is made soon enough. Those that are told from its
#: length fit from about 1.2 s on (docs/streaming.md), but how that sounds was not judged yet.
WHOLE_S = 2.2
#: Kokoro begins a clause with up to half a second of silence, which is not worth waiting for. Sound was found at most
#: 0.12 s before the first phone.
BEFORE_FIRST_S = 0.2
#: How far from the wanted length a space between words may lie, as a share of it.
_TOLERANCE = 0.45


@dataclass(frozen=True)
class Stretch:
    """Alignment frames `start` up to `stop` of a clause, and the words that they hold."""

    start: int
    stop: int
    text: str


def stretches(text: str, phones: str, durations: Sequence[int], *, first: bool) -> list[Stretch]:
    """The pieces of a clause, in order, without gaps; joined by spaces their texts are `text`, but for its spacing.

    durations: frames of each phone, with one more at either end. first: this clause opens the utterance, so that
    somebody waits for it; of the silence before its first phone no more than 0.2 s is kept.
    """
    ends = list(accumulate(durations))
    start = max(0, ends[0] - _frames(BEFORE_FIRST_S)) if first else 0
    spaces = [(ends[place] + ends[place + 1]) // 2 for place, phone in enumerate(phones) if phone == " "]
    cuts = _cuts(start, max(ends[0], start) if first else 0, ends[-1], spaces, FIRST_S if first else 2 * FIRST_S)
    words = text.split()
    pieces, told = [], 0
    for stop in cuts:
        heard = sum(space <= stop for space in spaces)
        # espeak says '5 mg' as two words and 'of the' as one, so a word is placed by its share of the way.
        upto = len(words) if stop == ends[-1] else round(len(words) * heard / (len(spaces) + 1))
        pieces.append(Stretch(start, stop, " ".join(words[told:upto])))
        start, told = stop, max(told, upto)
    return pieces


def _cuts(start: int, onset: int, end: int, spaces: Sequence[int], length_s: float) -> list[int]:
    cuts: list[int] = []
    at = max(start, onset)
    if end - at <= _frames(WHOLE_S):
        return [end]
    while end - at > _frames(length_s + LEAST_S):
        wanted = at + _frames(length_s)
        slack = _TOLERANCE * _frames(length_s)
        near = [space for space in spaces if abs(space - wanted) <= slack]
        at = min(near, key=lambda space: abs(space - wanted)) if near else wanted
        cuts.append(at)
        length_s = min(length_s * GROWTH, MOST_S)
    return [*cuts, end]


def _frames(seconds: float) -> int:
    return round(seconds / FRAME_S)
