"""`samevoice keys`: see and rotate the key-encryption keys."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import click

from clinic.errors import PlainError
from clinic.settings import get_settings
from clinic.vault import rotation
from clinic.vault.keystore import Keystore

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")


@click.group()
def keys() -> None:
    """Key-encryption keys: add, distribute the keyring file, promote, rewrap, retire."""


@keys.command()
@_JSON
def status(as_json: bool) -> None:
    """Which keys there are, which one is active, and how many patients' keys each wraps."""
    with _plainly():
        found = rotation.status(get_settings(), _store())
    text = "\n".join(
        f"key {key.version:3}  {'active ' if key.active else '       '}  wraps {key.data_keys} patients' keys"
        f"{'' if key.held else '  MISSING FROM THE KEYRING: these patients cannot be opened'}"
        for key in found
    )
    _say(as_json, text, keys=[asdict(key) for key in found])


@keys.command()
@_JSON
def add(as_json: bool) -> None:
    """Put a fresh key into the keyring file. It is not used before it is promoted."""
    with _plainly():
        version = rotation.add(get_settings())
    text = f"Key {version} is in the keyring. Give the file to every process, then: samevoice keys promote {version}"
    _say(as_json, text, added=version)


@keys.command()
@click.argument("version", type=int)
@_JSON
def promote(version: int, as_json: bool) -> None:
    """Use key VERSION for new patients' keys."""
    with _plainly():
        rotation.promote(get_settings(), version)
    _say(
        as_json, f"Key {version} is active. Give the file to every process, then: samevoice keys rewrap", active=version
    )


@keys.command()
@_JSON
def rewrap(as_json: bool) -> None:
    """Wrap all patients' keys with the active key. Recordings and voices are not touched; the service may run on."""
    settings, store = get_settings(), _store()
    with _plainly():
        active = next(key.version for key in rotation.status(settings, store) if key.active)
        total = sum(count for version, count in store.count_by_kek().items() if version != active)
        with click.progressbar(length=total, label="Re-wrapping", file=sys.stderr) as bar:
            done = rotation.rewrap(settings, store, lambda: bar.update(1))
    _say(as_json, f"{done} patients' keys are wrapped anew, with key {active}.", rewrapped=done, active=active)


@keys.command()
@click.argument("version", type=int)
@_JSON
def retire(version: int, as_json: bool) -> None:
    """Take key VERSION, which wraps nothing any more, out of the keyring file."""
    with _plainly():
        rotation.retire(get_settings(), _store(), version)
    _say(as_json, f"Key {version} is out of the keyring. Destroy its other copies too.", retired=version)


def _store() -> Keystore:
    return Keystore(get_settings().keystore)


def _say(as_json: bool, text: str, **result: Any) -> None:
    click.echo(json.dumps(result) if as_json else text)


@contextmanager
def _plainly() -> Iterator[None]:
    try:
        yield
    except PlainError as error:
        raise click.ClickException(error.message) from None
