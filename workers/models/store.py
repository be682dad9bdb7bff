"""Where the weights are on this machine, and whether they are what the manifest says."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from workers.contracts import SpokenError
from workers.models import catalogue
from workers.models.catalogue import Artefact, Manifest, WeightFile

CHUNK_BYTES = 1 << 20

#: Called with bytes done, bytes to do, and a short plain sentence for the person who waits.
ByteProgress = Callable[[int, int, str], None]

#: (resolved path, size, mtime in ns) of files whose hash this process has seen -> that hash
_seen: dict[tuple[str, int, int], str] = {}
_seen_lock = threading.Lock()


@dataclass(frozen=True)
class Status:
    """How one artefact stands. state: 'ok', 'missing', 'damaged', or 'absent' (optional, and not put in)."""

    artefact: Artefact
    state: str
    where: Path
    problem: str = ""


def folder() -> Path:
    """SAMEVOICE_MODELS_DIR, else samevoice/models in the user's cache. It need not exist yet."""
    named = os.environ.get("SAMEVOICE_MODELS_DIR")
    if named:
        return Path(named).expanduser().absolute()
    # The XDG rules: a relative XDG_CACHE_HOME is to be ignored.
    cache = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(cache) if Path(cache).is_absolute() else Path.home() / ".cache"
    return base / "samevoice" / "models"


def manifest() -> Manifest:
    """The shipped manifest with this hospital's own pins (`local.toml` in the weights folder) laid over it."""
    return catalogue.load_with_local(folder())


def artefact(artefact_id: str) -> Artefact:
    """Look one up. Raises SpokenError ('unknown_artefact')."""
    known = manifest().artefacts
    if artefact_id not in known:
        raise SpokenError(
            "unknown_artefact", f"There are no weights called '{artefact_id}'. Known: {', '.join(sorted(known))}."
        )
    return known[artefact_id]


def home(item: Artefact) -> Path:
    """The folder that holds an artefact's files, verified or not."""
    if item.kind == "tree":
        return Path(__file__).parent
    if item.kind == "installed":
        # find_spec of a top-level package looks it up without running its code.
        spec = importlib.util.find_spec(item.origin)
        return Path(spec.origin).parent if spec and spec.origin else Path(item.origin)
    return folder() / item.id


def path(artefact_id: str) -> Path:
    """The verified file (or folder, where an artefact is several files) of an artefact.

    Every file's sha256 is compared with the manifest, once a process and again whenever the file has changed.
    Raises SpokenError: 'unknown_artefact', 'missing_weights', 'damaged_weights', with what to do. Nothing else is ever
    returned in place of what was asked for.
    """
    item = artefact(artefact_id)
    if not item.files:
        raise SpokenError("missing_weights", _missing_message(item, home(item)))
    for file in item.files:
        _require(item, file)
    return home(item) / item.entry if item.entry else home(item)


class Meter:
    """Counts bytes towards a total, and tells whoever listens."""

    def __init__(self, progress: ByteProgress | None, total: int) -> None:
        self.total = total
        self._progress, self._done, self._sentence = progress, 0, ""

    def say(self, sentence: str) -> None:
        """What is being done now."""
        self._sentence = sentence
        self.add(0)

    def add(self, size: int) -> None:
        """So many bytes more are done."""
        self._done += size
        if self._progress:
            self._progress(self._done, self.total, self._sentence)


def verify(ids: Iterable[str] | None = None, progress: ByteProgress | None = None) -> list[Status]:
    """Read every file of the named artefacts (default: all) afresh, and say how each stands.

    Raises SpokenError ('unknown_artefact') only: what is missing or damaged is in the answer.
    """
    chosen = _chosen(ids)
    meter = Meter(progress, sum(item.size for item in chosen))
    statuses = []
    for item in chosen:
        meter.say(f"Checking {item.id}")
        statuses.append(_status(item, fresh=True))
        meter.add(item.size)
    return statuses


def status(ids: Iterable[str] | None = None) -> list[Status]:
    """How each artefact stands, by hashes already known to this process where the file has not changed since."""
    return [_status(item, fresh=False) for item in _chosen(ids)]


def sha256_file(file: Path, *, fresh: bool = False) -> str:
    """The sha256 of a file, remembered for this process while its size and time of change stay the same."""
    found = file.stat()
    key = (str(file.resolve()), found.st_size, found.st_mtime_ns)
    with _seen_lock:
        if not fresh and key in _seen:
            return _seen[key]
    with file.open("rb") as stream:
        # In pieces: weights may be larger than memory.
        value = hashlib.file_digest(stream, "sha256").hexdigest()
    with _seen_lock:
        _seen[key] = value
    return value


def _chosen(ids: Iterable[str] | None) -> list[Artefact]:
    return [artefact(i) for i in ids] if ids is not None else list(manifest().artefacts.values())


def _status(item: Artefact, *, fresh: bool) -> Status:
    where = home(item)
    if not item.files:
        return Status(item, "absent", where)
    for file in item.files:
        try:
            _require(item, file, fresh=fresh)
        except SpokenError as error:
            missing = error.code == "missing_weights"
            state = "absent" if missing and item.optional else "missing" if missing else "damaged"
            return Status(item, state, where, error.message)
    return Status(item, "ok", where)


def _require(item: Artefact, file: WeightFile, *, fresh: bool = False) -> None:
    location = home(item) / file.path
    try:
        size = location.stat().st_size
        actual = sha256_file(location, fresh=fresh) if size == file.size else ""
    except (FileNotFoundError, NotADirectoryError):
        raise SpokenError("missing_weights", _missing_message(item, location)) from None
    except OSError as error:
        raise SpokenError(
            "unreadable_weights", f"{location} cannot be read ({error.strerror}). Check its permissions and the disk."
        ) from error
    if size != file.size:
        raise SpokenError(
            "damaged_weights",
            f"{location} has {size:,} bytes, and should have {file.size:,}. It was not loaded. {_repair(item)}",
        )
    if actual != file.sha256:
        raise SpokenError(
            "damaged_weights",
            f"{location} is not the file that the manifest names (sha256 {actual[:12]}…, expected "
            f"{file.sha256[:12]}…). It was not loaded. {_repair(item)}",
        )


def _missing_message(item: Artefact, location: Path) -> str:
    what = f"The weights '{item.id}' ({item.purpose.rstrip('.')}) are not on this machine: {location} is missing."
    return f"{what} {_repair(item)}"


def _repair(item: Artefact) -> str:
    if item.fetched:
        return f"Run `samevoice models fetch {item.id}`."
    if item.kind == "tree":
        return "It is part of Same Voice's own files: restore it from the release."
    if item.kind == "installed":
        return f"It belongs to the installed package '{item.origin}': install the locked requirements again."
    return f"Put its files in a folder, and run `samevoice models adopt {item.id} --from FOLDER`."
