"""`samevoice verify`: is this sound ours, and unchanged?"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from workers.contracts import Audio, SpokenError

#: A mark reads back from a telephone's rate. A stranger's file may claim 1 Hz: brought to the mark's own rate, a few
#: thousand samples of that would fill the memory.
_LOWEST_RATE_HZ, _HIGHEST_RATE_HZ = 8_000, 192_000


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--key",
    "keys",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="Public key (PEM).",
)
@click.option(
    "--authority",
    "authorities",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="Certificate of an authority that C2PA signers are trusted from (PEM).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--no-watermark", is_flag=True, help="Only the signature; opens no model.")
def verify(
    file: Path, keys: tuple[Path, ...], authorities: tuple[Path, ...], as_json: bool, no_watermark: bool
) -> None:
    """Check the signed record and the content credentials (C2PA) of FILE, and read its watermark back.

    Exit status 0 when the signed record is valid.
    """
    from workers.speak import credentials, provenance

    if not keys:
        keys = (_home_keys() / "provenance.pub.pem",)
        if not keys[0].exists():
            raise click.ClickException(f"There is no public key at {keys[0]}. Name one with --key FILE.")
    verdict = provenance.verify_file(file, [key.read_bytes() for key in keys])
    content = credentials.verify_file(file, _authorities(authorities))
    detection = None
    if verdict.audio is not None and not no_watermark and _readable(verdict.audio):
        from workers.speak.watermark import Watermark

        try:
            detection = Watermark().detect(verdict.audio)
        except SpokenError as error:
            raise click.ClickException(error.message) from error
    if as_json:
        result = {
            "file": str(file),
            "valid": verdict.valid,
            "summary": verdict.summary,
            "record": verdict.record,
            "c2pa": vars(content),
            "watermark": None if detection is None else detection.detected,
            "watermark_confidence": None if detection is None else detection.confidence,
            "watermark_summary": None if detection is None else detection.words,
        }
        click.echo(json.dumps(result, indent=2))
    else:
        click.echo(f"Signed record:  {verdict.summary}")
        click.echo(f"Credentials:    {content.summary}")
        if detection is not None:
            click.echo(f"Watermark:      {detection.words}")
    sys.exit(0 if verdict.valid else 1)


def _home_keys() -> Path:
    return Path(os.environ.get("SAMEVOICE_HOME", "var")) / "keys"


def _authorities(named: tuple[Path, ...]) -> bytes:
    """The authorities that were named; without any, this installation's own where it has one."""
    own = _home_keys() / "c2pa-ca.pem"
    return b"".join(path.read_bytes() for path in named or ((own,) if own.exists() else ()))


def _readable(audio: Audio) -> bool:
    return _LOWEST_RATE_HZ <= audio.rate_hz <= _HIGHEST_RATE_HZ and audio.duration_s >= 0.01
