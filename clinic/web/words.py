"""Numbers and times, in the words that a page shows."""

from __future__ import annotations

from datetime import datetime, timedelta

from clinic.database import now


def size(size_bytes: int) -> str:
    """3.4 MB, from bytes."""
    if size_bytes < 1024 * 1024:
        return f"{max(1, round(size_bytes / 1024))} KB"
    megabytes = size_bytes / (1024 * 1024)
    return f"{megabytes:.1f} MB" if megabytes < 10 else f"{megabytes:.0f} MB"


def duration(seconds: float | None) -> str:
    """48 s, 3 min 20 s, 1 h 5 min."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def ago(moment: datetime | None) -> str:
    """How long ago, roughly."""
    if moment is None:
        return "never"
    seconds = (now() - moment).total_seconds()
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return _count(int(seconds // 60), "minute")
    if seconds < 86_400:
        return _count(int(seconds // 3600), "hour")
    return _count(int(seconds // 86_400), "day")


def day_and_time(moment: datetime) -> str:
    """22 November 2026, 14:05 UTC."""
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def recently(moment: datetime, within: timedelta = timedelta(hours=24)) -> bool:
    """True when that was not longer ago than `within`."""
    return now() - moment <= within


def percent(share: float | None) -> str:
    """62 %."""
    return "–" if share is None else f"{round(100 * share)} %"


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'} ago"
