"""One recogniser for the whole room, opened where no socket can be: what it needs lies on the disk."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

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
def reading() -> Audio:
    return two_cities.recording()
