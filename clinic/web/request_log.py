"""One line a request: method, route, status, time. Never a form, a name, a file's name or a query."""

from __future__ import annotations

import logging
import time

from flask import Flask, Response, g, request

_log = logging.getLogger("samevoice.requests")


def log_requests(app: Flask) -> None:
    """Write the line when the answer goes out. The route's rule is logged, since a path could be typed by anybody."""

    @app.before_request
    def _start() -> None:
        g.started_at = time.monotonic()

    @app.after_request
    def _end(response: Response) -> Response:
        rule = request.url_rule.rule if request.url_rule else "unknown"
        taken_ms = (time.monotonic() - g.get("started_at", time.monotonic())) * 1000
        _log.info("%s %s %d %.0f ms", request.method, rule, response.status_code, taken_ms)
        return response
