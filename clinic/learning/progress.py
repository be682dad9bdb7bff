"""Whether anything on the page of learning changed. How far it is, is said by `clinic.voices.progress`."""

from __future__ import annotations

import zlib

from clinic.learning.tables import Adapter, ReadAloud


def fingerprint(readings: list[ReadAloud], versions: list[Adapter], own: int) -> str:
    """Changes whenever the page would show something new, apart from the progress of the learning."""
    states = [f"{row.id}{row.state}" for row in readings]
    states += [f"{row.id}{row.state}{row.cancel_requested}{row.chosen_at}" for row in versions]
    return f"{zlib.crc32('|'.join([*states, str(own)]).encode()):08x}"
