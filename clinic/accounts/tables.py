"""People who sign in, and tablets, which sign in for a patient."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from clinic.database import Base, Row, UtcDateTime

CLINICIAN = "clinician"
ADMINISTRATOR = "administrator"
TABLET = "tablet"
ROLES = (CLINICIAN, ADMINISTRATOR, TABLET)


class Account(Row, Base):
    """Someone, or a patient's tablet, that signs in. `username` is never a patient's name."""

    __tablename__ = "account"

    username: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str] = mapped_column(String(255))
    patient_id: Mapped[str | None] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"))
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    #: Counted up to end every session of this account at once.
    session_version: Mapped[int] = mapped_column(default=1)
