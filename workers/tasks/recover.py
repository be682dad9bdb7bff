"""After a start: send again what a process that died had in hand. Needed where the broker lives in this process.

An utterance is different: spoken minutes late, it would burst into another conversation. It is marked as failed, and
the patient says it again if it still matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from clinic.database import transaction
from clinic.learning import tables as learning
from clinic.learning.tables import Adapter, PhraseExample, ReadAloud
from clinic.live import tables as live
from clinic.live.tables import Utterance
from clinic.messages import tables as messages
from clinic.messages.tables import Message
from clinic.patients.tables import WANTED, Pronunciation
from clinic.queue import send
from clinic.voices import tables as voices
from clinic.voices.tables import Comparison, Recording, Voice

RESTARTED = "Same Voice was started anew before this could be said. The recording is kept; please say it again."


def requeue() -> int:
    """Queue every unfinished check, build and comparison again; they go on from what was kept. Returns how many."""
    with transaction() as session:
        builds = session.scalars(select(Voice).where(Voice.state.in_((voices.QUEUED, voices.BUILDING)))).all()

        def unfinished_of(table: Any, *states: str) -> Sequence[str]:
            return session.scalars(select(table.id).where(table.state.in_(states))).all()

        names = session.scalars(select(Pronunciation.id).where(Pronunciation.preview == WANTED)).all()
        unfinished_work = {
            "voices.check": unfinished_of(Recording, voices.RECEIVED, voices.CHECKING),
            "voices.fit": [one.id for one in builds if one.imported_from is None],
            "voices.adopt": [one.id for one in builds if one.imported_from is not None],
            "voices.compare": unfinished_of(Comparison, voices.QUEUED, voices.BUILDING),
            "voices.pronounce": names,
            "messages.cut": unfinished_of(Message, messages.WANTED),
            "learning.adapt": unfinished_of(Adapter, learning.QUEUED, learning.BUILDING),
            "learning.check_read": unfinished_of(ReadAloud, learning.RECEIVED),
            "learning.check_phrase": unfinished_of(PhraseExample, learning.RECEIVED),
        }
        for name, ids in unfinished_work.items():
            for row_id in ids:
                send(session, name, row_id)
        unfinished = session.scalars(
            select(Utterance).where(Utterance.state.in_((live.RECEIVED, live.WORKING)), Utterance.cut_off.is_(False))
        ).all()
        for row in unfinished:
            row.state, row.error_code, row.error_message = live.FAILED, "restarted", RESTARTED
        return sum(len(ids) for ids in unfinished_work.values())
