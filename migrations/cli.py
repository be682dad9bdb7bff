"""`samevoice database`: bring the databases up to date, and see how far they are."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from clinic.errors import PlainError
from clinic.vault import create_keyring
from migrations import run


@click.group()
def database() -> None:
    """The databases' schema."""


@database.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def upgrade(as_json: bool) -> None:
    """Bring both databases to this version's schema; on a new installation, make the keyring too."""
    try:
        create_keyring()
        run.upgrade()
    except PlainError as error:
        raise click.ClickException(error.message) from None
    _print(as_json)


@database.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def status(as_json: bool) -> None:
    """How far both databases are. Exit status 1 when one is behind."""
    if not _print(as_json):
        raise SystemExit(1)


@database.command()
@click.argument("store", type=click.Choice(["main", "keystore"]))
@click.argument("revision")
@click.argument("message")
def draft(store: str, revision: str, message: str) -> None:
    """For developers: write the next step of STORE, with id REVISION (such as 0002), from the models."""
    chosen = next(one for one in run.stores() if one.name == store)
    click.echo(run.draft(chosen, message, revision))


def _print(as_json: bool) -> bool:
    found = run.status()
    if as_json:
        click.echo(json.dumps({one.name: asdict(one) | {"up_to_date": one.up_to_date} for one in found}))
    else:
        for one in found:
            state = "up to date" if one.up_to_date else f"behind: run `samevoice database upgrade` for {one.newest}"
            click.echo(f"{one.name:10} {one.current or 'empty':10} {state}")
    return all(one.up_to_date for one in found)
