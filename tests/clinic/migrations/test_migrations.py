"""Migrations bring both databases to exactly what the models say, forwards and back, on either kind of database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from click.testing import CliRunner
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

import clinic.tables  # noqa: F401
from clinic.database import Base, make_engine
from clinic.errors import PlainError
from clinic.settings import get_settings
from clinic.vault import create_keyring
from clinic.vault.keystore import KeystoreBase
from clinic.voices.speaking import speaking
from migrations import run
from migrations.cli import database

POSTGRES_URL = os.environ.get("SAMEVOICE_TEST_DATABASE_URL", "postgresql+psycopg://root@127.0.0.1:5432/test")
METADATA = {"main": Base.metadata, "keystore": KeystoreBase.metadata}


@pytest.fixture(scope="module")
def postgres() -> str:
    """A PostgreSQL that answers. CI always has one."""
    try:
        create_engine(POSTGRES_URL).connect().close()
    except OperationalError:
        if os.environ.get("CI") or "SAMEVOICE_TEST_DATABASE_URL" in os.environ:
            raise
        pytest.skip("no PostgreSQL at SAMEVOICE_TEST_DATABASE_URL")
    return POSTGRES_URL


def administrate(*statements: str) -> None:
    """As whoever made the server."""
    engine = create_engine(POSTGRES_URL, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An installation without tables; which kind of database it has."""
    for name in ("DATABASE_URL", "KEYSTORE_URL", "KEK", "KEK_FILE"):
        monkeypatch.delenv(f"SAMEVOICE_{name}", raising=False)
    monkeypatch.setenv("SAMEVOICE_HOME", str(tmp_path))
    names = [f"samevoice_migrations_{kind}_{os.getpid()}" for kind in ("main", "keys")]
    if request.param == "postgresql":
        url = make_url(request.getfixturevalue("postgres"))
        administrate(*(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)' for name in names))
        administrate(*(f'CREATE DATABASE "{name}"' for name in names))
        for name, setting in zip(names, ("DATABASE_URL", "KEYSTORE_URL"), strict=True):
            address = url.set(database=name).render_as_string(hide_password=False)
            monkeypatch.setenv(f"SAMEVOICE_{setting}", address)
    get_settings.cache_clear()
    yield request.param
    get_settings.cache_clear()
    if request.param == "postgresql":
        administrate(*(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)' for name in names))


def differences(store: run.Store) -> list[object]:
    """What Alembic would still change to make the database what the models say."""
    engine = make_engine(store.url)
    with engine.connect() as connection:
        options = {"version_table": store.version_table, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        found = compare_metadata(context, METADATA[store.name])
    engine.dispose()
    return list(found)


def tables(store: run.Store) -> set[str]:
    """The tables that are there."""
    engine = make_engine(store.url)
    found = set(inspect(engine).get_table_names())
    engine.dispose()
    return found - {store.version_table}


def test_the_migrated_schema_is_what_the_models_say(empty: str) -> None:
    assert [one.current for one in run.status()] == [None, None]
    run.upgrade()
    for store in run.stores():
        assert tables(store) == set(METADATA[store.name].tables)
        assert differences(store) == []
    assert all(one.up_to_date for one in run.status())


def test_forwards_back_and_forwards_again(empty: str) -> None:
    run.upgrade()
    for store in run.stores():
        run.downgrade(store, "base")
        assert tables(store) == set()
    run.upgrade()
    run.upgrade()
    for store in run.stores():
        assert differences(store) == []


def test_a_voice_from_before_stays_and_speaks_through_the_step_and_back(empty: str) -> None:
    run.upgrade("0001")
    main = next(store for store in run.stores() if store.name == "main")
    engine = make_engine(main.url)
    patient = (
        "INSERT INTO patient (id, created_at, name_sealed, language, pause_s, sure_at, manner_strength, pace) "
        "VALUES ('p', '2026-01-02 03:04:05', 'x', 'en', 1, 1, 1, 1)"
    )
    voice = (
        "INSERT INTO voice (id, created_at, patient_id, version, state, progress, progress_text, recording_ids, "
        "cancel_requested) VALUES (:id, '2026-01-02 03:04:05', 'p', :version, 'ready', 1, '', '[]', false)"
    )
    with engine.begin() as connection:
        connection.execute(text(patient))
        connection.execute(text(voice), [{"id": "v1", "version": 1}, {"id": "v2", "version": 2}])
    run.upgrade()
    with Session(engine) as session:
        found = speaking(session, "p")
        assert found is not None and found.id == "v2" and found.chosen_at is None
    run.downgrade(main, "0001")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT id FROM voice ORDER BY version")).scalars().all() == ["v1", "v2"]
    engine.dispose()


def test_processes_that_start_at_once_do_not_disturb_each_other(empty: str) -> None:
    """Real processes: Alembic's own context is one a process."""
    command = [sys.executable, "-c", "from migrations.run import upgrade; upgrade()"]
    with ThreadPoolExecutor(2) as pool:
        for done in pool.map(lambda _: subprocess.run(command, capture_output=True, check=False), range(2)):
            assert done.returncode == 0, done.stderr.decode()
    assert all(one.up_to_date for one in run.status())


def test_a_database_of_a_newer_version_is_left_alone(empty: str) -> None:
    run.upgrade()
    main = next(store for store in run.stores() if store.name == "main")
    engine = make_engine(main.url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {main.version_table} SET version_num = '9999'"))  # noqa: S608
    engine.dispose()
    with pytest.raises(PlainError) as caught:
        run.upgrade()
    assert caught.value.code == "schema_newer"
    assert "newer version" in caught.value.message


def test_both_stores_may_share_one_database(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMEVOICE_KEYSTORE_URL", get_settings().database)
    get_settings.cache_clear()
    run.upgrade()
    assert all(one.up_to_date for one in run.status())


def test_the_command_sets_up_and_tells(empty: str, tmp_path: Path) -> None:
    before = CliRunner().invoke(database, ["status"])
    assert (before.exit_code, before.output.count("behind")) == (1, 2)
    done = CliRunner().invoke(database, ["upgrade", "--json"])
    assert done.exit_code == 0, done.output
    assert {name: one["up_to_date"] for name, one in json.loads(done.stdout).items()} == {
        "main": True,
        "keystore": True,
    }
    assert (tmp_path / "keys" / "kek.json").exists()
    assert create_keyring() is False
    assert CliRunner().invoke(database, ["status"]).exit_code == 0


def test_the_steps_travel_in_the_wheel() -> None:
    """setuptools packs packages only: a folder without __init__.py would be missing after `pip install .`."""
    folder = Path(run.__file__).parent
    for store in ("main", "keystore"):
        for part in (folder, folder / store, folder / store / "versions"):
            assert (part / "__init__.py").exists()
        assert (folder / store / "env.py").exists()
