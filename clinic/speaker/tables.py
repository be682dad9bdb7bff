"""Whether it is the patient who speaks: the setting, the sealed reference, and what the check found lately."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, Float, ForeignKey, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from clinic.database import Base, Row, UtcDateTime

#: off: nobody is checked, and nothing is kept. watch: it is found out and counted, and changes nothing. on: it counts.
OFF, WATCH, ON = "off", "watch", "on"
SETTINGS = (OFF, WATCH, ON)
#: The consent that it needs.
SCOPE = "know_my_voice"

#: What the check found: the patient; not like them; clearly somebody else; nothing that could be judged.
OWN, UNLIKE, OTHER, UNJUDGED = "own", "unlike", "other", "unjudged"


class SpeakerCheck(Row, Base):
    """One of a patient. The reference is how they sound today: as biometric as a fingerprint, and sealed as such."""

    __tablename__ = "speaker_check"

    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), unique=True)
    setting: Mapped[str] = mapped_column(String(8), default=OFF)
    #: Arrays of `workers.hear.whose.Reference`, bound to the encoder that made them.
    reference_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    encoder: Mapped[str | None] = mapped_column(String(100))
    #: Of how many utterances it is made, and how many of these it would ask about itself.
    utterances: Mapped[int] = mapped_column(Integer, default=0)
    asked_of_own: Mapped[int] = mapped_column(Integer, default=0)
    learned_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    #: Why it cannot be made, in plain words.
    error_message: Mapped[str | None] = mapped_column(Text)


class SpeakerFinding(Row, Base):
    """What the check found of one utterance: numbers alone, since of what was put aside nothing else is kept."""

    __tablename__ = "speaker_finding"

    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), index=True)
    found: Mapped[str] = mapped_column(String(8))
    #: Whether the button was touched, or the tablet listened by itself.
    touched: Mapped[bool] = mapped_column(Boolean)
    #: How far it lies over (+) or under (-) what is asked for; None where nothing could be judged.
    margin: Mapped[float | None] = mapped_column(Float)
    #: Whether the patient touched a reading of it afterwards: then it was theirs.
    theirs: Mapped[bool] = mapped_column(Boolean, default=False)
    #: None of what was put aside.
    utterance_id: Mapped[str | None] = mapped_column(String(32), index=True)
