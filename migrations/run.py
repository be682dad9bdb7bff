"""Bringing both databases to the schema that this version of the code expects.

Works from a checkout and from an installed wheel, on SQLite and PostgreSQL. Each history runs in one transaction
under a lock: a step that fails leaves the schema as it was, and of several processes that start at once one migrates
and the others wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from clinic.database import make_engine
from clinic.errors import PlainError
from clinic.settings import get_settings

#: Any number that nothing else locks: "schema" in ASCII.
_ADVISORY_LOCK = 0x736368656D61


@dataclass(frozen=True)
class Store:
    """A database with a history. `name` is its folder here."""

    name: str
    url: str

    @property
    def version_table(self) -> str:
        """Where it says how far it is; two names, so that the stores may share a server."""
        return f"alembic_version_{self.name}"

    def config(self, connection: Connection | None = None) -> Config:
        """Alembic's configuration, made here: there is no .ini that could be missing from a wheel."""
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / self.name).replace("%", "%%"))
        config.attributes.update(connection=connection, version_table=self.version_table)
        return config


@dataclass(frozen=True)
class Status:
    """How far a database is. `current` is None for one without tables."""

    name: str
    current: str | None
    newest: str

    @property
    def up_to_date(self) -> bool:
        """True when nothing is left to do."""
        return self.current == self.newest


def stores() -> tuple[Store, Store]:
    """The keystore and the main database of the settings."""
    settings = get_settings()
    return Store("keystore", settings.keystore), Store("main", settings.database)


def upgrade(target: str = "head") -> None:
    """Bring both databases forwards. Nothing happens to one that is up to date.

    Raises PlainError 'schema_newer' when a newer version of Same Voice has migrated a database already.
    """
    for store in stores():
        with _locked(store) as connection:
            _refuse_newer(store, connection)
            command.upgrade(store.config(connection), target)


def downgrade(store: Store, target: str) -> None:
    """Take one database back to revision `target`, or to nothing with 'base'. What the later steps added is lost."""
    with _locked(store) as connection:
        command.downgrade(store.config(connection), target)


def status() -> list[Status]:
    """How far both databases are."""
    found = []
    for store in stores():
        engine = make_engine(store.url)
        with engine.connect() as connection:
            found.append(Status(store.name, _current(store, connection), _script(store).get_current_head() or ""))
        engine.dispose()
    return found


def draft(store: Store, message: str, revision: str) -> Path:
    """Write the next step's file: what the models have and the database has not. For developers; read it through."""
    with _locked(store) as connection:
        command.revision(store.config(connection), message=message, autogenerate=True, rev_id=revision)
    return Path(_script(store).get_revision(revision).path)


@contextmanager
def _locked(store: Store) -> Iterator[Connection]:
    """A connection in a transaction that no other migration shares; committed at the end."""
    engine = make_engine(store.url)  # of its own: it is left without foreign keys
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                # Copying a table drops the old one, which would delete, by cascade, what points at it.
                connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection
                if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                    raise RuntimeError(f"a step of {store.name} would leave rows that point at nothing")
            else:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
                yield connection
            connection.commit()
    finally:
        engine.dispose()


def _current(store: Store, connection: Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table": store.version_table})
    return context.get_current_revision()


def _script(store: Store) -> ScriptDirectory:
    return ScriptDirectory.from_config(store.config())


def _refuse_newer(store: Store, connection: Connection) -> None:
    current = _current(store, connection)
    known = {revision.revision for revision in _script(store).walk_revisions()}
    if current is not None and current not in known:
        raise PlainError(
            "schema_newer",
            f"The {store.name} database was migrated by a newer version of Same Voice (step {current}). "
            "Install that version again, or restore the backup from before it.",
            500,
        )
