"""Accounts: made, checked, changed, disabled. Used by the pages, the command line and the demo alike."""

from __future__ import annotations

import re

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.accounts import passwords
from clinic.accounts.tables import ROLES, TABLET, Account
from clinic.audit import record
from clinic.database import new_id, now
from clinic.errors import PlainError

_USERNAME = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}")


def create_account(
    session: Session, username: str, password: str, role: str, patient_id: str | None = None, *, actor: str = "system"
) -> Account:
    """A new account. Raises PlainError 'bad_username', 'username_taken', 'bad_role' or 'weak_password'."""
    name = username.strip().lower()
    if not _USERNAME.fullmatch(name):
        message = "A username has 2 to 64 characters: small letters, digits, dots, hyphens, underscores or @."
        raise PlainError("bad_username", message)
    if role not in ROLES or (role == TABLET) != (patient_id is not None):
        raise PlainError("bad_role", "Choose clinician or administrator. A tablet belongs to exactly one patient.")
    if find(session, name) is not None:
        raise PlainError("username_taken", "There is an account with this username already. Choose another.", 409)
    account = Account(
        id=new_id(),
        username=name,
        role=role,
        password_hash=passwords.hashed(password, name),
        patient_id=patient_id,
        session_version=1,
    )
    session.add(account)
    session.flush()
    record(session, actor, "account.create", account.id, role=role)
    return account


def find(session: Session, username: str) -> Account | None:
    """The account of that name, whatever its capitals."""
    return session.scalars(select(Account).where(func.lower(Account.username) == username.strip().lower())).first()


def check_sign_in(session: Session, username: str, password: str) -> Account | None:
    """The account, when name and password are right and it is not disabled; it takes as long when they are not."""
    account = find(session, username)
    if not passwords.matches(account.password_hash if account else None, password) or account is None:
        if account is not None:
            record(session, "system", "account.sign_in_refused", account.id, why="password")
        return None
    if account.disabled_at is not None:
        record(session, "system", "account.sign_in_refused", account.id, why="disabled")
        return None
    if passwords.is_outdated(account.password_hash):
        account.password_hash = passwords.rehashed(password)
    record(session, account.id, "account.sign_in", account.id)
    return account


def set_password(session: Session, account: Account, password: str, *, actor: str = "system") -> None:
    """Change the password and end every session of the account. Raises PlainError 'weak_password'."""
    account.password_hash = passwords.hashed(password, account.username)
    account.session_version += 1
    record(session, actor, "account.password", account.id)


def end_sessions(session: Session, account: Account, *, actor: str) -> None:
    """Sign the account out wherever it is signed in: a copied cookie dies with it."""
    account.session_version += 1
    record(session, actor, "account.sign_out", account.id)


def disable(session: Session, account: Account, *, actor: str = "system") -> None:
    """Nobody signs in with it any more, and whoever is signed in is signed out. It stays, for the audit chain."""
    if account.disabled_at is None:
        account.disabled_at = now()
        account.session_version += 1
        record(session, actor, "account.disable", account.id)
