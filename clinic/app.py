"""The web app, put together."""

from __future__ import annotations

from flask import Flask, Response, jsonify
from flask_login import current_user
from flask_wtf import CSRFProtect
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.middleware.proxy_fix import ProxyFix

from clinic import tables as tables  # every table is known before the first query
from clinic.accounts.session import keep_sessions
from clinic.accounts.views import blueprint as accounts
from clinic.database import get_engine
from clinic.learning.phrase_views import blueprint as phrases
from clinic.learning.saying_views import blueprint as saying
from clinic.learning.saying_views import keep_example, keep_reading
from clinic.learning.views import blueprint as learning
from clinic.live import socket
from clinic.live.views import blueprint as live
from clinic.messages.views import blueprint as messages
from clinic.messages.views import upload as message_upload
from clinic.notes.views import blueprint as notes
from clinic.patients.pronunciation_views import blueprint as pronunciations
from clinic.patients.views import blueprint as patients
from clinic.settings import get_settings
from clinic.speaker.views import blueprint as speaker
from clinic.voices.carrying_views import blueprint as carrying
from clinic.voices.carrying_views import take_in
from clinic.voices.comparing_views import blueprint as comparing
from clinic.voices.views import blueprint as voices
from clinic.voices.views import upload
from clinic.web import errors, headers, limits, request_log, words
from clinic.web.secret import secret_key

#: The most that a form without files may send. The upload page raises it for itself.
FORM_BYTES = 1024 * 1024


def create_app() -> Flask:
    """The web app of this process, after the settings. It opens nothing and loads no model until it is asked."""
    settings = get_settings()
    app = Flask("clinic")
    app.config.update(
        SECRET_KEY=secret_key(settings),
        MAX_CONTENT_LENGTH=FORM_BYTES,
        MAX_FORM_MEMORY_SIZE=FORM_BYTES,
        SESSION_COOKIE_NAME="__Host-samevoice" if settings.secure_cookies else "samevoice",
        SESSION_COOKIE_HTTPONLY=True,
        WTF_CSRF_TIME_LIMIT=None,  # the token lives as long as the session that it belongs to
    )
    if settings.public_origin:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
    request_log.log_requests(app)
    headers.protect(app, settings)
    limits.limit(app, settings)
    csrf = CSRFProtect(app)
    keep_sessions(app)
    errors.handle(app)
    rooms = (accounts, patients, pronunciations, voices, comparing, carrying, messages, live, learning, saying, phrases)
    for blueprint in (*rooms, notes, speaker):
        app.register_blueprint(blueprint)
    for uploading in (upload, message_upload, take_in, keep_reading, keep_example):
        csrf.exempt(uploading)  # each checks its token itself
    socket.register(app)
    app.add_url_rule("/health", "health", _health)
    for name in ("ago", "day_and_time", "duration", "percent", "size"):
        app.add_template_filter(getattr(words, name))
    app.context_processor(lambda: {"me": current_user})
    return app


def _health() -> tuple[Response, int]:
    """Whether the database answers, and which kinds of parts are joined. No address, no secret."""
    settings = get_settings()
    try:
        with get_engine().connect() as connection:
            connection.execute(text("SELECT 1"))
        database = "ok"
    except SQLAlchemyError:
        database = "unreachable"
    body = {
        "status": "ok" if database == "ok" else "failing",
        "database": database,
        "queue": settings.broker_url.split(":", 1)[0],
        "events": settings.events_url.split(":", 1)[0],
    }
    return jsonify(body), 200 if database == "ok" else 503
