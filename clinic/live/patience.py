"""How long a pause ends this patient's turn: learned from how long they pause inside what they say.

A turn is cut when the longest pause in it is longer than what is waited for. So it is these longest pauses, one for
each utterance, that are looked at: maxima, which a Gumbel distribution describes (Gumbel 1958).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from clinic.live.turns import PAUSE_MOST_S

#: Of so many utterances the last are looked at: a patient changes.
LOOKED_AT = 60
#: One turn in a hundred may be cut. The distribution's scale is taken from two quantiles, since many utterances have no
#: pause in them at all.
_CUT, _USUAL, _LONG, _LONGEST = 0.01, 0.5, 0.9, 0.98
#: The setting counts as much as so many utterances, divided by how many there are; and as one at most where they show
#: that it cuts this patient off.
_AS_MANY_AS = 40.0
#: Nobody is waited for less than this because they read fluently: in conversation people think.
_LEARNED_LEAST_S = 0.6
#: And not so far beyond the longest but one as the distribution would have it, the more utterances there are: pauses
#: have an end. This much of it, divided by how many there are.
_BEYOND = 15.0
#: Sounds at the edge of a pause are soft, and are heard one time and not the next.
_EDGE_S = 0.1


def pause_that_ends(setting_s: float, longest_s: Sequence[float]) -> float:
    """Seconds of silence that end a turn. `setting_s`: what was set for the patient; `longest_s`: the longest pause
    inside each of their utterances (`turns.Ended.longest_pause_s`), of which the last `LOOKED_AT` count."""
    if not longest_s:
        return setting_s
    longest = np.asarray(longest_s[-LOOKED_AT:])
    usual_s, long_s = np.quantile(longest, (_USUAL, _LONG))
    scale_s = (long_s - usual_s) / (_reduced(1 - _LONG) - _reduced(1 - _USUAL))
    cut_s = float(usual_s + scale_s * (_reduced(_CUT) - _reduced(1 - _USUAL)))
    seen_s = float(np.quantile(longest, _LONGEST))
    needed_s = max(min(cut_s, seen_s * (1 + _BEYOND / len(longest))), seen_s + _EDGE_S)
    weight = _AS_MANY_AS / len(longest)
    if needed_s > setting_s:
        weight = min(weight, 1.0)
    found_s = (weight * setting_s + len(longest) * needed_s) / (weight + len(longest))
    return float(min(max(found_s, min(_LEARNED_LEAST_S, setting_s)), PAUSE_MOST_S))


def _reduced(beyond: float) -> float:
    """What a standard Gumbel variable exceeds with probability `beyond`."""
    return -math.log(-math.log(1 - beyond))
