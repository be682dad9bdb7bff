"""`samevoice demo`: the main job by itself, on a real human reading, with one honest table at the end."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import click

from samevoice.cli import quiet_libraries

HOME = "home"


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("demo"), help="Where the files go.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output instead of the table.")
@click.option(
    "--fit-budget",
    "fit_budget_s",
    type=float,
    default=420.0,
    show_default=True,
    help="Seconds for the search for the voice; on a busy machine it is cut short, and the voice less like him.",
)
def demo(out: Path, as_json: bool, fit_budget_s: float) -> None:
    """Enrol a human reading, impair new sentences of it (simulated), and say them again in the fitted voice."""
    quiet_libraries()
    # Libraries print where they please; standard output is for the one result alone, whatever they do.
    result_only = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    out.mkdir(parents=True, exist_ok=True)
    home = out / HOME
    if home.exists():
        shutil.rmtree(home)
    # The demo is a service of its own: it never touches a home that holds patients.
    for name in ("DATABASE_URL", "KEYSTORE_URL", "BROKER_URL", "EVENTS_URL", "KEK", "KEK_FILE"):
        os.environ.pop(f"SAMEVOICE_{name}", None)
    os.environ["SAMEVOICE_HOME"] = str(home)
    os.environ["SAMEVOICE_FIT_BUDGET_S"] = str(fit_budget_s)
    from clinic.settings import get_settings

    get_settings.cache_clear()

    from bench.demo_report import write_report
    from bench.demo_run import run
    from bench.demo_table import table
    from bench.steps import StepFailed
    from workers.contracts import SpokenError

    try:
        result = run(out, lambda line: click.echo(line, err=True))
    except (StepFailed, SpokenError) as error:
        raise click.ClickException(str(error)) from error
    write_report(result, out)
    (out / "result.json").write_text(json.dumps(result.figures(), indent=2) + "\n", encoding="utf-8")
    with result_only:
        result_only.write(json.dumps(result.figures(), indent=2) + "\n" if as_json else table(result))
