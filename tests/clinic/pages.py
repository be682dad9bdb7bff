"""A browser without a screen: the Flask test client, with CSRF on, that signs in and submits the forms it finds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.browser import seeding

_TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"')


class Visitor:
    """Somebody at a browser."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str, **options: Any) -> TestResponse:
        """Open a page."""
        return self.client.get(path, **options)

    def token(self, path: str = "/sign-in") -> str:
        """The CSRF token that a page holds."""
        answer = self.client.get(path, follow_redirects=True)
        found = _TOKEN.search(answer.get_data(as_text=True))
        assert found, "there is no token on the page"
        return found.group(1)

    def post(self, path: str, data: dict[str, Any] | None = None, **options: Any) -> TestResponse:
        """Send a form, with the token of this session."""
        fields = {"csrf_token": self.token(), **(data or {})}
        return self.client.post(path, data=fields, **options)

    def sign_in(self, username: str = seeding.CLINICIAN, password: str = seeding.PASSWORD) -> TestResponse:
        """Through the form, like anybody."""
        return self.post("/sign-in", {"username": username, "password": password})


@contextmanager
def sent_work(monkeypatch: Any) -> Iterator[list[tuple[str, tuple[Any, ...]]]]:
    """Collects what is queued, in place of a broker."""
    sent: list[tuple[str, tuple[Any, ...]]] = []
    monkeypatch.setattr("clinic.queue._publish", lambda name, args, queue: sent.append((name, args)))
    yield sent
