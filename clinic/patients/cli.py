"""`samevoice patients`: what an administrator does at the machine itself."""

from __future__ import annotations

import json

import click

from clinic.database import transaction
from clinic.errors import PlainError
from clinic.patients import service


@click.group()
def patients() -> None:
    """Patients: erasing them."""


@patients.command()
@click.argument("patient_id")
@click.option("--yes", is_flag=True, help="Erase without asking again. It cannot be undone.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def erase(patient_id: str, yes: bool, as_json: bool) -> None:
    """Destroy the key of PATIENT_ID, delete their sound, and close their tablets. It cannot be undone."""
    if not yes:
        click.confirm("Everything of this patient becomes unreadable for good, in backups too. Erase?", abort=True)
    try:
        with transaction() as session:
            service.erase(session, "system", patient_id)
    except PlainError as error:
        raise click.ClickException(error.message) from None
    erased = "The patient is erased: the key is destroyed, and what it sealed stays closed."
    click.echo(json.dumps({"erased": patient_id}) if as_json else erased)
