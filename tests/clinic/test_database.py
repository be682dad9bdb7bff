"""The database's file when several processes meet it at once."""

from __future__ import annotations

import sqlite3

import pytest

from clinic import database


class Cursor:
    """Refuses so many times, with this code."""

    def __init__(self, times: int, code: int) -> None:
        self.times, self.code, self.asked = times, code, 0

    def execute(self, _: str) -> None:
        self.asked += 1
        if self.asked <= self.times:
            error = sqlite3.OperationalError("refused")
            error.sqlite_errorcode = self.code
            raise error


def test_a_file_that_another_process_is_preparing_is_waited_for() -> None:
    """Of four processes that met a new file at once, one in twenty failed: for this, SQLite's own timeout is none."""
    busy = Cursor(2, sqlite3.SQLITE_BUSY)
    database._write_ahead(busy)
    assert busy.asked == 3


def test_it_is_not_waited_for_for_ever_nor_at_all_where_waiting_does_not_help(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Cursor(9, sqlite3.SQLITE_CANTOPEN)
    with pytest.raises(sqlite3.OperationalError):
        database._write_ahead(broken)
    assert broken.asked == 1
    monkeypatch.setattr(database, "_WAIT_S", 0.1)
    with pytest.raises(sqlite3.OperationalError):
        database._write_ahead(Cursor(1000, sqlite3.SQLITE_BUSY))
