"""The real reading, in whatever container and codec a test asks for."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from bench import two_cities
from workers import models
from workers.contracts import Audio, FloatArray

Encode = Callable[..., bytes]


@pytest.fixture(scope="session")
def reading() -> Audio:
    return two_cities.recording()


@pytest.fixture(scope="session")
def other_readers() -> Path:
    return models.path("other-readers")


@pytest.fixture(scope="session")
def encode() -> Encode:
    def make(samples: FloatArray, rate_hz: int, container: str, codec: str, *, picture: bool = False) -> bytes:
        """`samples` (channels, n) as the bytes of a file, with or without a small film beside the sound."""
        file = io.BytesIO()
        with av.open(file, "w", format=container) as out:
            film = out.add_stream("mpeg4", rate=5) if picture else None
            if film is not None:
                film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
            layout = "mono" if len(samples) == 1 else "stereo"
            sound = out.add_stream(codec, rate=rate_hz, layout=layout)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32), format="fltp", layout=layout)
            frame.sample_rate = rate_hz
            if film is not None:
                for _ in range(5):
                    out.mux(film.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
                out.mux(film.encode(None))
            out.mux(sound.encode(frame))
            out.mux(sound.encode(None))
        return file.getvalue()

    return make
