"""Write tensors in the safetensors format, byte for byte the same on every machine and with every library version.

The hash of a derived file is pinned in the manifest, so its bytes must not depend on how a library lays a header out.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DTYPES = {"float32": "F32", "int64": "I64"}
_ALIGN_BYTES = 8


def write_tensors(path: Path, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str] | None = None) -> None:
    """Write `tensors` (float32 or int64, any shape) sorted by name, and flush them to the disk.

    Raises KeyError for another dtype: a conversion that meets one has to be thought about.
    """
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    offset = 0
    for name in sorted(tensors):
        array = tensors[name]
        header[name] = {
            "dtype": _DTYPES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=True).encode("ascii")
    text += b" " * (-len(text) % _ALIGN_BYTES)
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", len(text)))
        stream.write(text)
        for name in sorted(tensors):
            array = tensors[name]
            stream.write(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes())
        stream.flush()
        os.fsync(stream.fileno())
