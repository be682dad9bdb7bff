"""`samevoice voices`: a patient's voice to and from a file, at the machine itself."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from clinic import tables as tables  # every table is known before the first query
from clinic.database import transaction
from clinic.errors import PlainError
from clinic.vault.files import write_once
from clinic.voices import carrying, voice_file
from clinic.voices.speaking import speaking
from clinic.voices.tables import DELETED, READY, Voice
from samevoice.cli import quiet_libraries

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
_PASS_PHRASE = click.option(
    "--pass-phrase-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    help="First line of this file (- for standard input); asked for when left out.",
)


@click.group()
def voices() -> None:
    """Voices: their versions, and carrying one as a sealed and signed file."""


@voices.command("list")
@click.argument("patient_id")
@_JSON
def list_(patient_id: str, as_json: bool) -> None:
    """The versions of PATIENT_ID, newest first."""
    with transaction() as session:
        kept = select(Voice).where(Voice.patient_id == patient_id, Voice.state != DELETED)
        rows = session.scalars(kept.order_by(Voice.version.desc())).all()
        speaks = speaking(session, patient_id)
    found = [
        {
            "voice": row.id,
            "version": row.version,
            "state": row.state,
            "speaks": row is speaks,
            "imported": row.imported_from is not None,
            "similarity": (row.measures or {}).get("similarity"),
        }
        for row in rows
    ]
    lines = [
        f"version {one['version']}  {one['voice']}  {one['state']}{'  speaks' if one['speaks'] else ''}"
        f"{'  imported' if one['imported'] else ''}"
        for one in found
    ]
    _say(as_json, "\n".join(lines) or "There is no version.", voices=found)


@voices.command()
@_JSON
def fingerprint(as_json: bool) -> None:
    """This installation's fingerprint, to be read out to another hospital."""
    ours = carrying.own_fingerprint()
    _say(as_json, voice_file.in_groups(ours), fingerprint=ours)


@voices.command()
@click.argument("voice_id")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--no-sample", is_flag=True, help="Leave the sample sentence out.")
@_PASS_PHRASE
@_JSON
def export(voice_id: str, file: Path, no_sample: bool, pass_phrase_file: Path | None, as_json: bool) -> None:
    """Seal version VOICE_ID into FILE, which must not exist yet. Whoever has file and pass phrase has the voice."""
    pass_phrase = _pass_phrase(pass_phrase_file, confirm=True)
    try:
        with transaction() as session:
            made = carrying.export(session, "system", voice_id, pass_phrase, sample=not no_sample)
            if not write_once(file, made.data):  # inside: no line in the audit chain for a file that was not written
                raise PlainError("exists", f"There is a file {file.name} already. Choose another name.")
    except PlainError as error:
        raise click.ClickException(error.message) from None
    ours = carrying.own_fingerprint()
    text = f"Exported, {len(made.data)} bytes. Signed by {voice_file.in_groups(ours)}"
    _say(as_json, text, file=str(file), bytes=len(made.data), fingerprint=ours)


@voices.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--patient", "patient_id", required=True, help="Id of the patient whose voice this is.")
@click.option("--trust", "trusted", default="", help="Fingerprint that you compared with the other hospital.")
@click.option("--label", default="confirmed at the command line", help="Whose fingerprint that is.")
@click.option("--same-person", is_flag=True, help="The name in the file differs, and it is the same person.")
@_PASS_PHRASE
@_JSON
def import_(
    file: Path,
    patient_id: str,
    trusted: str,
    label: str,
    same_person: bool,
    pass_phrase_file: Path | None,
    as_json: bool,
) -> None:
    """Take FILE in as a new version of a patient's voice, and let it speak once before it is called ready."""
    quiet_libraries()
    try:
        from workers.tasks.adopt import adopt
    except ModuleNotFoundError as error:  # before anything is taken in
        message = f"Taking a voice in needs {error.name}, to try it. Install it: pip install '.[workers]'"
        raise click.ClickException(message) from None
    if file.stat().st_size > voice_file.LARGEST_FILE:
        raise click.ClickException("This file is larger than any voice file is. Choose the file that was exported.")
    pass_phrase = _pass_phrase(pass_phrase_file, confirm=False)
    try:
        if trusted:
            with transaction() as session:
                carrying.trust(session, "system", trusted, label)
        _tell("Opening the file …")
        with transaction() as session:
            voice = carrying.take_in(
                session, "system", patient_id, file.read_bytes(), pass_phrase, same_person=same_person, queue=False
            )
    except PlainError as error:
        raise click.ClickException(error.message) from None
    _tell("Trying the voice: opening the engine takes a moment …")
    adopt(voice.id)
    with transaction() as session:
        row = session.get_one(Voice, voice.id)
    if row.state != READY:
        raise click.ClickException(row.error_message or f"It ended as {row.state}.")
    _say(as_json, f"Taken in as version {row.version}.", voice=row.id, version=row.version, state=row.state)


def _pass_phrase(file: Path | None, *, confirm: bool) -> str:
    if file is None:
        return str(click.prompt("Pass phrase", hide_input=True, confirmation_prompt=confirm, err=True))
    text = sys.stdin.readline() if str(file) == "-" else file.read_text(encoding="utf-8")
    return text.split("\n", 1)[0].rstrip("\r")


def _tell(text: str) -> None:
    click.echo(text, err=True)


def _say(as_json: bool, text: str, **result: Any) -> None:
    click.echo(json.dumps(result) if as_json else text)
