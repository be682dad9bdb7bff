"""The stream inside one process."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from clinic.events.stream import KEEP_BYTES, KEEP_EVENTS, KEEP_S, Event, bad_event_id, open_event, seal_event


@dataclass
class _Topic:
    events: deque[tuple[int, bytes]] = field(default_factory=deque)
    size_bytes: int = 0
    touched_s: float = 0.0


class MemoryStream:
    """Topics in a dict, one condition for all of them. Publishing and reading are safe from many threads."""

    def __init__(
        self,
        *,
        keep_events: int = KEEP_EVENTS,
        keep_bytes: int = KEEP_BYTES,
        keep_s: float = KEEP_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keep_events, self._keep_bytes, self._keep_s, self._clock = keep_events, keep_bytes, keep_s, clock
        self._topics: dict[str, _Topic] = {}
        self._last = 0
        self._changed = threading.Condition()

    def publish(self, topic: str, patient_id: str, event: dict[str, Any], blob: bytes = b"") -> str:
        """See `Stream.publish`."""
        sealed = seal_event(topic, patient_id, event, blob)
        with self._changed:
            self._expire()
            kept = self._topics.setdefault(topic, _Topic())
            # From the clock, so that an id of before a restart still means 'older than everything'.
            self._last = max(self._last + 1, time.time_ns() // 1000)
            kept.events.append((self._last, sealed))
            kept.size_bytes += len(sealed)
            kept.touched_s = self._clock()
            while len(kept.events) > self._keep_events or (kept.size_bytes > self._keep_bytes and len(kept.events) > 1):
                kept.size_bytes -= len(kept.events.popleft()[1])
            self._changed.notify_all()
            return str(self._last)

    def read(self, topic: str, patient_id: str, after: str = "", timeout_s: float = 1.0) -> list[Event]:
        """See `Stream.read`."""
        if after and not (after.isascii() and after.isdigit() and len(after) <= 20):
            raise bad_event_id()
        number = int(after or 0)
        with self._changed:
            self._changed.wait_for(lambda: self._newer(topic, number), timeout_s)
            found = self._newer(topic, number)
        return [open_event(topic, patient_id, str(event_id), sealed) for event_id, sealed in found]

    def _newer(self, topic: str, number: int) -> list[tuple[int, bytes]]:
        self._expire()
        kept = self._topics.get(topic)
        if kept is None or not kept.events or kept.events[-1][0] <= number:
            return []
        return [entry for entry in kept.events if entry[0] > number]

    def _expire(self) -> None:
        oldest_s = self._clock() - self._keep_s
        for name in [name for name, kept in self._topics.items() if kept.touched_s < oldest_s]:
            del self._topics[name]
