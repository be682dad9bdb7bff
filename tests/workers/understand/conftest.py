"""One recogniser for the whole room, opened where no socket can be: what it needs lies on the disk."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bench import two_cities
from workers import models
from workers.contracts import Audio

if TYPE_CHECKING:
    from workers.understand.recogniser import Recogniser


@pytest.fixture(scope="session")
def no_network() -> Iterator[None]:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("something asked the network")

    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, refuse)
        patch.setattr(socket, "getaddrinfo", refuse)
        yield


@pytest.fixture(scope="session")
def recogniser(no_network: None) -> Recogniser:
    from workers.understand.recogniser import Recogniser

    return Recogniser(models.path("whisper-base"))


@pytest.fixture(scope="session")
def learned(recogniser: Recogniser) -> Recogniser:
    """Of a patient of whom nothing was learned: it hears what everybody's hears."""
    from workers.understand.adapter import Adapter
    from workers.understand.recogniser import Recogniser

    folder = models.path("whisper-base")
    layer = "model.encoder.layers.0.fc2"
    down, up = {layer: np.zeros((1, 2048), np.float32)}, {layer: np.zeros((512, 1), np.float32)}
    base = hashlib.sha256((folder / "model.bin").read_bytes()).hexdigest()
    return Recogniser(folder, adapter=Adapter(base, down, up, {}), everybodys=recogniser)


@pytest.fixture(scope="session")
def reading() -> Audio:
    return two_cities.recording()
