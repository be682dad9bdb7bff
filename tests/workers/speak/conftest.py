"""One engine for all of this room's tests: opening it and building a voice are what costs."""

from __future__ import annotations

import pytest

from bench import two_cities
from workers.contracts import Voice
from workers.speak.kokoro import KokoroEngine


@pytest.fixture(scope="session")
def engine() -> KokoroEngine:
    """The default engine on its real weights."""
    return KokoroEngine()


@pytest.fixture(scope="session")
def voice(engine: KokoroEngine) -> Voice:
    """A voice after a very short search: its mechanics are a real voice's, its likeness is not judged here."""
    return engine.fit(two_cities.enrolment(), budget_s=4.0)
