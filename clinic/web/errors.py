"""What a person meets when something is wrong: a page, or JSON for a script. Never a traceback."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from clinic.errors import PlainError
from clinic.settings import get_settings
from clinic.web.words import size

_log = logging.getLogger("samevoice.errors")

_TITLES = {
    403: "This page is not for this account",
    404: "There is nothing here",
    410: "These records were erased",
    413: "That is too large",
    429: "Too many tries",
    503: "Not available just now",
}
_MESSAGES = {
    403: "You are signed in, but your role may not open this page. Go back, or sign in with another account.",
    404: "The page may have been removed, or the address is not complete. Start again from the first page.",
    405: "This address is not meant to be opened that way. Go back and use the button on the page.",
    429: "There were too many tries in a short time. Wait one minute, then try again.",
}


def wants_json() -> bool:
    """True when the caller asked for JSON rather than a page."""
    best = request.accept_mimetypes.best_match(["text/html", "application/json"], default="text/html")
    return best == "application/json"


def handle(app: Flask) -> None:
    """Add the handlers to `app`."""
    app.register_error_handler(PlainError, _plain)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(OperationalError, _database)
    app.register_error_handler(Exception, _unexpected)


def answer(code: str, message: str, status: int) -> Response:
    """A page, or JSON, that says what is wrong and what to do."""
    if wants_json():
        response = jsonify(error={"code": code, "message": message})
    else:
        title = _TITLES.get(status, "That did not work")
        response = make_response(render_template("error.html", title=title, message=message, back=_back()))
    response.status_code = status
    return response


def _back() -> str:
    """Where the person came from, when that was a page of ours."""
    address = urlsplit(request.referrer or "")
    return address.path if address.netloc == request.host and address.path != request.path else "/"


def _plain(error: PlainError) -> Response:
    if error.status >= 500:
        _log.error("refused: %s", error.code)
    return answer(error.code, error.message, error.status)


def _csrf(_error: CSRFError) -> Response:
    message = "This form is too old, or did not come from this site. Go back, load the page again, then send it again."
    return answer("csrf", message, 400)


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:
        return make_response(error.get_response())
    if status == 413:
        most = size(request.max_content_length or get_settings().max_upload_bytes)
        message = (
            f"Together these files are larger than {most}, the most that can be sent at once. Send fewer at a time, "
            "or cut a long recording into parts. What was kept before is unharmed."
        )
        return answer("too_large", message, status)
    message = _MESSAGES.get(status, "The request could not be understood. Go back and try again.")
    return answer(f"http_{status}", message, status)


def _database(error: OperationalError) -> Response:
    _log.error("the database could not be used: %s", type(error.orig).__name__)  # the statement may hold values
    message = "The database cannot be reached just now. Nothing is lost. Wait a moment, then try again."
    return answer("database_unavailable", message, 503)


def _unexpected(error: Exception) -> Response:
    """The last resort. Only the kind of error and its place are logged: its text may hold what a patient said."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place is not None else "?"
    _log.error("unexpected %s at %s", type(error).__name__, where)
    message = "Something went wrong on our side. Nothing is lost. Try again; if it stays so, tell hospital IT the time."
    return answer("unexpected", message, 500)
