"""The stream over Redis Streams: between processes and machines."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import redis

from clinic.errors import PlainError
from clinic.events.stream import KEEP_EVENTS, KEEP_S, Event, bad_event_id, open_event, seal_event

_PREFIX = "samevoice:events:"
_ID = re.compile(r"[0-9]{1,20}-[0-9]{1,20}")
#: One blocking call lasts this long at most, so that the socket's own time limit tells a dead server from a quiet one.
_BLOCK_S = 5.0
_BATCH = 200


class RedisStream:
    """XADD with a bound, XREAD with BLOCK, EXPIRE. One pool of connections, safe to use from many threads."""

    def __init__(self, url: str, *, keep_events: int = KEEP_EVENTS, keep_s: int = KEEP_S) -> None:
        self._keep_events, self._keep_s = keep_events, keep_s
        self._redis = redis.Redis.from_url(
            url, socket_connect_timeout=3.0, socket_timeout=_BLOCK_S + 5.0, health_check_interval=30
        )

    def publish(self, topic: str, patient_id: str, event: dict[str, Any], blob: bytes = b"") -> str:
        """See `Stream.publish`."""
        sealed = seal_event(topic, patient_id, event, blob)
        with _plainly(), self._redis.pipeline(transaction=True) as pipe:
            pipe.xadd(_PREFIX + topic, {"sealed": sealed}, maxlen=self._keep_events, approximate=True)
            pipe.expire(_PREFIX + topic, self._keep_s)
            event_id = pipe.execute()[0]
        return cast(bytes, event_id).decode()

    def read(self, topic: str, patient_id: str, after: str = "", timeout_s: float = 1.0) -> list[Event]:
        """See `Stream.read`."""
        if after and not _ID.fullmatch(after):
            raise bad_event_id()
        until_s = time.monotonic() + timeout_s
        while True:
            left_s = until_s - time.monotonic()
            # BLOCK 0 would mean for ever.
            block_ms = max(1, int(min(left_s, _BLOCK_S) * 1000)) if left_s > 0 else None
            with _plainly():
                found = self._redis.xread({_PREFIX + topic: after or "0-0"}, count=_BATCH, block=block_ms)
            entries = cast("list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]", found)
            if entries:
                return [
                    open_event(topic, patient_id, event_id.decode(), values[b"sealed"])
                    for event_id, values in entries[0][1]
                ]
            if left_s <= 0:
                return []


@contextmanager
def _plainly() -> Iterator[None]:
    """A Redis that is away is said in plain words; its address, which may hold a password, stays out of them."""
    try:
        yield
    except redis.RedisError:
        raise PlainError(
            "events_unavailable",
            "The connection between the tablet and the service is down. What was said is kept; please try again in a "
            "moment. Hospital IT: check that Redis (SAMEVOICE_EVENTS_URL) is running.",
            503,
        ) from None
