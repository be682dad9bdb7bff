"""Tablets that are paired to a patient: an account of their own, with a password that is shown once."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.accounts.service import create_account, disable
from clinic.accounts.tables import TABLET, Account
from clinic.errors import PlainError
from clinic.patients.service import get_patient

_CONSONANTS, _VOWELS = "bdfghjkmnprstvz", "aeiou"
_GROUPS = 5


@dataclass(frozen=True)
class Paired:
    """What is typed into the tablet. The password is kept nowhere else."""

    username: str
    password: str


def pair(session: Session, actor: str, patient_id: str) -> Paired:
    """A new tablet account for the patient. Its name says nothing about them."""
    get_patient(session, patient_id)
    paired = Paired(f"tablet-{secrets.token_hex(3)}", _password())
    create_account(session, paired.username, paired.password, TABLET, patient_id, actor=actor)
    return paired


def list_tablets(session: Session, patient_id: str) -> list[Account]:
    """The patient's tablets that may sign in."""
    query = select(Account).where(Account.patient_id == patient_id, Account.disabled_at.is_(None))
    return list(session.scalars(query.order_by(Account.created_at)))


def unpair(session: Session, actor: str, patient_id: str, account_id: str) -> Account:
    """Sign the tablet out, for good. Raises PlainError 'no_tablet'."""
    account = session.get(Account, account_id)
    if account is None or account.patient_id != patient_id:
        raise PlainError("no_tablet", "There is no such tablet.", 404)
    disable(session, account, actor=actor)
    return account


def _password() -> str:
    """Five groups of two syllables, 62 bits: easy to read out and to type on a tablet."""

    def syllable() -> str:
        return secrets.choice(_CONSONANTS) + secrets.choice(_VOWELS)

    return "-".join(syllable() + syllable() for _ in range(_GROUPS))
