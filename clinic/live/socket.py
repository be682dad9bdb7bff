"""The tablet's WebSocket, `/live/socket`. docs/protocol.md describes what passes over it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, abort, request
from flask_login import current_user

from clinic.accounts.tables import TABLET
from clinic.live import utterances
from clinic.live.connection import SIGNED_OUT, Connection, Tablet
from clinic.live.messages import CLOSE_SIGNED_OUT, message
from clinic.live.registry import Registry
from clinic.live.voice_activity import Silero
from clinic.live.websocket import ConnectionClosed, HandshakeError, TabletWebSocket
from clinic.settings import get_settings

PATH = "/live/socket"


class _Spent(Response):
    """What is returned when the WebSocket has ended: each server wants to hear in its own way that nothing follows."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        self._mode = mode

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Werkzeug writes an answer into the closed socket; gunicorn must not."""
        if self._mode == "gunicorn":
            raise StopIteration
        return super().__call__(environ, start_response)


def register(app: Flask) -> None:
    """Add the socket's route to `app`. One registry of connections for the app."""
    registry = Registry()

    def tablet_socket() -> Response:
        """Serve one tablet for as long as it stays."""
        if not same_origin(request.headers.get("Origin", ""), request.host):
            abort(403)
        try:
            ws = TabletWebSocket(request.environ)
        except (HandshakeError, ValueError):
            abort(400)
        # A browser cannot read why an upgrade was refused, so a tablet that is signed out is told over the socket.
        tablet = _tablet()
        if tablet is None:
            _turn_away(ws)
        else:
            Connection(ws, tablet, registry, Silero()).run()
        return _Spent(ws.mode)

    app.add_url_rule(PATH, "live_socket", tablet_socket, websocket=True)


def same_origin(origin: str, host: str) -> bool:
    """True when the page that opens the socket is ours: browsers send cookies along from any page."""
    public = get_settings().public_origin
    if public:
        return origin == public.rstrip("/")
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc == host


def _tablet() -> Tablet | None:
    if not current_user.is_authenticated or current_user.role != TABLET:
        return None
    return Tablet(current_user.id, utterances.session_version(current_user.id))


def _turn_away(ws: TabletWebSocket) -> None:
    try:
        ws.send(message("error", code="signed_out", message=SIGNED_OUT, fatal=True))
        ws.close(CLOSE_SIGNED_OUT, "signed_out")
    except ConnectionClosed:
        return
