"""After a start: send again what a process that died had in hand. Needed where the broker lives in this process."""

from __future__ import annotations

from sqlalchemy import select

from clinic.database import transaction
from clinic.live import tables as live
from clinic.live.tables import LiveSession, Utterance
from clinic.queue import send
from clinic.voices import tables as voices
from clinic.voices.tables import Recording, Voice


def requeue() -> int:
    """Queue every unfinished piece of work again; the tasks go on from what was kept. Returns how many."""
    with transaction() as session:
        recordings = session.scalars(
            select(Recording.id).where(Recording.state.in_((voices.RECEIVED, voices.CHECKING)))
        ).all()
        builds = session.scalars(select(Voice.id).where(Voice.state.in_((voices.QUEUED, voices.BUILDING)))).all()
        utterances = session.scalars(
            select(Utterance.id)
            .join(LiveSession, LiveSession.id == Utterance.session_id)
            .where(Utterance.state.in_((live.RECEIVED, live.WORKING)), Utterance.spoken_text_sealed.is_(None))
        ).all()
        for name, ids in (("voices.check", recordings), ("voices.fit", builds), ("live.restore", utterances)):
            for row_id in ids:
                send(session, name, row_id)
        return len(recordings) + len(builds) + len(utterances)
