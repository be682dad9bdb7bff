"""What every test may use: a home of its own with a fresh database, on SQLite or on the PostgreSQL and Redis of CI."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before any model library is imported: no telemetry, no hub. Sockets beyond this machine are blocked (pyproject.toml).
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
os.environ.setdefault("PYANNOTE_METRICS_ENABLED", "0")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """An empty, migrated home; settings, database, vault and stream of this process point at it."""
    from tests.homes import fresh_home

    with fresh_home(tmp_path) as folder:
        yield folder
