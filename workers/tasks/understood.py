"""Which recogniser hears a patient: theirs, where something was learned and opens; else everybody's, and it is said."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clinic.database import transaction
from clinic.errors import PlainError
from clinic.learning.serving import serving
from clinic.learning.tables import BROKEN, Adapter
from clinic.vault import get_vault
from workers.contracts import SpokenError
from workers.tasks import rooms, sealed

if TYPE_CHECKING:
    from workers.understand.recogniser import Recogniser

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ear:
    """learned: whether it knows this patient, so that its confidence may be relied on."""

    recogniser: Recogniser
    learned: bool


def ear_of(patient_id: str) -> Ear:
    """Consent counts at this moment: without it, what was learned is not used."""
    with transaction() as session:
        consented = "learn_corrections" in sealed.consents(session, patient_id)
        row = serving(session, patient_id) if consented else None
    if row is None:
        return Ear(rooms.recogniser(), False)
    try:
        return Ear(rooms.adapted_recogniser(row.id, lambda: _opened(row), row.calibration), True)
    except (SpokenError, PlainError) as error:
        log.warning("adapter %s cannot be used: %s", row.id, error.code)
        _say_broken(row.id, error.code, error.message)
        return Ear(rooms.recogniser(), False)


def _opened(row: Adapter) -> bytes:
    if row.blob_id is None:
        raise SpokenError("damaged_adapter", "What was learned of this patient's speech is missing. Learn it anew.")
    return get_vault().get_blob(row.patient_id, row.blob_id)


def _say_broken(adapter_id: str, code: str, message: str) -> None:
    with transaction() as session:
        row = session.get(Adapter, adapter_id)
        if row is not None:
            row.state, row.error_code, row.error_message, row.chosen_at = BROKEN, code, message, None
