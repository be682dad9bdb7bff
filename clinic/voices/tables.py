"""Enrolment: recordings, what they are worth, and the voices that were built from them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from clinic.database import Base, Row, UtcDateTime

RECEIVED, CHECKING, CHECKED, REFUSED = "received", "checking", "checked", "refused"
QUEUED, BUILDING, READY, FAILED, CANCELLED = "queued", "building", "ready", "failed", "cancelled"
#: What a version leaves behind: its number, which is never given again, and what points at it. Nothing of the voice.
DELETED = "deleted"


def binding(model: str, revision: str) -> str:
    """What a sealed voice is bound to beyond its row: vectors never open for another model."""
    return f"{model}@{revision}"


class Recording(Row, Base):
    """A historic recording as it was uploaded (a sealed blob), with its measured quality. Originals are kept."""

    __tablename__ = "recording"

    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), index=True)
    blob_id: Mapped[str] = mapped_column(String(32))
    filename_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    size_bytes: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(16), default=RECEIVED)
    duration_s: Mapped[float | None] = mapped_column(Float)
    #: ClipQuality as plain numbers and sentences: nothing in it tells who speaks or what is said.
    quality: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    transcript_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_message: Mapped[str | None] = mapped_column(Text)


class Voice(Row, Base):
    """A version of a patient's voice. A failed or cancelled build never replaces a ready one."""

    __tablename__ = "voice"
    __table_args__ = (UniqueConstraint("patient_id", "version", name="uq_voice_patient_version"),)

    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), index=True)
    version: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(16), default=QUEUED)
    progress: Mapped[float] = mapped_column(Float, default=0.0)
    progress_text: Mapped[str] = mapped_column(String(200), default="")
    recording_ids: Mapped[list[str]] = mapped_column(JSON, default=list)
    engine: Mapped[str | None] = mapped_column(String(32))
    model: Mapped[str | None] = mapped_column(String(64))
    revision: Mapped[str | None] = mapped_column(String(80))
    #: Named float32 arrays (style, embedding), packed then sealed, bound to model and revision.
    vectors_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    measures: Mapped[dict[str, float] | None] = mapped_column(JSON)
    #: A first sentence in the new voice, for the clinician and the family to hear.
    sample_blob_id: Mapped[str | None] = mapped_column(String(32))
    #: Of a version that came as a file: who signed it (`key`), and what it was there. Identifiers and times only.
    imported_from: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    checkpoint_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    #: Set on the one version that somebody chose to speak; see `clinic.voices.speaking`.
    chosen_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    heartbeat_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_message: Mapped[str | None] = mapped_column(Text)


class Sample(Row, Base):
    """One of the sentences of a comparison, as one version says it. Made once, for every comparison of that version."""

    __tablename__ = "voice_sample"
    __table_args__ = (UniqueConstraint("voice_id", "sentence", name="uq_voice_sample_voice_sentence"),)

    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), index=True)
    voice_id: Mapped[str] = mapped_column(ForeignKey("voice.id", ondelete="CASCADE"))
    #: Place in `clinic.voices.sentences.SENTENCES`.
    sentence: Mapped[int] = mapped_column(Integer)
    blob_id: Mapped[str] = mapped_column(String(32))


class Comparison(Row, Base):
    """Two versions that say the same sentences, for somebody to hear which is more like the patient."""

    __tablename__ = "comparison"

    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), index=True)
    first_id: Mapped[str] = mapped_column(ForeignKey("voice.id", ondelete="CASCADE"))
    second_id: Mapped[str] = mapped_column(ForeignKey("voice.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(String(16), default=QUEUED)
    progress: Mapped[float] = mapped_column(Float, default=0.0)
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_message: Mapped[str | None] = mapped_column(Text)


class Sitting(Row, Base):
    """One person who hears a comparison to its end, or leaves before. `judge`: 'patient' or 'family'; no names."""

    __tablename__ = "sitting"

    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), index=True)
    comparison_id: Mapped[str] = mapped_column(ForeignKey("comparison.id", ondelete="CASCADE"), index=True)
    judge: Mapped[str] = mapped_column(String(16))
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime())


class Trial(Row, Base):
    """One sentence, twice. Which version is on which side is drawn anew each time."""

    __tablename__ = "trial"
    __table_args__ = (UniqueConstraint("sitting_id", "number", name="uq_trial_sitting_number"),)

    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    sentence: Mapped[int] = mapped_column(Integer)
    first_is_left: Mapped[bool] = mapped_column()
    #: 'left', 'right' or 'same'.
    answer: Mapped[str | None] = mapped_column(String(8))


class Signer(Row, Base):
    """Another installation whose voice files are taken in, since an administrator compared its fingerprint."""

    __tablename__ = "signer"

    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    #: The other hospital's name. Nothing of a patient.
    label: Mapped[str] = mapped_column(String(80))
    confirmed_by: Mapped[str] = mapped_column(String(64))
