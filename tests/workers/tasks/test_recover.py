"""After a start, everything that somebody waits for is sent again, each under its own task."""

from __future__ import annotations

from typing import Any

from clinic.database import transaction
from clinic.messages import service
from clinic.patients import pronunciations
from clinic.voices import carrying, comparing
from clinic.voices.tables import BUILDING
from tests.browser import seeding
from tests.workers.tasks.conftest import Hum, ready
from workers.tasks.recover import requeue

PHRASE = "seven grey herons by the weir"


def test_unfinished_work_is_sent_again(patient_id: str, hum: Hum, sent: list[tuple[str, tuple[Any, ...]]]) -> None:
    one, two = ready(patient_id, 1, 110.0), ready(patient_id, 2, 220.0)
    with transaction() as session:
        recording = seeding.recording(session, patient_id, "a.wav").id
        building = seeding.voice(session, patient_id, 3, BUILDING, [recording]).id
        pair = comparing.prepare(session, "system", patient_id, one, two).id
        word = pronunciations.keep(session, "system", patient_id, "Siobhan", "shiv-awn").id
        message = service.cut(session, "system", patient_id, recording, "Laugh", "1", "2").id
        file = carrying.export(session, "system", one, PHRASE, sample=False)
        imported = carrying.take_in(session, "system", patient_id, file.data, PHRASE).id
    sent.clear()
    assert requeue() == 5
    assert sorted(sent) == [
        ("messages.cut", (message,)),
        ("voices.adopt", (imported,)),
        ("voices.compare", (pair,)),
        ("voices.fit", (building,)),
        ("voices.pronounce", (word,)),
    ]
