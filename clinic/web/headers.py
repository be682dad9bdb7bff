"""Security headers. Nothing runs or styles a page that is not a file of ours."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, request
from flask_talisman import Talisman

from clinic.settings import Settings

_NOWHERE = "()"


def content_security_policy(settings: Settings) -> dict[str, str]:
    """The policy of every page. Some browsers do not count the WebSocket's scheme as 'self', so it is named."""
    host = urlsplit(settings.public_origin).netloc
    return {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "media-src": "'self' blob:",
        "worker-src": "'self' blob:",
        "connect-src": f"'self' wss://{host}" if host else "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "object-src": "'none'",
    }


def protect(app: Flask, settings: Settings) -> None:
    """Add the headers to every answer, and the flags to every cookie."""
    Talisman(
        app,
        # TLS ends at the hospital's proxy; redirecting here would send the health check of a container in circles.
        force_https=False,
        strict_transport_security=settings.secure_cookies,
        session_cookie_secure=settings.secure_cookies,
        session_cookie_samesite="Lax",
        frame_options="DENY",
        content_security_policy=content_security_policy(settings),
        referrer_policy="same-origin",
        permissions_policy={
            "microphone": "(self)",
            "camera": _NOWHERE,
            "geolocation": _NOWHERE,
            "payment": _NOWHERE,
            "usb": _NOWHERE,
        },
    )

    @app.after_request
    def _never_stored(response: Response) -> Response:
        """Pages hold what was unsealed for one person; only our own files may stay in a shared computer's cache."""
        if request.endpoint != "static":
            response.headers.setdefault("Cache-Control", "no-store")
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        return response
