"""Sessions at the tablet, and the utterances in them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, Float, ForeignKey, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from clinic.database import Base, Row, UtcDateTime

#: An utterance's way: received → working → unsure | spoken; or nothing_heard, failed, cancelled.
RECEIVED, WORKING, UNSURE, SPOKEN = "received", "working", "unsure", "spoken"
NOTHING_HEARD, FAILED, CANCELLED = "nothing_heard", "failed", "cancelled"
#: The error_code of a cancelled one whose patient spoke on: the next utterance begins with it.
WENT_ON = "went_on"


class LiveSession(Row, Base):
    """From the moment when the patient opens the page until they leave it."""

    __tablename__ = "live_session"

    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), index=True)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    #: The mode that the patient chose at the tablet; None: as it is set for them (`clinic.patients.modes`).
    speech_mode: Mapped[str | None] = mapped_column(String(16))


class Utterance(Row, Base):
    """One turn: what the patient said, what was understood, and what was said again in their voice."""

    __tablename__ = "utterance"
    __table_args__ = (
        UniqueConstraint("session_id", "number", name="uq_utterance_session_number"),
        UniqueConstraint("session_id", "turn_id", name="uq_utterance_session_turn"),
    )

    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), index=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("live_session.id", ondelete="CASCADE"), index=True)
    number: Mapped[int] = mapped_column(Integer)
    #: The tablet's own name for the turn, so that a turn that is sent again after a broken connection is taken once.
    turn_id: Mapped[str | None] = mapped_column(String(32))
    #: How the turn was taken: held, touched or hands-free (`messages.MODES`); None of those before that was kept.
    mode: Mapped[str | None] = mapped_column(String(8))
    state: Mapped[str] = mapped_column(String(16), default=RECEIVED)
    #: True when the tablet vanished before the end of the turn was known.
    cut_off: Mapped[bool] = mapped_column(Boolean, default=False)
    ended_at: Mapped[datetime] = mapped_column(UtcDateTime())
    duration_s: Mapped[float] = mapped_column(Float)
    #: Inside it, 0 where there was none; None where the room was too loud to tell.
    longest_pause_s: Mapped[float | None] = mapped_column(Float)
    audio_blob_id: Mapped[str] = mapped_column(String(32))
    #: The mode in force when it was said; None before there were any.
    speech_mode: Mapped[str | None] = mapped_column(String(16))
    #: JSON of contracts.Transcript: text, words with times and confidence, readings, gate.
    transcript_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    confidence: Mapped[float | None] = mapped_column(Float)
    gate: Mapped[str | None] = mapped_column(String(24))
    #: What was really said aloud, and whether the patient chose it themselves.
    spoken_text_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    #: Where that was in another language than the patient's (mode interpret): the words that they confirmed.
    original_text_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    chosen: Mapped[bool] = mapped_column(Boolean, default=False)
    restored_blob_id: Mapped[str | None] = mapped_column(String(32))
    restored_duration_s: Mapped[float | None] = mapped_column(Float)
    provenance_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    voice_id: Mapped[str | None] = mapped_column(ForeignKey("voice.id"))
    first_sound_s: Mapped[float | None] = mapped_column(Float)
    #: JSON: prosody summary, Feeling with cues.
    feeling_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    distress: Mapped[float | None] = mapped_column(Float)
    urgency: Mapped[float | None] = mapped_column(Float)
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_message: Mapped[str | None] = mapped_column(Text)
