"""Where sealed blobs lie. The store sees sealed bytes only; an object store can stand behind the same protocol."""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from clinic.vault import errors
from clinic.vault.files import sync_folder

_BLOB_ID = re.compile(r"[0-9a-f]{32}")
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class BlobStore(Protocol):
    """Keeps sealed bytes by blob id (32 hexadecimal digits)."""

    def write(self, blob_id: str, chunks: Iterable[bytes]) -> None:
        """Keep the chunks, all of them or nothing. Raises VaultError 'disk_full'."""
        ...

    def read(self, blob_id: str) -> BinaryIO:
        """The sealed bytes as a seekable file. Raises VaultError 'blob_missing'."""
        ...

    def delete(self, blob_id: str) -> None:
        """Forget a blob; one that is not there is no error."""
        ...


class FileBlobs:
    """Blobs as files: home/blobs/ab/abcdef…, 0600."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, blob_id: str, chunks: Iterable[bytes]) -> None:
        """Write beside, make durable, then rename: a crash or a full disk leaves no half blob."""
        path = self._path(blob_id)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        except OSError as error:
            raise _plain(error) from None
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            sync_folder(path.parent)
        except BaseException as error:
            with suppress(FileNotFoundError):
                temporary.unlink()
            if isinstance(error, OSError):
                raise _plain(error) from None
            raise

    def read(self, blob_id: str) -> BinaryIO:
        """The sealed file."""
        try:
            return self._path(blob_id).open("rb")
        except FileNotFoundError:
            raise errors.blob_missing() from None

    def delete(self, blob_id: str) -> None:
        """Unlink it. What was on the disk stays unreadable without the patient's key."""
        self._path(blob_id).unlink(missing_ok=True)

    def _path(self, blob_id: str) -> Path:
        if not _BLOB_ID.fullmatch(blob_id):
            raise errors.blob_missing()
        return self._folder / blob_id[:2] / blob_id


def _plain(error: OSError) -> Exception:
    return errors.disk_full() if error.errno in _NO_ROOM else error
