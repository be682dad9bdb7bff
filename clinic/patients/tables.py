"""Patients and what they consented to. Whatever names a patient is sealed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, Float, ForeignKey, LargeBinary, String, Text, true
from sqlalchemy.orm import Mapped, mapped_column

from clinic.database import Base, Row, UtcDateTime

#: What a patient can agree to, one by one.
SCOPES = ("keep_voice", "speak_for_me", "watch_distress", "learn_corrections", "know_my_voice", "draft_notes")


#: How what a patient says is said again (docs/modes.md): clean and fluent; in their own timing and pitch; in English.
RESTORE, AS_SAID, INTERPRET = "restore", "as_said", "interpret"

#: How long a pause ends a turn of somebody whose pauses nobody knows yet (docs/turns.md).
PAUSE_S = 2.4


class Patient(Row, Base):
    """A patient. The settings are theirs: how long a pause ends a turn, how sure is sure, how much manner to keep."""

    __tablename__ = "patient"

    name_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    hospital_number_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    language: Mapped[str] = mapped_column(String(8), default="en")
    #: What a turn waits for until the patient's own pauses are known, and when it was last set: what was learned before
    #: that is forgotten.
    pause_s: Mapped[float] = mapped_column(Float, default=PAUSE_S)
    pause_set_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    sure_at: Mapped[float] = mapped_column(Float, default=0.7)
    #: Until this patient's speech was learned, nothing is spoken before they touched it. A clinician who finds the
    #: speech clear enough may lift that: stock recognition then speaks when it is sure.
    asks_first: Mapped[bool] = mapped_column(Boolean, default=True, server_default=true())
    manner_strength: Mapped[float] = mapped_column(Float, default=0.6)
    pace: Mapped[float] = mapped_column(Float, default=1.0)
    speech_mode: Mapped[str] = mapped_column(String(16), default=RESTORE, server_default=RESTORE)
    #: A stand-in voice (a public voice's name) that the patient chose for when their own cannot be opened.
    stand_in: Mapped[str | None] = mapped_column(String(32))
    baseline_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    erased_at: Mapped[datetime | None] = mapped_column(UtcDateTime())


class Consent(Row, Base):
    """One consent to one scope. Withdrawing it fills `withdrawn_at`; nothing is deleted."""

    __tablename__ = "consent"

    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), index=True)
    scope: Mapped[str] = mapped_column(String(32))
    given_at: Mapped[datetime] = mapped_column(UtcDateTime())
    recorded_by: Mapped[str] = mapped_column(ForeignKey("account.id"))
    by_guardian: Mapped[bool] = mapped_column(Boolean, default=False)
    statement_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime())


#: A preview's way: wanted → made, or failed.
WANTED, MADE, FAILED = "wanted", "made", "failed"


class Pronunciation(Row, Base):
    """A word, often a name, and how this patient says it, respelt in ordinary letters."""

    __tablename__ = "pronunciation"

    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), index=True)
    word_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    say_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    #: The word in the patient's voice, to hear whether it is right.
    preview: Mapped[str | None] = mapped_column(String(16))
    preview_blob_id: Mapped[str | None] = mapped_column(String(32))
    preview_message: Mapped[str | None] = mapped_column(Text)


class ListedWord(Row, Base):
    """A name, a place or a board's word that matters to the patient: recognition looks for it."""

    __tablename__ = "listed_word"

    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), index=True)
    word_sealed: Mapped[bytes] = mapped_column(LargeBinary)
