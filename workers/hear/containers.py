"""What a file says about itself in its first and last bytes: whether it is text, and whether its end is missing.

FFmpeg plays what is there and says nothing of what is not, so an upload that broke off would pass for a whole one.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

HEAD_BYTES = 65_536
_TAIL_BYTES = 65_536 + 282  # the longest Ogg page is a little over 64 KiB
_OGG_HEADER = struct.Struct("<4sBBqIIIB")
_OGG_LAST_PAGE = 0x04
_UNKNOWN_SIZES = (0, 0xFFFFFFFF)  # what a recorder writes that could not go back to fill the size in


def looks_like_text(head: bytes) -> bool:
    """True for bytes that an editor would show as writing."""
    sample = head[:4096]
    try:
        text = sample.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(sample) - 3:  # anything but a letter cut in two at the end of the sample
            return False
        text = sample[: error.start].decode("utf-8")
    return bool(text) and all(letter.isprintable() or letter in "\r\n\t\f\ufeff" for letter in text)


def end_is_missing(file: BinaryIO, head: bytes, size_bytes: int) -> bool:
    """True if a WAV, AIFF or Ogg file ends before the place that its own structure names.

    Other containers state a duration, which the decoder compares with what it got. `file` must be seekable; its
    position is not kept.
    """
    if head[:4] in (b"RIFF", b"FORM") and len(head) >= 8:
        (stated,) = struct.unpack("<I" if head[:4] == b"RIFF" else ">I", head[4:8])
        return stated not in _UNKNOWN_SIZES and stated + 8 > size_bytes
    if head[:4] == b"OggS":
        file.seek(max(0, size_bytes - _TAIL_BYTES))
        return not _ogg_ends(file.read())
    return False


def states_its_frames(head: bytes) -> bool:
    """True if an MP3 carries a count of its frames (Xing, Info or VBRI); without one its duration is a guess."""
    return any(mark in head for mark in (b"Xing", b"Info", b"VBRI"))


def _ogg_ends(tail: bytes) -> bool:
    """The last page is whole, and marked as the last of its stream (RFC 3533)."""
    start = tail.rfind(b"OggS")
    if start < 0 or len(tail) < start + _OGG_HEADER.size:
        return False
    _, _, kind, _, _, _, _, segments = _OGG_HEADER.unpack_from(tail, start)
    lacing = tail[start + _OGG_HEADER.size : start + _OGG_HEADER.size + segments]
    whole = len(lacing) == segments and len(tail) >= start + _OGG_HEADER.size + segments + sum(lacing)
    return whole and bool(kind & _OGG_LAST_PAGE)
