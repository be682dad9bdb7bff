"""What passes between workers and browsers while a person waits. Content is sealed under the patient's key."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import Any, Protocol

from clinic.errors import PlainError
from clinic.vault import get_vault

#: A topic holds this many events and sealed bytes at most; the oldest give way. An utterance makes about a hundred.
KEEP_EVENTS = 2000
KEEP_BYTES = 64 * 1024 * 1024
#: A topic to which nothing was published for this long is gone.
KEEP_S = 30 * 60

_LENGTH = struct.Struct(">I")


@dataclass(frozen=True)
class Event:
    """One event. `id` is opaque: give it back as `after` to read on from there. `blob` is PCM or nothing."""

    id: str
    event: dict[str, Any] = field(repr=False)  # somebody's words
    blob: bytes = field(default=b"", repr=False)


class Stream(Protocol):
    """A bounded, ordered, short-lived log for each topic; any number may read it, each at its own pace."""

    def publish(self, topic: str, patient_id: str, event: dict[str, Any], blob: bytes = b"") -> str:
        """Add an event; its id. Raises PlainError 'events_unavailable', VaultError 'erased' and others."""
        ...

    def read(self, topic: str, patient_id: str, after: str = "", timeout_s: float = 1.0) -> list[Event]:
        """Events after the one with id `after`, oldest first; "" begins with the oldest that is kept.

        Waits up to `timeout_s` for the first one; an empty list when none came. Raises PlainError
        'events_unavailable' and 'bad_event_id', VaultError 'tampered', 'erased' and others.
        """
        ...


def bad_event_id() -> PlainError:
    """`after` came from a browser, which may send anything."""
    return PlainError("bad_event_id", "That place in the stream does not exist. Reload the page.", 400)


def seal_event(topic: str, patient_id: str, event: dict[str, Any], blob: bytes) -> bytes:
    """Event and blob as one sealed value, bound to the topic."""
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    content = _LENGTH.pack(len(text)) + text + blob
    return get_vault().seal(patient_id, content, table="event", row_id=topic, column="content")


def open_event(topic: str, patient_id: str, event_id: str, sealed: bytes) -> Event:
    """The event again."""
    content = get_vault().open(patient_id, sealed, table="event", row_id=topic, column="content")
    start = _LENGTH.size
    end = start + int(_LENGTH.unpack_from(content)[0])
    return Event(event_id, json.loads(content[start:end]), content[end:])
