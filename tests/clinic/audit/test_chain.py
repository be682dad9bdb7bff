"""The audit chain: with the transaction or not at all, whole under concurrency, and every tampering found."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select, text

from clinic.audit import record, verify_chain
from clinic.audit.anchor import anchor_path
from clinic.audit.chain import FIRST, line_hash
from clinic.audit.cli import audit
from clinic.audit.tables import AuditLine
from clinic.database import get_engine, new_id, transaction
from clinic.patients.tables import Patient


def lines() -> list[AuditLine]:
    """All lines, in order."""
    with transaction() as session:
        return list(session.scalars(select(AuditLine).order_by(AuditLine.number)))


def broken() -> int | None:
    """What `verify_chain` says."""
    with transaction() as session:
        return verify_chain(session)


def change(statement: str, **values: Any) -> None:
    """What somebody with the database's password could do."""
    with get_engine().begin() as connection:
        connection.execute(text(statement), values)


@pytest.fixture
def five(home: Path) -> None:
    """Five lines."""
    for number in range(1, 6):
        with transaction() as session:
            record(session, "clinician-1", "patient.view", f"patient-{number}", screen="sessions", count=number)


def test_lines_are_chained_from_the_first(five: None) -> None:
    chain = lines()
    assert [line.number for line in chain] == [1, 2, 3, 4, 5]
    assert [line.previous_hash for line in chain] == [FIRST, *(line.hash for line in chain[:-1])]
    assert chain[2].detail == {"screen": "sessions", "count": 3}
    assert broken() is None


def test_an_empty_chain_is_whole(home: Path) -> None:
    assert broken() is None


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("actor", "somebody-else"),
        ("action", "note.read"),
        ("subject", "patient-9"),
        ("detail", '{"screen": "sessions", "count": 4}'),
        ("at", "2026-01-01 00:00:00.000000"),
        ("hash", "0" * 64),
        ("previous_hash", "0" * 64),
    ],
)
def test_a_changed_line_is_found(five: None, column: str, value: str) -> None:
    kind = {"detail": "JSON", "at": "TIMESTAMP"}.get(column) if get_engine().dialect.name == "postgresql" else None
    cast = f"CAST(:value AS {kind})" if kind else ":value"
    change(f'UPDATE audit_line SET "{column}" = {cast} WHERE number = 3', value=value)  # noqa: S608
    assert broken() == 3


def test_a_changed_line_with_a_fresh_hash_is_found_at_the_next_one(five: None) -> None:
    with transaction() as session:
        line = session.get_one(AuditLine, 3)
        line.actor = "somebody-else"
        line.hash = line_hash(line)
    assert broken() == 4


def test_a_removed_line_is_found(five: None) -> None:
    change("DELETE FROM audit_line WHERE number = 3")
    assert broken() == 3


def test_a_removed_first_line_is_found(five: None) -> None:
    change("DELETE FROM audit_line WHERE number = 1")
    assert broken() == 1


def test_lines_that_swap_places_are_found(five: None) -> None:
    for old, new in ((2, -2), (3, 2), (-2, 3)):
        change("UPDATE audit_line SET number = :new WHERE number = :old", old=old, new=new)
    assert broken() == 2


def test_a_line_put_in_between_is_found(five: None) -> None:
    for number in (5, 4, 3):
        change("UPDATE audit_line SET number = number + 1 WHERE number = :number", number=number)
    change(
        'INSERT INTO audit_line (number, "at", actor, action, subject, detail, previous_hash, hash) SELECT 3, "at", '
        "actor, action, subject, detail, previous_hash, hash FROM audit_line WHERE number = 2"
    )
    assert broken() == 3


def test_what_was_rolled_back_is_not_recorded(home: Path) -> None:
    with pytest.raises(RuntimeError), transaction() as session:
        record(session, "system", "patient.create", "p")
        raise RuntimeError
    with transaction() as session:
        record(session, "system", "patient.view", "p")
    assert [line.action for line in lines()] == ["patient.view"]


def test_a_line_commits_together_with_what_it_tells_of(home: Path) -> None:
    patient_id = new_id()
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"), transaction() as session:
        session.add(Patient(id=patient_id, name_sealed=b"x"))
        record(session, "system", "patient.create", patient_id)
        session.flush()
        session.connection().execute(text("INSERT INTO patient SELECT * FROM patient"))
    assert lines() == []


def test_a_savepoint_that_was_given_up_does_not_hide_who_looked(home: Path) -> None:
    with transaction() as session:
        with pytest.raises(RuntimeError), session.begin_nested():
            record(session, "clinician-1", "note.read", "n")
            raise RuntimeError
        record(session, "clinician-1", "patient.view", "p")
    assert [line.action for line in lines()] == ["note.read", "patient.view"]
    assert broken() is None


def test_many_at_once_make_one_whole_chain(home: Path) -> None:
    def work(number: int) -> None:
        for step in range(5):
            with transaction() as session:
                if step % 2:
                    session.add(Patient(id=new_id(), name_sealed=b"x"))
                record(session, f"clinician-{number}", "patient.view", f"p{step}")
                record(session, f"clinician-{number}", "recording.play", f"p{step}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(lines()) == 80
    assert broken() is None


def test_a_text_that_could_be_somebodys_words_is_refused(home: Path) -> None:
    with pytest.raises(ValueError, match="reason"), transaction() as session:
        record(session, "system", "patient.view", "p", reason="I would like some water, please. " * 4)
    assert lines() == []


# The command


def run(*arguments: str) -> tuple[int, Any]:
    """`samevoice audit … --json`: exit status and what it prints, read back."""
    result = CliRunner().invoke(audit, [*arguments, "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_the_command_verifies_and_remembers_how_far(five: None) -> None:
    assert run("verify") == (0, {"first_broken": None, "cut_off": False, "lines": 5})
    assert json.loads(anchor_path().read_text())["number"] == 5
    change("UPDATE audit_line SET actor = 'somebody-else' WHERE number = 2")
    assert run("verify") == (1, {"first_broken": 2, "cut_off": False, "lines": None})


def test_the_command_finds_that_the_end_was_cut_off(five: None) -> None:
    run("verify")
    change("DELETE FROM audit_line WHERE number > 3")
    assert broken() is None  # the chain alone cannot know
    assert run("verify") == (1, {"first_broken": None, "cut_off": True, "lines": None})
    assert json.loads(anchor_path().read_text())["number"] == 5


def test_the_command_finds_that_the_whole_chain_was_rewritten(five: None) -> None:
    run("verify")
    with transaction() as session:
        previous = FIRST
        for line in session.scalars(select(AuditLine).order_by(AuditLine.number)):
            line.actor, line.previous_hash = "somebody-else", previous
            line.hash = previous = line_hash(line)
    assert broken() is None
    assert run("verify")[1]["cut_off"] is True


def test_an_anchor_that_cannot_be_read_is_no_pass(five: None) -> None:
    anchor_path().write_text("{")
    result = CliRunner().invoke(audit, ["verify"])
    assert result.exit_code == 1
    assert "audit-head.json" in result.output


def test_the_command_shows_lines(five: None) -> None:
    status, shown = run("show", "--last", "2")
    assert status == 0
    assert [line["number"] for line in shown] == [4, 5]
    assert [line["number"] for line in run("show", "--subject", "patient-2")[1]] == [2]
    plain = CliRunner().invoke(audit, ["show", "--last", "1"]).output
    assert "clinician-1 patient.view patient-5 screen=sessions count=5" in plain
