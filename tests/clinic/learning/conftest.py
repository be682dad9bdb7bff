"""A tablet of the patient's own, and somebody else."""

from __future__ import annotations

import pytest
from flask import Flask

from clinic.accounts.service import create_account
from clinic.database import transaction
from tests.browser import seeding
from tests.clinic.pages import Visitor


@pytest.fixture
def tablet(web: Flask, clinician: Visitor, patient_id: str) -> Visitor:
    """The patient's own tablet."""
    with transaction() as session:
        create_account(session, "tablet-1", seeding.PASSWORD, "tablet", patient_id)
    visitor = Visitor(web.test_client())
    visitor.sign_in("tablet-1")
    return visitor


@pytest.fixture
def other_id(clinician_id: str) -> str:
    """Somebody else."""
    with transaction() as session:
        return seeding.patient(session, clinician_id, "Ivo Marek")
