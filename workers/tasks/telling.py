"""How far a long task is, told to its row for the page; and whether somebody asked it to stop."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

from sqlalchemy.orm import Session

from clinic.database import now, transaction

BUILDING, CANCELLED = "building", "cancelled"
RowType = TypeVar("RowType", bound=Any)


class Teller(ABC, Generic[RowType]):
    """Of a row with state, progress, progress_text, heartbeat_at, finished_at and cancel_requested."""

    table: ClassVar[Any]

    def __init__(self, row_id: str) -> None:
        self._row_id = row_id
        self._told_at = 0.0
        self._stop = False

    def progress(self, share: float, sentence: str) -> None:
        """Keep the share done and a sentence for the page, at most once a second."""
        if time.monotonic() - self._told_at >= 1.0:
            self._told_at = time.monotonic()
            with transaction() as session:
                row = self._row(session)
                if row is not None:
                    row.progress, row.progress_text, row.heartbeat_at = share, sentence[:200], now()
                    self._stop = row.cancel_requested
                else:
                    self._stop = True

    def cancelled(self) -> bool:
        """True once somebody asked for the build to stop, or the patient is gone."""
        with transaction() as session:
            row = self._row(session)
            self._stop = self._stop or row is None or row.cancel_requested
            if row is not None and row.cancel_requested and row.state == BUILDING:
                row.state, row.finished_at = CANCELLED, now()
                self.drop(session, row)
        return self._stop

    @abstractmethod
    def keep_checkpoint(self, data: bytes) -> None:
        """Keep how far it has come, sealed."""

    @abstractmethod
    def drop(self, session: Session, row: RowType) -> None:
        """Forget the checkpoint."""

    def _row(self, session: Session) -> RowType | None:
        found: RowType | None = session.get(self.table, self._row_id)
        return found
