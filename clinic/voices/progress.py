"""How far checks and builds are, in one sentence each, for the page that waits."""

from __future__ import annotations

import zlib
from datetime import timedelta

from clinic.database import now
from clinic.learning.tables import Adapter
from clinic.voices.comparing import Pair
from clinic.voices.tables import BUILDING, QUEUED, Recording, Voice

#: A worker tells how far it is about every second; after this long without a word something is wrong.
_SILENT = timedelta(seconds=90)
_WAITING = timedelta(seconds=30)


def is_running(voice: Voice) -> bool:
    """True for a voice that waits for a worker or is being built."""
    return voice.state in (QUEUED, BUILDING)


def sentence(voice: Voice | Adapter) -> str:
    """What is going on, and about how long it will still take."""
    if voice.cancel_requested:
        return "Stopping at the next step."
    if voice.state == QUEUED:
        if now() - voice.created_at > _WAITING:
            return "Waiting for a worker. Another build may be ahead, or no worker is running."
        return "Waiting to begin."
    if voice.heartbeat_at is not None and now() - voice.heartbeat_at > _SILENT:
        return "No sign of the worker for a while. When it is back it goes on where it was; nothing is lost."
    text = voice.progress_text or "Beginning."
    return f"{text} {left}" if (left := time_left(voice)) else text


def time_left(voice: Voice | Adapter) -> str:
    """From how long the share so far has taken. Empty while that says nothing yet."""
    if not 0.05 <= voice.progress < 1.0:
        return ""
    taken_s = (now() - voice.created_at).total_seconds()
    left_s = taken_s / voice.progress * (1.0 - voice.progress)
    if left_s < 50:
        return "Less than a minute left."
    minutes = max(1, round(left_s / 60))
    return f"About {minutes} minute{'' if minutes == 1 else 's'} left."


def fingerprint(recordings: list[Recording], voices: list[Voice], pairs: list[Pair]) -> str:
    """Changes whenever the page would show something new, apart from the progress of a build."""
    states = [f"{row.id}{row.state}" for row in recordings]
    states += [f"{voice.id}{voice.state}{voice.cancel_requested}{voice.chosen_at}" for voice in voices]
    states += [f"{pair.row.id}{pair.row.state}{len(pair.results)}" for pair in pairs]
    return f"{zlib.crc32('|'.join(states).encode()):08x}"
