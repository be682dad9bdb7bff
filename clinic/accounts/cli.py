"""`samevoice people`: accounts from the command line. Passwords are asked for, or read from standard input or the
environment; never from the arguments, which every process on the machine can read."""

from __future__ import annotations

import json
import os
import sys

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.accounts import service
from clinic.accounts.tables import ADMINISTRATOR, CLINICIAN, Account
from clinic.database import transaction
from clinic.errors import PlainError

PASSWORD_VARIABLE = "SAMEVOICE_NEW_PASSWORD"  # noqa: S105 - the name of a variable


@click.group()
def people() -> None:
    """People who sign in, and tablets."""


@people.command()
@click.argument("username")
@click.option("--role", type=click.Choice([CLINICIAN, ADMINISTRATOR]), default=CLINICIAN, show_default=True)
def add(username: str, role: str) -> None:
    """Add USERNAME. Its password is asked for (or piped in, or in SAMEVOICE_NEW_PASSWORD)."""
    password = _password()
    try:
        with transaction() as session:
            account = service.create_account(session, username, password, role)
    except PlainError as error:
        raise click.ClickException(error.message) from None
    click.echo(f"{account.username} can sign in now, as {account.role}.")


@people.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON list on standard output.")
def list_people(as_json: bool) -> None:
    """Everyone who can sign in."""
    with transaction() as session:
        accounts = session.scalars(select(Account).order_by(Account.username)).all()
    rows = [
        {"username": account.username, "role": account.role, "disabled": account.disabled_at is not None}
        for account in accounts
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.echo(f"{row['username']:<32} {row['role']:<14} {'disabled' if row['disabled'] else ''}".rstrip())


@people.command()
@click.argument("username")
def disable(username: str) -> None:
    """End every session of USERNAME, and let nobody sign in with it."""
    with transaction() as session:
        service.disable(session, _account(session, username))
    click.echo(f"{username} is disabled and signed out everywhere.")


@people.command()
@click.argument("username")
def password(username: str) -> None:
    """Set a new password for USERNAME, and end its sessions."""
    new = _password()
    try:
        with transaction() as session:
            service.set_password(session, _account(session, username), new)
    except PlainError as error:
        raise click.ClickException(error.message) from None
    click.echo(f"{username} has a new password and is signed out everywhere.")


def _account(session: Session, username: str) -> Account:
    account = service.find(session, username)
    if account is None:
        raise click.ClickException("There is no account with this username. `samevoice people list` shows them.")
    return account


def _password() -> str:
    """From the environment, from a pipe, or asked for twice."""
    if os.environ.get(PASSWORD_VARIABLE):
        return os.environ[PASSWORD_VARIABLE]
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("New password", hide_input=True, confirmation_prompt=True))
