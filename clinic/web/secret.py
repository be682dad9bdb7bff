"""Flask's secret key: from the settings, or made once and kept with the other keys."""

from __future__ import annotations

import secrets

from clinic.settings import Settings
from clinic.vault.files import write_once


def secret_key(settings: Settings) -> str:
    """The key that signs the session cookies. Every process of one installation reads the same one."""
    if settings.secret_key:
        return settings.secret_key
    path = settings.path("keys", "flask.secret")
    if not path.exists():
        write_once(path, secrets.token_hex(32).encode())  # another process may be first; then its key is read
    return path.read_text(encoding="ascii").strip()
