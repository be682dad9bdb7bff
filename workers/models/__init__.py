"""The room of weights: each file is named in `manifest.toml`, found, verified by sha256, and only then opened.

`path('whisper-base')` gives a folder or file whose every byte has been checked, or raises SpokenError with what to do.
"""

from __future__ import annotations

from workers.models.adopting import adopt
from workers.models.catalogue import Artefact, Manifest
from workers.models.fetching import archives_of, fetch
from workers.models.store import Status, folder, manifest, path, status, verify

__all__ = [
    "Artefact",
    "Manifest",
    "Status",
    "adopt",
    "archives_of",
    "fetch",
    "folder",
    "manifest",
    "path",
    "status",
    "verify",
]
