"""`samevoice models`: which weights there are, whether they are whole, and how they get here."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from workers import models as room
from workers.contracts import SpokenError
from workers.models.catalogue import ManifestError
from workers.models.store import ByteProgress

#: Bars count in kilobytes, so that a bar's steps stay far apart on slow terminals.
_KILOBYTE = 1000

json_option = click.option("as_json", "--json", is_flag=True, help="Print one JSON object on standard output.")
ids_argument = click.argument("ids", nargs=-1, metavar="[ID]...")


@click.group()
def models() -> None:
    """The model weights: list them, verify them, fetch them."""


@models.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """Show every artefact: what it is for, its licence, its size, and how it stands."""
    with _spoken(as_json):
        statuses = room.status()
        if as_json:
            _print({"ok": True, "folder": str(room.folder()), "artefacts": [_described(s) for s in statuses]})
            return
        click.echo(f"Weights in {room.folder()}\n")
        for status in statuses:
            item = status.artefact
            size = f"{item.size / 1e6:8.1f} MB" if item.files else "           "
            pinned = "  (pinned here)" if item.kind == "folder" else ""
            click.echo(f"{item.id:14}{_worded(status):9}{size}  {item.purpose}{pinned}")
            click.echo(f"{'':34}  {item.licence}")


@models.command()
@ids_argument
@json_option
def verify(ids: tuple[str, ...], as_json: bool) -> None:
    """Read every file again and compare it with the manifest. Exit code 1 if something is missing or damaged."""
    with _spoken(as_json):
        with _bar("Verifying") as progress:
            statuses = room.verify(ids or None, progress)
        bad = [status for status in statuses if status.state in ("missing", "damaged")]
        if as_json:
            _print({"ok": not bad, "folder": str(room.folder()), "artefacts": [_described(s) for s in statuses]})
        else:
            for status in statuses:
                click.echo(f"{status.artefact.id:14}{_worded(status)}")
            for status in bad:
                click.echo(status.problem, err=True)
        if bad:
            sys.exit(1)


@models.command()
@ids_argument
@click.option(
    "source",
    "--from",
    type=click.Path(path_type=Path),
    help="Take the archives from this folder instead of the network. `--archives` names them.",
)
@click.option("archives", "--archives", is_flag=True, help="Only print the archives to carry over, with their hashes.")
@json_option
def fetch(ids: tuple[str, ...], source: Path | None, archives: bool, as_json: bool) -> None:
    """Make weights present and verified. What is already here and whole is left alone."""
    with _spoken(as_json):
        if archives:
            _print_archives(ids or None, as_json)
            return
        with _bar("Fetching weights") as progress:
            changed = room.fetch(ids or None, progress, source=source)
        if as_json:
            _print({"ok": True, "folder": str(room.folder()), "fetched": changed})
        else:
            what = ", ".join(changed) if changed else "nothing was missing"
            click.echo(f"Weights are ready in {room.folder()}: {what}.")


@models.command()
@click.argument("id_", metavar="ID")
@click.option(
    "source", "--from", required=True, type=click.Path(path_type=Path), help="The folder that holds the files."
)
@click.option("--revision", required=True, help="The model repository's commit, or the vendor's version.")
@click.option("--purpose", default="", help="What it is for; needed for an id that the manifest does not know.")
@click.option("--licence", default="", help="Its licence; needed for an id that the manifest does not know.")
@json_option
def adopt(id_: str, source: Path, revision: str, purpose: str, licence: str, as_json: bool) -> None:
    """Copy in weights that this hospital has, and pin their hashes. An id of ours is replaced by it."""
    with _spoken(as_json):
        with _bar("Copying") as progress:
            item = room.adopt(id_, source, revision=revision, purpose=purpose, licence=licence, progress=progress)
        files = {file.path: {"size": file.size, "sha256": file.sha256} for file in item.files}
        if as_json:
            _print({"ok": True, "id": item.id, "revision": item.revision, "files": files})
        else:
            click.echo(f"'{item.id}' is pinned at {item.revision}: {len(files)} files, {item.size / 1e6:.1f} MB.")


def _print_archives(ids: Sequence[str] | None, as_json: bool) -> None:
    wanted = room.archives_of(ids)
    if as_json:
        _print({"ok": True, "archives": [vars(archive) for archive in wanted]})
        return
    for archive in wanted:
        click.echo(f"{archive.sha256}  {archive.wheel}")


def _described(status: room.Status) -> dict[str, Any]:
    item = status.artefact
    return {
        "id": item.id,
        "state": status.state,
        "problem": status.problem,
        "purpose": item.purpose,
        "licence": item.licence,
        "kind": item.kind,
        "origin": item.origin,
        "revision": item.revision,
        "optional": item.optional,
        "where": str(status.where),
        "size": item.size,
        "files": {file.path: {"size": file.size, "sha256": file.sha256} for file in item.files},
    }


def _worded(status: room.Status) -> str:
    return {"ok": "ready", "missing": "MISSING", "damaged": "DAMAGED", "absent": "not here"}[status.state]


def _print(document: dict[str, Any]) -> None:
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


@contextmanager
def _spoken(as_json: bool) -> Iterator[None]:
    """Errors that are written for people, shown as such: on standard error, or as the one JSON object."""
    try:
        yield
    except (SpokenError, ManifestError) as error:
        code = error.code if isinstance(error, SpokenError) else "bad_manifest"
        if as_json:
            _print({"ok": False, "error": {"code": code, "message": str(error)}})
        else:
            click.echo(f"Error: {error}", err=True)
        sys.exit(1)


@contextmanager
def _bar(label: str) -> Iterator[ByteProgress]:
    """A progress bar on standard error, whose label says what is being done."""
    with click.progressbar(length=1, label=f"{label:36}", file=sys.stderr) as bar:

        def progress(done: int, total: int, sentence: str) -> None:
            bar.length = max(total // _KILOBYTE, 1)
            bar.label = f"{sentence[:36]:36}"
            bar.update(done // _KILOBYTE - bar.pos)
            bar.render_progress()

        yield progress
