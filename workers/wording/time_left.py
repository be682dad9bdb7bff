"""How long somebody still has to wait, in words."""

from __future__ import annotations

_SOON_S = 45.0


def time_left(doing: str, left_s: float) -> str:
    """A sentence for the page: what is being done, and about how long it still takes."""
    if left_s < _SOON_S:
        return f"{doing}: less than a minute left."
    return f"{doing}: about {max(1, round(left_s / 60))} min left."
