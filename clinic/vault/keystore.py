"""The store of wrapped data keys: a database of its own, apart from the main one and from its backups."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    delete,
    func,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.engine import CursorResult, Result
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from clinic.database import UtcDateTime, make_engine, now
from clinic.vault import errors


class KeystoreBase(DeclarativeBase):
    """The keystore's own metadata: no table of the main database is in it."""

    metadata = MetaData(naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(column_0_label)s"})


class DataKey(KeystoreBase):
    """A patient's data key, wrapped by version `kek_version` of the key-encryption key."""

    __tablename__ = "data_key"

    patient_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kek_version: Mapped[int] = mapped_column(Integer, index=True)
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime())


class Wrapped(NamedTuple):
    """One row."""

    patient_id: str
    version: int
    kek_version: int
    wrapped: bytes


_COLUMNS = (DataKey.patient_id, DataKey.version, DataKey.kek_version, DataKey.wrapped)


class Keystore:
    """Reads and writes wrapped keys. Every method may raise VaultError 'keystore_unavailable'."""

    def __init__(self, url: str) -> None:
        self.engine: Engine = make_engine(url)

    def create_tables(self) -> None:
        """Make the tables at once. For tests; an installation runs the migrations."""
        KeystoreBase.metadata.create_all(self.engine)

    def any(self) -> bool:
        """True when some patient has a key. A store without tables has none."""
        with self._connect() as connection:
            if not inspect(connection).has_table(DataKey.__tablename__):
                return False
            return connection.execute(select(DataKey.patient_id).limit(1)).first() is not None

    def newest(self, patient_id: str) -> Wrapped | None:
        """The newest key of a patient."""
        query = select(*_COLUMNS).where(DataKey.patient_id == patient_id).order_by(DataKey.version.desc()).limit(1)
        with self._connect() as connection:
            row = connection.execute(query).first()
        return Wrapped(*row) if row else None

    def get(self, patient_id: str, version: int) -> Wrapped | None:
        """One version of a patient's key."""
        query = select(*_COLUMNS).where(DataKey.patient_id == patient_id, DataKey.version == version)
        with self._connect() as connection:
            row = connection.execute(query).first()
        return Wrapped(*row) if row else None

    def add(self, key: Wrapped) -> bool:
        """Keep a new key. False when that version is there already."""
        try:
            with self._connect() as connection:
                connection.execute(insert(DataKey).values(**key._asdict(), created_at=now()))
        except IntegrityError:
            return False
        return True

    def replace(self, old: Wrapped, new: Wrapped) -> bool:
        """Put a re-wrapped key in place of `old`. False when it was erased or re-wrapped meanwhile."""
        where = (
            (DataKey.patient_id == old.patient_id)
            & (DataKey.version == old.version)
            & (DataKey.kek_version == old.kek_version)
        )
        change = update(DataKey).where(where).values(kek_version=new.kek_version, wrapped=new.wrapped)
        with self._connect() as connection:
            return _changed(connection.execute(change)) == 1

    def delete(self, patient_id: str) -> int:
        """Destroy every key of a patient, in the files too as far as the database can; how many there were."""
        with self._connect() as connection:
            count = _changed(connection.execute(delete(DataKey).where(DataKey.patient_id == patient_id)))
        self.scrub()
        return count

    def not_under(self, kek_version: int, limit: int = 200) -> list[Wrapped]:
        """Some keys that another key-encryption key wraps."""
        query = select(*_COLUMNS).where(DataKey.kek_version != kek_version).limit(limit)
        with self._connect() as connection:
            return [Wrapped(*row) for row in connection.execute(query)]

    def count_by_kek(self) -> dict[int, int]:
        """How many data keys each version of the key-encryption key wraps."""
        query = select(DataKey.kek_version, func.count()).group_by(DataKey.kek_version)
        with self._connect() as connection:
            return {int(version): int(count) for version, count in connection.execute(query)}

    def scrub(self) -> None:
        """Old row versions must not outlive a deletion: empty SQLite's log (secure_delete zeroed the pages), and let
        PostgreSQL reuse the space. docs/operations.md says what is left for a key rotation to make worthless."""
        statement = "PRAGMA wal_checkpoint(TRUNCATE)" if self.engine.dialect.name == "sqlite" else "VACUUM data_key"
        with _plainly(), self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(statement))

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        with _plainly(), self.engine.begin() as connection:
            yield connection


def _changed(result: Result[Any]) -> int:
    """How many rows a statement changed."""
    return cast("CursorResult[Any]", result).rowcount


@contextmanager
def _plainly() -> Iterator[None]:
    """A store that is down or has no tables is said in plain words; its address stays out of them."""
    try:
        yield
    except (OperationalError, ProgrammingError):
        raise errors.keystore_unavailable() from None
