"""How much a connection may send."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Sound may come at twice the speed of speech: a tablet that was away catches up, a flood does not get in.
AUDIO_RATE = 2.0
#: On top of that, at once: everything that a tablet may have kept while it was away.
AUDIO_BURST_S = 65.0
MESSAGES_PER_S = 60.0
MESSAGES_BURST = 2000.0


class Bucket:
    """A token bucket: `rate` tokens a second flow in, `burst` at most are there."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._tokens, self._at = burst, clock()

    def take(self, tokens: float) -> bool:
        """Take some; False when there are not as many."""
        at = self._clock()
        self._tokens = min(self._burst, self._tokens + (at - self._at) * self._rate)
        self._at = at
        if tokens > self._tokens:
            return False
        self._tokens -= tokens
        return True
