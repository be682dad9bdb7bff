"""A tablet of the patient's own, and somebody else."""

from __future__ import annotations

import pytest

from clinic.database import transaction
from tests.browser import seeding


@pytest.fixture
def other_id(clinician_id: str) -> str:
    """Somebody else."""
    with transaction() as session:
        return seeding.patient(session, clinician_id, "Ivo Marek")
