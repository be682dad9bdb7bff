"""A home of its own for a test: keys, blobs and empty databases, on SQLite or on the PostgreSQL and Redis of CI."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from sqlalchemy import create_engine, table, text
from sqlalchemy.engine import make_url

DATABASE_URL = os.environ.get("SAMEVOICE_TEST_DATABASE_URL", "")
REDIS_URL = os.environ.get("SAMEVOICE_TEST_REDIS_URL", "")


def forget() -> None:
    """Drop what this process cached of another home."""
    from clinic import database, queue, settings
    from clinic.events import get_stream
    from clinic.vault import get_vault

    if database.get_engine.cache_info().currsize:
        database.get_engine().dispose()
    for cached in (settings.get_settings, database.get_engine, queue.sender, get_vault, get_stream):
        cached.cache_clear()


@contextmanager
def fresh_home(folder: Path, **settings: str) -> Iterator[Path]:
    """Settings point at an empty, migrated home below `folder`; everything is put back afterwards."""
    environment = {"SAMEVOICE_HOME": str(folder / "home"), "SAMEVOICE_SECURE_COOKIES": "false", **settings}
    databases = _borrowed() if DATABASE_URL else {}
    environment.update(databases)
    if REDIS_URL:
        environment.setdefault("SAMEVOICE_EVENTS_URL", REDIS_URL)
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    forget()
    if not DATABASE_URL:
        _lay_out(folder / "home")
    try:
        from samevoice import onebox

        onebox.prepare()
        if not databases and not _FILES_MIGRATED:
            forget()  # nobody may be connected to what is copied
            _FILES_MIGRATED.update({name: (folder / "home" / name).read_bytes() for name in _FILES})
        yield folder / "home"
    finally:
        forget()
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)
        forget()
        if databases:
            _give_back(databases)


#: SQLite: what the first home of this process came to, migrated; every other starts as a copy, in a third of the time.
_FILES_MIGRATED: dict[str, bytes] = {}
_FILES = ("samevoice.sqlite", "keys/datakeys.sqlite")


def _lay_out(home: Path) -> None:
    for name, data in _FILES_MIGRATED.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        (home / name).write_bytes(data)


#: PostgreSQL: databases that no home uses, migrated and empty. Making and dropping two for every test took half of the
#: time of the tests over them.
_FREE: list[dict[str, str]] = []
_SETTINGS = {"SAMEVOICE_DATABASE_URL": "main", "SAMEVOICE_KEYSTORE_URL": "keys"}
_number = count(1)


def _borrowed() -> dict[str, str]:
    """Setting → address of a database that holds no row; the schema is there from the second time on."""
    if _FREE:
        return _FREE.pop()
    number = next(_number)
    return {setting: _new_database(f"samevoice_{kind}_{os.getpid()}_{number}") for setting, kind in _SETTINGS.items()}


def _give_back(databases: dict[str, str]) -> None:
    for url in databases.values():
        _empty(url)
    _FREE.append(databases)


def _empty(url: str) -> None:
    """Take every row but the schema's own version, whoever is still connected."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(_OTHERS_OUT))
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # in any order, whatever refers to it
        tables = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars()
        for name in tables:
            if not name.startswith("alembic_"):
                connection.execute(table(name).delete())
    engine.dispose()


_OTHERS_OUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def _administrate(statement: str) -> None:
    engine = create_engine(DATABASE_URL, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _new_database(name: str) -> str:
    _administrate(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    _administrate(f'CREATE DATABASE "{name}"')
    atexit.register(_administrate, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    return make_url(DATABASE_URL).set(database=name).render_as_string(hide_password=False)
