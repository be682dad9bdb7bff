"""How often something may be tried."""

from __future__ import annotations

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from clinic.settings import Settings

limiter = Limiter(key_func=get_remote_address, headers_enabled=False)


def limit(app: Flask, settings: Settings) -> None:
    """Count in Redis where there is one, so that several processes count together; else in this process."""
    shared = settings.events_url.startswith("redis")
    app.config["RATELIMIT_STORAGE_URI"] = settings.events_url if shared else "memory://"
    app.config["RATELIMIT_STRATEGY"] = "moving-window"
    # Without its counter the door stays open to people, and says so in the log; sign-in is slow by argon2 anyway.
    app.config["RATELIMIT_IN_MEMORY_FALLBACK_ENABLED"] = True
    limiter.init_app(app)
