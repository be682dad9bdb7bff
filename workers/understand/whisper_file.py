"""CTranslate2's file of a Whisper model (`model.bin`), read into tensors and written again, byte for byte the same.

The format (CTranslate2's `model_spec.py`, binary version 6): the version, the specification's name and revision, then
each variable (name, shape, type, bytes), then aliases, all little-endian. Knowing it lets a patient's adapter be added
to the very tensors that are served, with no way through another format, and with no file in the clear: CTranslate2 also
opens bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from workers.contracts import SpokenError

_VERSION, _SPEC = 6, "WhisperSpec"
_TYPES: tuple[type[Any], ...] = (np.float32, np.int8, np.int16, np.int32, np.float16)

Tensor = NDArray[Any]


@dataclass(frozen=True)
class WhisperFile:
    """tensors: name to array, in the file's order; aliases: name to the name that it stands for."""

    revision: int
    tensors: Mapping[str, Tensor]
    aliases: Mapping[str, str]


def read(stream: BinaryIO) -> WhisperFile:
    """All of a model.bin. Raises SpokenError 'recogniser_unreadable' for anything else."""
    try:
        version = _number(stream, "I")
        spec = _text(stream)
        if version != _VERSION or spec != _SPEC:
            raise _unreadable()
        revision = _number(stream, "I")
        tensors: dict[str, Tensor] = {}
        for _ in range(_number(stream, "I")):
            name = _text(stream)
            shape = [_number(stream, "I") for _ in range(_number(stream, "B"))]
            kind = _TYPES[_number(stream, "B")]
            data = stream.read(_number(stream, "I"))
            tensors[name] = np.frombuffer(data, kind).reshape(shape)
        aliases = {_text(stream): _text(stream) for _ in range(_number(stream, "I"))}
    except (struct.error, IndexError, ValueError, UnicodeDecodeError, MemoryError) as error:
        raise _unreadable() from error
    return WhisperFile(revision, tensors, aliases)


def written(file: WhisperFile) -> bytes:
    """The bytes of a model.bin."""
    parts = [struct.pack("<I", _VERSION), _packed(_SPEC), struct.pack("<II", file.revision, len(file.tensors))]
    for name, array in file.tensors.items():
        parts += [_packed(name), struct.pack("<B", array.ndim), struct.pack(f"<{array.ndim}I", *array.shape)]
        parts += [struct.pack("<BI", _TYPES.index(array.dtype.type), array.nbytes), array.tobytes()]
    parts.append(struct.pack("<I", len(file.aliases)))
    parts += [_packed(text) for pair in file.aliases.items() for text in pair]
    return b"".join(parts)


def _number(stream: BinaryIO, kind: str) -> int:
    (value,) = struct.unpack(f"<{kind}", stream.read(struct.calcsize(f"<{kind}")))
    return int(value)


def _text(stream: BinaryIO) -> str:
    return stream.read(_number(stream, "H"))[:-1].decode()


def _packed(text: str) -> bytes:
    data = text.encode() + b"\0"
    return struct.pack("<H", len(data)) + data


def _unreadable() -> SpokenError:
    return SpokenError(
        "recogniser_unreadable",
        "The speech recognition weights cannot be read. Run `samevoice models verify` and try again.",
    )
