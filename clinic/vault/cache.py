"""Open data keys, for a short while: an erasure in another process must take effect here too."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

KEEP_S = 60.0
KEEP_KEYS = 256


class KeyCache:
    """At most `limit` keys, each for at most `keep_s` seconds. Safe to use from many threads."""

    def __init__(
        self, keep_s: float = KEEP_S, limit: int = KEEP_KEYS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._keep_s, self._limit, self._clock = keep_s, limit, clock
        self._keys: OrderedDict[tuple[str, int], tuple[float, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, patient_id: str, version: int) -> bytes | None:
        """The key, while it is fresh."""
        with self._lock:
            until, key = self._keys.get((patient_id, version), (0.0, b""))
            if key and self._clock() < until:
                return key
            self._keys.pop((patient_id, version), None)
            return None

    def put(self, patient_id: str, version: int, key: bytes) -> None:
        """Keep a key; the oldest gives way."""
        with self._lock:
            self._keys[(patient_id, version)] = (self._clock() + self._keep_s, key)
            self._keys.move_to_end((patient_id, version))
            while len(self._keys) > self._limit:
                self._keys.popitem(last=False)

    def forget(self, patient_id: str) -> None:
        """Drop every version of a patient's key."""
        with self._lock:
            for name in [name for name in self._keys if name[0] == patient_id]:
                del self._keys[name]

    def __len__(self) -> int:
        with self._lock:
            return len(self._keys)
