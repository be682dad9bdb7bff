"""`samevoice bench`: what the parts are worth, measured. Each benchmark is a command of its own."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import click

#: Command → (module, attribute, the one line that the list shows). Nothing of a benchmark is imported before it runs.
BENCHMARKS: Mapping[str, tuple[str, str, str]] = {
    "listed": ("bench.listed", "listed", "How often listed names are heard, and what a list costs other speech."),
    "live": ("bench.live", "live", "How long a patient waits for the first sound, and where the time goes."),
    "nothing": ("bench.nothing", "nothing", "Words that are heard where nobody speaks; none are wanted."),
    "phrases": ("bench.phrases", "phrases", "How well taught phrases are told apart, and from other speech."),
    "speaker": ("bench.speaker", "speaker", "How well a patient is told from others by how they sound today."),
    "turns": ("bench.turns", "turns", "How many turns of halting speech are cut early, and how long everybody waits."),
    "understand": ("bench.understand", "understand", "How well a patient is understood, before and after learning."),
    "voice": ("bench.voice", "voice", "How near a fitted voice comes to its speaker, and what it costs."),
    "watermark": ("bench.watermark", "watermark", "What the mark of synthetic speech survives, and what it does not."),
}


class Benchmarks(click.Group):
    """Finds each benchmark when it is asked for: listing them opens no model library."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """By name."""
        return sorted(BENCHMARKS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import the module that holds `name`."""
        if name not in BENCHMARKS:
            return None
        module, attribute, _ = BENCHMARKS[name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list, from the lines above: click would import each benchmark for its first sentence."""
        with formatter.section("Benchmarks"):
            formatter.write_dl([(name, BENCHMARKS[name][2]) for name in self.list_commands(ctx)])


@click.group(cls=Benchmarks)
def bench() -> None:
    """Measure a part on the recordings and weights that are on this machine."""
