"""Draft notes. Every line of one names the utterances that it came from."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from clinic.database import Base, Row

DRAFT, FAILED = "draft", "failed"


class Note(Row, Base):
    """A version of a session's note. `body_sealed`: JSON list of {section, text, utterance_ids, at, struck}.

    A version that could not be drafted is kept too, empty and FAILED: whoever asked for it is told.
    """

    __tablename__ = "note"
    __table_args__ = (UniqueConstraint("session_id", "version", name="uq_note_session_version"),)

    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), index=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("live_session.id", ondelete="CASCADE"), index=True)
    version: Mapped[int] = mapped_column(Integer, default=1)
    state: Mapped[str] = mapped_column(String(16), default=DRAFT)
    body_sealed: Mapped[bytes] = mapped_column(LargeBinary)
