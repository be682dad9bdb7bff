"""Learning how a patient speaks today: sentences they read aloud, phrases they taught, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from clinic.database import Base, Row, UtcDateTime

#: A sentence's and an example's way: received → checked, or refused with a reason.
RECEIVED, CHECKED, REFUSED = "received", "checked", "refused"
#: An adapter's way: queued → building → ready; or no_better (judged, and stock recognition stays), failed, cancelled.
QUEUED, BUILDING, READY = "queued", "building", "ready"
NO_BETTER, FAILED, CANCELLED = "no_better", "failed", "cancelled"
#: Its weights do not open any more, or do not fit: stock recognition serves, and the page says why.
BROKEN = "broken"
#: Its weights are destroyed; the row stays, so that its number is not given again.
DELETED = "deleted"


class OwnSentence(Row, Base):
    """A sentence out of the patient's own life, to be read aloud before those of the catalogue."""

    __tablename__ = "own_sentence"

    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), index=True)
    text_sealed: Mapped[bytes] = mapped_column(LargeBinary)


class ReadAloud(Row, Base):
    """A sentence whose words are known, as the patient says it today."""

    __tablename__ = "read_aloud"

    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), index=True)
    #: Its place in `clinic.learning.prompts`; None for a sentence of the patient's own.
    prompt: Mapped[str | None] = mapped_column(String(16))
    own_id: Mapped[str | None] = mapped_column(ForeignKey("own_sentence.id", ondelete="SET NULL"))
    text_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    blob_id: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16), default=RECEIVED)
    duration_s: Mapped[float | None] = mapped_column(Float)
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_message: Mapped[str | None] = mapped_column(Text)


class Adapter(Row, Base):
    """A version of what was learned of a patient's speech. A failed or cancelled one never replaces one in use."""

    __tablename__ = "adapter"
    __table_args__ = (UniqueConstraint("patient_id", "version", name="uq_adapter_patient_version"),)

    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), index=True)
    version: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(16), default=QUEUED)
    progress: Mapped[float] = mapped_column(Float, default=0.0)
    progress_text: Mapped[str] = mapped_column(String(200), default="")
    #: What it is learned from: ids of `read_aloud` and of utterances whose words the patient confirmed.
    read_aloud_ids: Mapped[list[str]] = mapped_column(JSON, default=list)
    utterance_ids: Mapped[list[str]] = mapped_column(JSON, default=list)
    #: sha256 of the recognition weights that it belongs to.
    base: Mapped[str | None] = mapped_column(String(64))
    #: The low-rank weights, a sealed blob of some megabytes.
    blob_id: Mapped[str | None] = mapped_column(String(32))
    #: Error rates before and after on sentences that were not learned from; numbers alone.
    measures: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    #: How its confidence becomes a probability: a few numbers (`workers.understand.calibration`).
    calibration: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    checkpoint_blob_id: Mapped[str | None] = mapped_column(String(32))
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    #: Set on the one version that is in use; see `clinic.learning.serving`.
    chosen_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    heartbeat_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_message: Mapped[str | None] = mapped_column(Text)


class Phrase(Row, Base):
    """One of few things that somebody says whom no recogniser understands: matched by sound, not by words."""

    __tablename__ = "phrase"

    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), index=True)
    text_sealed: Mapped[bytes] = mapped_column(LargeBinary)


class PhraseExample(Row, Base):
    """A phrase as the patient said it once."""

    __tablename__ = "phrase_example"

    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), index=True)
    phrase_id: Mapped[str] = mapped_column(ForeignKey("phrase.id", ondelete="CASCADE"), index=True)
    blob_id: Mapped[str] = mapped_column(String(32))
    #: What the recogniser's encoder makes of it, sealed: it is matched with, and tells what was said and by whom.
    features_blob_id: Mapped[str | None] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16), default=RECEIVED)
    duration_s: Mapped[float | None] = mapped_column(Float)
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_message: Mapped[str | None] = mapped_column(Text)
