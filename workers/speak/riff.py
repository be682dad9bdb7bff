"""Just enough of RIFF WAVE: 16-bit mono samples, and named chunks beside them."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

_LARGEST_FILE = 512 * 1024 * 1024


@dataclass(frozen=True)
class Riff:
    """A mono WAV. pcm16: little-endian samples. others: chunks other than `fmt ` and `data`, by their four letters."""

    rate_hz: int
    pcm16: bytes
    others: Mapping[bytes, bytes] = field(default_factory=dict)


def write_riff(target: BinaryIO, riff: Riff) -> None:
    """Write the file in one piece."""
    form = struct.pack("<HHIIHH", 1, 1, riff.rate_hz, riff.rate_hz * 2, 2, 16)
    body = b"WAVE" + _chunk(b"fmt ", form) + _chunk(b"data", riff.pcm16)
    body += b"".join(_chunk(name, data) for name, data in riff.others.items())
    target.write(b"RIFF" + struct.pack("<I", len(body)) + body)


def read_riff(source: Path | BinaryIO) -> Riff:
    """Read a file, or what is open already.

    Raises ValueError with a few plain words when it is not a whole 16-bit mono WAV, or OSError.
    """
    if isinstance(source, Path):
        if source.stat().st_size > _LARGEST_FILE:
            raise ValueError("it is larger than any that is made here")
        data = source.read_bytes()
    else:
        data = source.read()
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise ValueError("it does not begin like one")
    chunks: dict[bytes, bytes] = {}
    place = 12
    while place + 8 <= len(data):
        name, size = data[place : place + 4], struct.unpack_from("<I", data, place + 4)[0]
        if place + 8 + size > len(data):
            raise ValueError("it breaks off before its end")
        if name in chunks:
            raise ValueError("it holds the same part twice")
        chunks[name] = data[place + 8 : place + 8 + size]
        place += 8 + size + size % 2
    if b"fmt " not in chunks or b"data" not in chunks or len(chunks[b"fmt "]) < 16:
        raise ValueError("it holds no sound")
    encoding, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", chunks.pop(b"fmt "))
    if (encoding, channels, bits) != (1, 1, 16) or rate_hz == 0:
        raise ValueError("it is not 16-bit mono")
    if len(chunks[b"data"]) % 2:
        raise ValueError("its last sample is cut in half")
    return Riff(rate_hz, chunks.pop(b"data"), chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
