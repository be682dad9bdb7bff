"""Where a tablet that connects finds itself: what it was in the middle of when it went."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from clinic.events import Event
from clinic.live import utterances
from clinic.live.messages import Hello
from clinic.live.tables import RECEIVED, UNSURE, WORKING
from clinic.live.utterances import Readiness


@dataclass(frozen=True)
class Standing:
    """The state to tell, and what belongs to it. `readings`: the event that asked, if it is to be shown again."""

    state: str
    fields: dict[str, Any] = field(default_factory=dict)
    readings: Event | None = field(default=None, repr=False)


def resting(ready: Readiness) -> Standing:
    """Nothing is under way."""
    if ready.voice == utterances.NONE:
        return Standing("no_voice", {"message": ready.why})
    return Standing("ready")


def standing(session_id: str, hello: Hello, kept: list[Event], ready: Readiness) -> Standing:
    """What the newest utterance of the session waits for. `kept`: the events that the stream still holds."""
    last = utterances.latest(session_id)
    if last is None:
        return resting(ready)
    if last.cut_off and last.state == RECEIVED:
        # A tablet that still holds the sound of this very turn sends it again: it is not cut off.
        return resting(ready) if last.turn_id == hello.turn else Standing("cut_off", {"utterance": last.id})
    if last.state in (RECEIVED, WORKING):
        return Standing("working", {"utterance": last.id})
    if last.state == UNSURE:
        asked = (e for e in reversed(kept) if e.event.get("type") == "unsure" and e.event.get("utterance") == last.id)
        # With `after` the relay sends it anyway.
        return Standing("unsure", {"utterance": last.id}, None if hello.after else next(asked, None))
    return resting(ready)
