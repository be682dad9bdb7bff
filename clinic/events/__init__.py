"""The stream between workers and browsers: in this process, or over Redis Streams."""

from __future__ import annotations

from functools import lru_cache

from clinic.events.memory import MemoryStream
from clinic.events.redis_stream import RedisStream
from clinic.events.stream import Event, Stream
from clinic.settings import get_settings


@lru_cache
def get_stream() -> Stream:
    """The stream of this process. Tests call `get_stream.cache_clear()`."""
    url = get_settings().events_url
    return MemoryStream() if url.startswith("memory:") else RedisStream(url)


__all__ = ["Event", "Stream", "get_stream"]
