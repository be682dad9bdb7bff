"""The tablet's WebSocket, `/live/socket`. Described in docs/protocol.md."""

from __future__ import annotations

from flask import Flask


def register(app: Flask) -> None:
    """Add the socket's route to `app`."""
