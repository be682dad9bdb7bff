"""The keyring: versioned key-encryption keys, one of them active.

JSON: {"active": 2, "keys": {"1": "<base64 of 32 bytes>", "2": "…"}}. It lies in a file of its own (or comes in the
environment), never in a database and never in a backup beside one.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from clinic.settings import Settings
from clinic.vault import errors
from clinic.vault.files import replace, write_once
from clinic.vault.sealing import KEY_BYTES


@dataclass(frozen=True)
class Keyring:
    """`keys[version]` is 32 bytes. New data keys are wrapped with `active`; the others still open old ones."""

    active: int
    keys: Mapping[int, bytes] = field(repr=False)  # a traceback or a log must never show them

    @staticmethod
    def new() -> Keyring:
        """A keyring with one fresh key."""
        return Keyring(1, {1: os.urandom(KEY_BYTES)})

    @staticmethod
    def from_json(text: str) -> Keyring:
        """Read and check. Raises VaultError 'no_keyring'; the message never quotes what was read."""
        try:
            raw = json.loads(text)
            keys = {int(version): base64.b64decode(key, validate=True) for version, key in raw["keys"].items()}
            active = int(raw["active"])
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
            raise errors.no_keyring("The keyring is not the JSON that it should be.") from None
        if active not in keys or any(len(key) != KEY_BYTES or version < 1 for version, key in keys.items()):
            raise errors.no_keyring("The keyring lacks its active key, or a key in it is not 32 bytes long.")
        return Keyring(active, keys)

    def to_json(self) -> str:
        """The file's text."""
        keys = {str(version): base64.b64encode(key).decode() for version, key in sorted(self.keys.items())}
        return json.dumps({"active": self.active, "keys": keys}, indent=1) + "\n"

    def added(self) -> tuple[int, Keyring]:
        """With a fresh key of the next version, which is not active yet."""
        version = max(self.keys) + 1
        return version, Keyring(self.active, {**self.keys, version: os.urandom(KEY_BYTES)})

    def promoted(self, version: int) -> Keyring:
        """With `version` active. Raises KeyError when the ring does not hold it."""
        if version not in self.keys:
            raise KeyError(version)
        return Keyring(version, self.keys)

    def without(self, version: int) -> Keyring:
        """Without a version that is not active. Raises KeyError when it is not there, ValueError when it is active."""
        if version == self.active:
            raise ValueError("the active key cannot be retired")
        keys = dict(self.keys)
        del keys[version]
        return Keyring(self.active, keys)


def keyring_path(settings: Settings) -> Path:
    """Where the keyring file is."""
    return settings.kek_file or settings.path("keys", "kek.json")


def load(settings: Settings) -> Keyring:
    """The keyring from the environment or its file. Raises VaultError 'no_keyring'."""
    if settings.kek:
        return Keyring.from_json(settings.kek)
    try:
        text = keyring_path(settings).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise errors.no_keyring("There is no keyring.") from None
    except (OSError, UnicodeDecodeError):
        raise errors.no_keyring("The keyring file cannot be read by this process.") from None
    return Keyring.from_json(text)


def save_new(settings: Settings, ring: Keyring) -> bool:
    """Write the first keyring, 0600. False when there is one already."""
    return write_once(keyring_path(settings), ring.to_json().encode())


def save(settings: Settings, ring: Keyring) -> None:
    """Write a changed keyring. Raises VaultError 'no_keyring' when it comes from the environment."""
    if settings.kek:
        raise errors.no_keyring("The keyring is in the environment (SAMEVOICE_KEK), where it cannot be changed.")
    replace(keyring_path(settings), ring.to_json().encode())
