"""A home of its own for a test: keys, blobs and empty databases, on SQLite or on the PostgreSQL and Redis of CI."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text
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
    databases: list[str] = []
    if DATABASE_URL:
        for setting, kind in (("SAMEVOICE_DATABASE_URL", "main"), ("SAMEVOICE_KEYSTORE_URL", "keys")):
            environment[setting] = _new_database(
                f"samevoice_{kind}_{os.getpid()}_{abs(hash(folder)) % 10**8}", _TEMPLATES.get(kind)
            )
            databases.append(environment[setting])
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
        if not (_TEMPLATES if databases else _TEMPLATE_FILES):
            forget()  # nobody may be connected to what is copied
            _keep_as_templates(folder / "home", databases)
        yield folder / "home"
    finally:
        forget()
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)
        forget()
        for url in databases:
            _drop_database(url)


#: What the first home of this process came to, migrated: every other starts as a copy, which takes a third of the time.
#: SQLite: where each file lies in a home → its bytes. PostgreSQL: kind → a database to copy.
_TEMPLATE_FILES: dict[str, bytes] = {}
_TEMPLATES: dict[str, str] = {}
_FILES = ("samevoice.sqlite", "keys/datakeys.sqlite")


def _lay_out(home: Path) -> None:
    for name, data in _TEMPLATE_FILES.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        (home / name).write_bytes(data)


def _keep_as_templates(home: Path, databases: list[str]) -> None:
    if not databases:
        _TEMPLATE_FILES.update({name: (home / name).read_bytes() for name in _FILES})
        return
    for url, kind in zip(databases, ("main", "keys"), strict=True):
        template = f"samevoice_template_{kind}_{os.getpid()}"
        _administrate(f'DROP DATABASE IF EXISTS "{template}" WITH (FORCE)')
        _administrate(f'CREATE DATABASE "{template}" TEMPLATE "{make_url(url).database}"')
        _TEMPLATES[kind] = template
        atexit.register(_administrate, f'DROP DATABASE IF EXISTS "{template}" WITH (FORCE)')


def _administrate(statement: str) -> None:
    engine = create_engine(DATABASE_URL, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _new_database(name: str, template: str | None) -> str:
    _administrate(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    _administrate(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
    return make_url(DATABASE_URL).set(database=name).render_as_string(hide_password=False)


def _drop_database(url: str) -> None:
    _administrate(f'DROP DATABASE IF EXISTS "{make_url(url).database}" WITH (FORCE)')
