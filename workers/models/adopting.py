"""Weights that a hospital brings itself: copied in, hashed, and pinned beside the others in `local.toml`.

From then on they are verified like what we ship. An adopted artefact may bear an id of ours, and then replaces it.
`local.toml` is trusted as the shipped manifest is: keep the weights folder writable by an administrator alone.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from workers.contracts import SpokenError
from workers.models import catalogue, fetching, store
from workers.models.catalogue import Artefact, WeightFile


def adopt(
    artefact_id: str,
    source: Path,
    *,
    revision: str,
    purpose: str = "",
    licence: str = "",
    progress: store.ByteProgress | None = None,
) -> Artefact:
    """Copy the regular files under `source` into the weights folder and pin them as `artefact_id`.

    `revision` is the model repository's commit or the vendor's version. Purpose and licence are taken from the manifest
    where it knows the id. Raises SpokenError: 'nothing_to_adopt', 'incomplete_pin', 'disk_full', 'cannot_write'.
    """
    folder = store.folder()
    known = store.manifest().artefacts.get(artefact_id)
    purpose, licence = purpose or (known.purpose if known else ""), licence or (known.licence if known else "")
    if not purpose or not licence or not revision:
        raise SpokenError(
            "incomplete_pin",
            f"Say the purpose, the licence and the revision of '{artefact_id}', so that others can judge it.",
        )
    found = sorted(file for file in source.rglob("*") if file.is_file()) if source.is_dir() else []
    if not found:
        raise SpokenError("nothing_to_adopt", f"{source} is not a folder with files in it.")
    meter = store.Meter(progress, sum(file.stat().st_size for file in found))
    with fetching.exclusive(folder), fetching.staging(folder) as staged:
        fetching.require_space(folder, meter.total)
        made = staged / "made"
        files = []
        for file in found:
            relative = file.relative_to(source)
            meter.say(f"Copying {relative}")
            target = made / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            # A hub's cache holds links into a store of its own; what is wanted is what they point at.
            shutil.copyfile(file, target)
            size = target.stat().st_size
            files.append(WeightFile(path=relative.as_posix(), size=size, sha256=store.sha256_file(target, fresh=True)))
            meter.add(size)
        item = Artefact(
            id=artefact_id,
            purpose=purpose,
            licence=licence,
            kind="folder",
            files=tuple(files),
            entry=known.entry if known and known.entry in {file.path for file in files} else "",
            origin=known.origin if known else "",
            revision=revision,
            optional=known.optional if known else True,
        )
        local = folder / catalogue.LOCAL_MANIFEST
        pinned = dict(catalogue.load_lone(local)) if local.is_file() else {}
        pinned[item.id] = item
        written = staged / catalogue.LOCAL_MANIFEST
        with written.open("w", encoding="utf-8") as stream:
            stream.write(_toml(pinned))
            stream.flush()
            os.fsync(stream.fileno())
        catalogue.load(catalogue.MANIFEST, written)
        fetching.install_folder(made, folder / item.id)
        written.replace(local)
    return item


def _toml(pinned: dict[str, Artefact]) -> str:
    lines = ["# Weights that this hospital brought itself. Written by `samevoice models adopt`."]
    for item in pinned.values():
        lines += ["", "[[artefact]]"]
        for key in ("id", "purpose", "licence", "kind", "entry", "origin", "revision"):
            # A JSON string is a TOML string.
            lines.append(f"{key} = {json.dumps(getattr(item, key), ensure_ascii=False)}")
        lines.append(f"optional = {'true' if item.optional else 'false'}")
        for file in item.files:
            lines += ["", "  [[artefact.file]]", f"  path = {json.dumps(file.path, ensure_ascii=False)}"]
            lines += [f"  size = {file.size}", f'  sha256 = "{file.sha256}"']
    return "\n".join(lines) + "\n"
