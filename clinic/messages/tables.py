"""Banked messages: pieces of the patient's original recordings, kept to be played as they are."""

from __future__ import annotations

from sqlalchemy import Float, ForeignKey, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from clinic.database import Base, Row

#: A message's way: wanted → ready, or failed.
WANTED, READY, FAILED = "wanted", "ready", "failed"


class Message(Row, Base):
    """A named piece of an original recording. Nothing in it is synthetic, and nothing of it is ever changed."""

    __tablename__ = "banked_message"

    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), index=True)
    name_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    #: Place among the patient's messages; the smallest comes first.
    place: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(16), default=WANTED)
    #: Where it is cut from: an enrolled recording, or a file that came for this alone and goes when it was cut.
    recording_id: Mapped[str | None] = mapped_column(ForeignKey("recording.id", ondelete="SET NULL"))
    upload_blob_id: Mapped[str | None] = mapped_column(String(32))
    start_s: Mapped[float] = mapped_column(Float, default=0.0)
    #: None: to the end.
    end_s: Mapped[float | None] = mapped_column(Float)
    #: The piece by itself, so that it stays when the recording goes.
    blob_id: Mapped[str | None] = mapped_column(String(32))
    duration_s: Mapped[float | None] = mapped_column(Float)
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_message: Mapped[str | None] = mapped_column(Text)
