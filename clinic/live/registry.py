"""Which connection belongs to which patient in this process, and turns that wait for their tablet to come back.

Between processes a claim on the patient's topic in the event stream does the same: the newest connection wins.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from clinic.live.turns import Turn

#: A turn whose tablet vanished can be taken up again for this long, as if nothing had happened.
GRACE_S = 60.0
_PARKED_AT_MOST = 64


@dataclass
class OpenTurn:
    """A turn that is not over. `next_audio`: the first sequence number that has not come yet. `utterance`: what it
    became, when a pause ended it and the patient may speak on. `so_far`: the utterance and the bytes of sound that are
    worked on since its newest pause."""

    name: str
    mode: str
    turn: Turn = field(repr=False)
    next_audio: int = 0
    utterance: str = ""
    so_far: tuple[str, int] | None = None


class Replaceable(Protocol):
    """A connection, as the registry sees it."""

    def replace(self) -> None:
        """Another connection of this patient has come: park the open turn, tell the tablet, end."""
        ...


class Registry:
    """Connections and parked turns of this process. Safe to use from many threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._connections: dict[str, Replaceable] = {}
        self._parked: dict[tuple[str, str], tuple[float, OpenTurn]] = {}

    def claim(self, patient_id: str, connection: Replaceable) -> None:
        """This connection is the patient's from now on; the one before it is replaced."""
        with self._lock:
            former = self._connections.get(patient_id)
            self._connections[patient_id] = connection
        if former is not None and former is not connection:
            former.replace()

    def leave(self, patient_id: str, connection: Replaceable) -> None:
        """The connection has ended."""
        with self._lock:
            if self._connections.get(patient_id) is connection:
                del self._connections[patient_id]

    def park(self, session_id: str, open_turn: OpenTurn) -> None:
        """Keep a turn for its tablet. What was heard of it is in the database already."""
        with self._lock:
            self._expire()
            self._parked[session_id, open_turn.name] = (self._clock(), open_turn)
            while len(self._parked) > _PARKED_AT_MOST:
                del self._parked[next(iter(self._parked))]

    def unpark(self, session_id: str, name: str) -> OpenTurn | None:
        """The parked turn of that name, if it still waits."""
        with self._lock:
            self._expire()
            found = self._parked.pop((session_id, name), None)
            return found[1] if found else None

    def _expire(self) -> None:
        oldest_s = self._clock() - GRACE_S
        for key in [key for key, (at_s, _) in self._parked.items() if at_s < oldest_s]:
            del self._parked[key]
