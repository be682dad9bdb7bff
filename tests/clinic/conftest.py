"""Visitors of the clinic's pages, over a fresh home."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask

from clinic.accounts import passwords
from tests.browser import seeding
from tests.clinic.pages import Visitor, sent_work

Sent = list[tuple[str, tuple[Any, ...]]]


@pytest.fixture(autouse=True)
def quick_passwords(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 at its least: of 460 tests half the time went into hashing. Those of signing in keep what is shipped."""
    if "accounts" not in request.path.parts:
        monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def clinician_id(home: Path) -> str:
    """The id of the clinician who signs in; there is an administrator too."""
    return seeding.people()


@pytest.fixture
def web(clinician_id: str) -> Flask:
    """The app, with nothing counted against anybody yet."""
    from clinic.app import create_app
    from clinic.web.limits import limiter

    app = create_app()
    limiter.reset()
    return app


@pytest.fixture
def visitor(web: Flask) -> Visitor:
    """Somebody who is not signed in."""
    return Visitor(web.test_client())


@pytest.fixture
def clinician(visitor: Visitor) -> Visitor:
    """A clinician who is."""
    assert visitor.sign_in().status_code == 302
    return visitor


@pytest.fixture
def another(web: Flask) -> Callable[[str], Visitor]:
    """Signs somebody else in, in a browser of their own."""

    def sign_in(username: str) -> Visitor:
        somebody = Visitor(web.test_client())
        assert somebody.sign_in(username).status_code == 302
        return somebody

    return sign_in


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sent]:
    """What was queued."""
    with sent_work(monkeypatch) as work:
        yield work


@pytest.fixture
def patient_id(clinician_id: str) -> str:
    """A patient who agreed to everything."""
    from clinic.database import transaction

    with transaction() as session:
        return seeding.patient(session, clinician_id, "Margit Lindqvist", "N-77")


@pytest.fixture
def tablet(web: Flask, clinician: Visitor, patient_id: str) -> Visitor:
    """The patient's own tablet, beside the clinician's browser."""
    from clinic.accounts.service import create_account
    from clinic.database import transaction

    with transaction() as session:
        create_account(session, "tablet-1", seeding.PASSWORD, "tablet", patient_id)
    visitor = Visitor(web.test_client())
    visitor.sign_in("tablet-1")
    return visitor
