"""Several recordings in one form, straight into the vault: sealed as they arrive, never whole in memory and never as
plain text in a temporary file, which is what the usual form parser would make of them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO, cast

from werkzeug.exceptions import ClientDisconnected
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData
from werkzeug.wrappers import Request

from clinic.errors import PlainError

_CHUNK_BYTES = 256 * 1024
_LONGEST_FIELD = 4096


class Part(io.RawIOBase):
    """One file of the form, to be read once, in order."""

    def __init__(self, filename: str, chunks: Iterator[bytes]) -> None:
        self.filename = filename
        self.size_bytes = 0
        self._chunks = chunks
        self._left = b""

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` from the connection. Raises PlainError 'upload_broken' when it breaks off."""
        view = memoryview(buffer).cast("B")
        while not self._left:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._left = chunk
        taken = self._left[: len(view)]
        self._left = self._left[len(taken) :]
        view[: len(taken)] = taken
        self.size_bytes += len(taken)
        return len(taken)

    def buffered(self) -> BinaryIO:
        """As a file that reads whole blocks."""
        return cast(BinaryIO, io.BufferedReader(self, _CHUNK_BYTES))

    def first_byte(self) -> bool:
        """True when there is anything in the file at all. Nothing is lost by asking."""
        while not self._left:
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self._left = chunk
        return True


class Form:
    """Reads a multipart request part by part. `fields` fills up as fields are passed."""

    def __init__(self, request: Request) -> None:
        boundary = request.mimetype_params.get("boundary", "")
        if request.mimetype != "multipart/form-data" or not boundary:
            raise PlainError("not_a_form", "No recording arrived. Choose one or more files, then send them.")
        self._decoder = MultipartDecoder(boundary.encode("ascii", "replace"), max_form_memory_size=None)
        self._stream = request.stream
        self.fields: dict[str, str] = {}

    def files(self) -> Iterator[Part]:
        """Each file in turn. One that is not read to its end is passed over. Raises PlainError 'upload_broken'."""
        event = self._next()
        while not isinstance(event, Epilogue):
            if isinstance(event, File):
                chunks = self._data()
                yield Part(event.filename, chunks)
                for _ in chunks:  # whatever the caller left of it
                    pass
            elif isinstance(event, Field):
                self._keep_field(event.name)
            event = self._next()

    def _keep_field(self, name: str) -> None:
        value = b""
        for chunk in self._data():
            value = (value + chunk)[:_LONGEST_FIELD]
        self.fields[name] = value.decode("utf-8", "replace")

    def _data(self) -> Iterator[bytes]:
        more = True
        while more:
            event = self._next()
            if not isinstance(event, Data):
                raise _broken()
            more = event.more_data
            if event.data:
                yield event.data

    def _next(self) -> Event:
        try:
            event = self._decoder.next_event()
            while isinstance(event, NeedData):
                chunk = self._stream.read(_CHUNK_BYTES)
                self._decoder.receive_data(chunk or None)
                event = self._decoder.next_event()
        except (ValueError, ClientDisconnected, ConnectionError, TimeoutError):
            raise _broken() from None
        return event


def _broken() -> PlainError:
    return PlainError(
        "upload_broken",
        "The connection broke off while a recording was on its way. Keep what arrived whole, and send the rest again.",
    )
