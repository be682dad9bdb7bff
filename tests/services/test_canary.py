"""No name, word, file name, sound or key can be found in the bytes that the service wrote."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import numpy as np
from sqlalchemy.engine import make_url

from bench import two_cities
from clinic.settings import get_settings
from clinic.vault import get_vault
from tests.homes import DATABASE_URL, REDIS_URL
from tests.services.conftest import FILENAME, NAME, Journey, Service
from workers.tasks.sealed import binding


def _everything_written(service: Service) -> dict[str, bytes]:
    """Database, blobs and logs, as bytes; a dump where the database is a server, and all that Redis holds."""
    written = {
        str(path): path.read_bytes()
        for folder in (service.home, service.logs)
        for path in folder.rglob("*")
        if path.is_file() and "keys" not in path.relative_to(folder).parts[:1]
    }
    keys = service.home / "keys"
    written |= {str(path): path.read_bytes() for path in keys.glob("*.sqlite*")}
    if DATABASE_URL:
        for url in (get_settings().database, get_settings().keystore):
            plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
            written[plain] = subprocess.run(["pg_dump", plain], check=True, capture_output=True).stdout
    if REDIS_URL:
        import redis

        for url in (REDIS_URL, get_settings().broker_url):
            client = redis.Redis.from_url(url)
            for key in client.scan_iter():
                written[f"{url} {key!r}"] = key + (client.dump(key) or b"")
    return written


def _searches(service: Service, seen: Journey) -> dict[str, bytes]:
    vault = get_vault()
    model = binding(str(seen.voice.model), str(seen.voice.revision))
    style = vault.get_bytes(seen.voice, "vectors_sealed", binding=model)
    sound = (two_cities.historic().samples[96_000:96_400] * 32767).round().astype("<i2").tobytes()
    spoken = (seen.clear.samples[12_000:12_300] * 32768).round().astype("<i2").tobytes()
    keyring = json.loads((service.home / "keys" / "kek.json").read_text())
    kek = next(iter(keyring["keys"].values()))
    return {
        "name": b"Featherstonehaugh",
        "file name": FILENAME.removesuffix(".wav").encode(),
        "a word that was enrolled": b"incredulity",
        "a word that was said": b"noisiest",
        "words that were said": b"superlative degree",
        "words that were chosen": b"for good or for evil",
        "the recording's samples": sound,
        "restored samples": spoken,
        "the style": style[-256:],
        "the key-encryption key": base64.b64decode(kek),
        "the key-encryption key, written out": str(kek).encode(),
    }


def test_no_canary_is_found_in_what_the_service_wrote(service: Service, journey: Journey) -> None:
    assert NAME.endswith("Featherstonehaugh")
    assert np.abs(journey.clear.samples[12_000:12_300]).max() > 0.001, "silence would be no canary"
    written = _everything_written(service)
    assert sum(len(data) for data in written.values()) > 1_000_000
    found = [
        (what, Path(where).name)
        for what, needle in _searches(service, journey).items()
        for where, data in written.items()
        if needle.lower() in data.lower() or needle in data or base64.b64encode(needle)[:-4] in data
    ]
    assert found == []


def test_the_search_itself_finds_a_canary(service: Service, journey: Journey) -> None:
    (service.home / "leak.bin").write_bytes(b"\0" * 100 + b"Featherstonehaugh")
    try:
        assert any(b"Featherstonehaugh" in data for data in _everything_written(service).values())
    finally:
        (service.home / "leak.bin").unlink()
