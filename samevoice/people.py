"""People to sign in as on a machine of one's own. Their passwords are new at every start and stored nowhere."""

from __future__ import annotations

import secrets

from sqlalchemy import select

from clinic.accounts.service import create_account, set_password
from clinic.accounts.tables import ADMINISTRATOR, CLINICIAN, TABLET, Account
from clinic.database import new_id, now, transaction
from clinic.patients.tables import SCOPES, Consent, Patient
from clinic.vault import get_vault

PREFIX = "demo-"
WORDS: tuple[str, ...] = tuple(
    (
        "amber anchor apple autumn birch blanket bread bridge candle cedar chapel clover copper cotton daisy dune "
        "feather fern garden ginger harbour hazel honey island ivory juniper kettle lantern lemon linen maple meadow "
        "mint moss nutmeg oak olive orchard otter pebble pine plum poppy quartz quilt raven river robin saffron sage "
        "shell silver sparrow spruce starling stone thistle timber valley velvet walnut willow winter wool"
    ).split()
)


def pass_phrase() -> str:
    """Five words: easy to type on a tablet, about 31 bits and never kept."""
    return "-".join(secrets.choice(WORDS) for _ in range(5))


def demo_people() -> list[str]:
    """Make or renew a clinician, an administrator and a patient's tablet. Returns the lines to print."""
    lines = ["Sign in as (new passwords at every start):"]
    patient_id = _patient(_account(CLINICIAN, None, lines))
    _account(ADMINISTRATOR, None, lines)
    _account(TABLET, patient_id, lines)
    return lines


def _account(role: str, patient_id: str | None, lines: list[str]) -> str:
    username, password = PREFIX + role, pass_phrase()
    with transaction() as session:
        account = session.scalars(select(Account).where(Account.username == username)).first()
        if account is None:
            account = create_account(session, username, password, role, patient_id=patient_id)
        else:
            set_password(session, account, password)
        lines.append(f"  {username:<20} {password}")
        return account.id


def _patient(recorded_by: str) -> str:
    """The demo's patient: the one whose tablet there is, or a new one with every consent given."""
    with transaction() as session:
        tablet = session.scalars(select(Account).where(Account.username == PREFIX + TABLET)).first()
        if tablet is not None and tablet.patient_id is not None:
            return tablet.patient_id
        # Whoever tries this out speaks clearly: recognition as it is for everybody will do.
        patient = Patient(id=new_id(), language="en", asks_first=False)
        get_vault().create_key(patient.id)
        get_vault().put(patient, "name_sealed", "Sam Example")
        session.add(patient)
        session.flush()
        for scope in SCOPES:
            session.add(Consent(patient_id=patient.id, scope=scope, given_at=now(), recorded_by=recorded_by))
        return patient.id
