"""What the night learns again: only for whom enough is new, who agreed, and who is not being learned already."""

from __future__ import annotations

from typing import Any

import pytest

from clinic.database import new_id, transaction
from clinic.errors import PlainError
from clinic.learning import versions
from clinic.learning.serving import put_into_use
from clinic.learning.tables import BUILDING, CHECKED, READY, Adapter, ReadAloud
from clinic.patients import consents
from clinic.patients.service import erase
from clinic.queue import NIGHTLY, QUEUES
from clinic.vault import get_vault
from workers.tasks import learning


def read(patient_id: str, count: int) -> list[str]:
    with transaction() as session:
        rows = []
        for _ in range(count):
            row = ReadAloud(id=new_id(), patient_id=patient_id, blob_id=new_id(), state=CHECKED)
            get_vault().put(row, "text_sealed", "Good morning.")
            session.add(row)
            rows.append(row.id)
        return rows


def version(patient_id: str, learned: list[str]) -> None:
    """One that is in use."""
    with transaction() as session:
        row = Adapter(id=new_id(), patient_id=patient_id, version=1, state=READY, read_aloud_ids=learned)
        session.add(row)
        put_into_use(session, patient_id, row)


def due() -> list[str]:
    with transaction() as session:
        return versions.due(session)


@pytest.mark.parametrize(("fresh", "worth"), [(versions.NEW - 1, False), (versions.NEW, True)])
def test_few_new_sentences_wait_and_many_are_learned(patient_id: str, sent: Any, fresh: int, worth: bool) -> None:
    version(patient_id, read(patient_id, 6))
    read(patient_id, fresh)
    sent.clear()
    learning.due()
    assert [name for name, _ in sent] == (["learning.adapt"] if worth else [])
    # It is asked for once, however often the clock strikes.
    learning.due()
    assert len(sent) == int(worth)


def test_nobody_is_learned_whom_a_clinician_has_not_begun_with(patient_id: str) -> None:
    read(patient_id, versions.NEW)
    assert due() == []


def test_one_patients_trouble_is_not_anothers(patient_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def learn(_session: Any, _actor: str, one: str) -> None:
        asked.append(one)
        raise PlainError("too_few", "Read some more.")

    monkeypatch.setattr(versions, "due", lambda _: ["one", "other"])
    monkeypatch.setattr(versions, "learn", learn)
    learning.due()
    assert asked == ["one", "other"]


@pytest.mark.parametrize("hinder", ["consent", "building", "erased", "rolled back"])
def test_what_hinders(patient_id: str, hinder: str) -> None:
    version(patient_id, [])
    read(patient_id, versions.NEW)
    with transaction() as session:
        if hinder == "rolled back":
            put_into_use(session, patient_id, None)
        if hinder == "building":
            session.add(Adapter(id=new_id(), patient_id=patient_id, version=2, state=BUILDING))
        if hinder == "consent":
            consents.withdraw(session, "system", patient_id, "learn_corrections")
        if hinder == "erased":
            erase(session, "system", patient_id)
    assert due() == []


def test_the_clock_knows_the_task() -> None:
    from workers.app import app

    app.loader.import_default_modules()
    for name in NIGHTLY:
        assert name in app.tasks and name in QUEUES and name in app.conf.beat_schedule
