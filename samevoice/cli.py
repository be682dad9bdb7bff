"""The `samevoice` command: Flask's click group, with the commands of every room.

Commands that need the models live in packages that `pip install .[workers]` brings. Where they are missing, the command
says so; the web app's own commands go on working.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

import click
from flask import Flask
from flask.cli import FlaskGroup

#: Command → (module, attribute, what has to be installed for it).
COMMANDS = {
    "people": ("clinic.accounts.cli", "people", ""),
    "patients": ("clinic.patients.cli", "patients", ""),
    "keys": ("clinic.vault.cli", "keys", ""),
    "audit": ("clinic.audit.cli", "audit", ""),
    "database": ("migrations.cli", "database", ""),
    "models": ("workers.models.cli", "models", "workers"),
    "verify": ("workers.speak.cli", "verify", "workers"),
    "voices": ("samevoice.voices", "voices", ""),
    "up": ("samevoice.up", "up", "workers"),
    "demo": ("bench.demo", "demo", "workers,bench"),
    "bench": ("bench.cli", "bench", "workers,bench"),
}


class Rooms(FlaskGroup):
    """Finds each command in its room when it is asked for, so that `samevoice keys` never waits for torch."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Ours, then Flask's own."""
        return [*COMMANDS, *(name for name in ("routes", "shell") if name in self.commands)]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import the room that holds `name`."""
        if name not in COMMANDS:
            return super().get_command(ctx, name)
        module, attribute, extras = COMMANDS[name]
        try:
            command = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if not extras:
                raise
            return _missing(name, str(error.name), extras)
        return command  # type: ignore[no-any-return]


def _missing(name: str, module: str, extras: str) -> click.Command:
    @click.command(name, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
    def refuse() -> None:
        raise click.ClickException(f"`samevoice {name}` needs {module}. Install it: pip install '.[{extras}]'")

    return refuse


def _create_app(*_: Any) -> Flask:
    from clinic.app import create_app

    return create_app()


@click.group(cls=Rooms, create_app=_create_app, add_default_commands=True, add_version_option=False)
def main() -> None:
    """Same Voice: gives people who are losing their speech their own voice back."""


def quiet_libraries() -> None:
    """Before a model library is imported: no telemetry, no hub, no spinning threads."""
    for name, value in {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "PYANNOTE_METRICS_ENABLED": "0",
        "TOKENIZERS_PARALLELISM": "false",
    }.items():
        os.environ.setdefault(name, value)


if __name__ == "__main__":
    main()
