"""Sealed sound to a browser's player: unsealed chunk by chunk, with Range requests, never on a disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import PurePath
from typing import BinaryIO

from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from clinic.vault import get_vault

_CHUNK_BYTES = 64 * 1024
#: By ending. Anything else is sent as bytes: a browser must never be told to show an upload as a page.
_SOUND_TYPES = {
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".mp4": "video/mp4",
    ".aac": "audio/aac",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".webm": "audio/webm",
    ".mov": "video/quicktime",
}


def sound_type(filename: str) -> str:
    """The media type that belongs to a file's ending."""
    return _SOUND_TYPES.get(PurePath(filename).suffix.lower(), "application/octet-stream")


def is_first_part() -> bool:
    """True for the request that starts a playback; players then ask on for later parts."""
    asked = request.range
    return asked is None or not asked.ranges or asked.ranges[0][0] == 0


def play(patient_id: str, blob_id: str, mimetype: str) -> Response:
    """Answer with a blob, or the part of it that was asked for. Raises VaultError, and 416 for an impossible part."""
    file = get_vault().open_blob(patient_id, blob_id)
    try:
        length = file.seek(0, os.SEEK_END)
        span = (0, length)
        if request.range is not None:
            wanted = request.range.range_for_length(length)
            if wanted is None:
                raise RequestedRangeNotSatisfiable(length)
            span = (int(wanted[0]), int(wanted[1] or length))
    except BaseException:
        file.close()
        raise
    response = Response(_chunks(file, *span), mimetype=mimetype)
    response.call_on_close(file.close)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Disposition"] = "inline"
    response.content_length = span[1] - span[0]
    if request.range is not None:
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {span[0]}-{span[1] - 1}/{length}"
    return response


def _chunks(file: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
    file.seek(start)
    left = stop - start
    while left > 0:
        chunk = file.read(min(_CHUNK_BYTES, left))
        if not chunk:
            return
        left -= len(chunk)
        yield chunk
