"""Writing small files that must be whole, private and, some of them, written once only."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path


def write_once(path: Path, data: bytes, mode: int = 0o600) -> bool:
    """Write a file that did not exist. False, and nothing changed, when another process was first."""
    temporary = _written(path, data, mode)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    sync_folder(path.parent)
    return True


def replace(path: Path, data: bytes) -> None:
    """Put `data` in place of what is there, as open or closed as that was (new: 0600).

    A crash leaves either the old file or the new one.
    """
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o600
    temporary = _written(path, data, mode)
    try:
        temporary.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a new name in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _written(path: Path, data: bytes, mode: int) -> Path:
    """A temporary file beside `path` that holds `data` durably. mkstemp makes it 0600 before anything is in it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
    except BaseException:
        Path(name).unlink()
        raise
    return Path(name)
