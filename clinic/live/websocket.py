"""The WebSocket under the tablet's connection: simple-websocket, made safe for two threads and for hostile clients."""

from __future__ import annotations

import socket
import struct
import threading
from typing import Any, Protocol

from simple_websocket import ConnectionClosed, Server
from wsproto.utilities import LocalProtocolError
from wsproto.utilities import ProtocolError as HandshakeError

from clinic.live.messages import HARD_BYTES

#: A browser that takes nothing for this long is treated as gone: what it does not take waits in no memory of ours.
SEND_TIMEOUT_S = 10
#: Messages that were read and not yet looked at; beyond that TCP makes the sender wait.
_BACKLOG = 256
#: The WebSocket layer's own ping finds connections that died without a word.
_PING_S = 20


class WebSocket(Protocol):
    """What a connection needs of a WebSocket."""

    def send(self, data: str | bytes) -> None:
        """Send a frame. Raises ConnectionClosed."""
        ...

    def receive(self, timeout: float | None = None) -> str | bytes | None:
        """The next message, None after `timeout` seconds without one. Raises ConnectionClosed."""
        ...

    def close(self, reason: int | None = None, message: str | None = None) -> None:
        """Close with a code. Raises ConnectionClosed."""
        ...


class _SharedSocket:
    """A socket on which two threads may send: frames must not mix, and a send must not wait for ever."""

    def __init__(self, raw: socket.socket, backlog: list[Any]) -> None:
        self._raw, self._backlog = raw, backlog
        self._sending = threading.Lock()
        self._closed = threading.Event()
        raw.settimeout(None)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_TIMEOUT_S, 0))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> None:
        with self._sending:
            self._raw.sendall(data)

    def recv(self, size: int) -> bytes:
        while len(self._backlog) > _BACKLOG and not self._closed.wait(0.02):
            pass
        return self._raw.recv(size)

    def fileno(self) -> int:
        return self._raw.fileno()

    def close(self) -> None:
        self._closed.set()
        self._raw.close()


class TabletWebSocket(Server):
    """The server's side of one WebSocket."""

    sock: Any

    def __init__(self, environ: dict[str, Any]) -> None:
        # Compression is not offered: sound does not shrink, and inflating strangers' bytes costs memory.
        plain = {name: value for name, value in environ.items() if name != "HTTP_SEC_WEBSOCKET_EXTENSIONS"}
        super().__init__(plain, ping_interval=_PING_S, max_message_size=HARD_BYTES)

    def handshake(self) -> None:
        """Answer the upgrade, on a socket that can be shared."""
        self.sock = _SharedSocket(self.sock, self.input_buffer)
        super().handshake()

    def send(self, data: str | bytes) -> None:
        """See `WebSocket.send`: whatever the socket says, the connection is closed then."""
        try:
            super().send(data)
        except (OSError, LocalProtocolError) as error:  # another thread may have closed it in between
            self._give_up()
            raise ConnectionClosed from error

    def close(self, reason: int | None = None, message: str | None = None) -> None:
        """See `WebSocket.close`."""
        try:
            super().close(reason, message)
        except (OSError, LocalProtocolError) as error:
            raise ConnectionClosed from error
        finally:
            self._give_up()

    def _give_up(self) -> None:
        self.connected = False
        self.event.set()
        self.sock._closed.set()


__all__ = ["ConnectionClosed", "HandshakeError", "TabletWebSocket", "WebSocket"]
