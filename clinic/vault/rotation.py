"""Rotating the key-encryption key: add (and distribute), promote, re-wrap, retire.

Between the steps processes with the old keyring and with the new one work side by side: a key is only promoted once
everybody holds it, and only retired once it wraps nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from clinic.settings import Settings
from clinic.vault import errors, keyring, sealing
from clinic.vault.errors import VaultError
from clinic.vault.keystore import Keystore, Wrapped


@dataclass(frozen=True)
class KeyStatus:
    """A version of the key-encryption key: is it the active one, is it in the keyring, how many data keys it wraps."""

    version: int
    active: bool
    held: bool
    data_keys: int


def status(settings: Settings, store: Keystore) -> list[KeyStatus]:
    """Every version that the keyring holds or a data key needs, oldest first."""
    ring, counts = keyring.load(settings), store.count_by_kek()
    return [
        KeyStatus(version, version == ring.active, version in ring.keys, counts.get(version, 0))
        for version in sorted({*ring.keys, *counts})
    ]


def add(settings: Settings) -> int:
    """Put a fresh key into the keyring file, not active yet; its version."""
    version, ring = keyring.load(settings).added()
    keyring.save(settings, ring)
    return version


def promote(settings: Settings, version: int) -> None:
    """Wrap new data keys with `version` from now on. Raises VaultError 'unknown_key'."""
    try:
        ring = keyring.load(settings).promoted(version)
    except KeyError:
        raise _unknown(version) from None
    keyring.save(settings, ring)


def rewrap(settings: Settings, store: Keystore, progress: Callable[[], None] = lambda: None) -> int:
    """Wrap every data key with the active key; how many were changed. What the data keys sealed is not touched.

    Safe to stop, to run again and to run beside the service. A patient who is erased meanwhile stays erased. Raises
    VaultError 'wrong_key' when a data key needs a key that the ring lacks; those before it are done.
    """
    ring, changed = keyring.load(settings), 0
    while batch := store.not_under(ring.active):
        for old in batch:
            if old.kek_version not in ring.keys:
                raise errors.wrong_key()
            data_key = sealing.unwrap(
                ring.keys[old.kek_version], old.kek_version, old.wrapped, old.patient_id, old.version
            )
            wrapped = sealing.wrap(ring.keys[ring.active], ring.active, data_key, old.patient_id, old.version)
            changed += store.replace(old, Wrapped(old.patient_id, old.version, ring.active, wrapped))
            progress()
    store.scrub()
    return changed


def retire(settings: Settings, store: Keystore, version: int) -> None:
    """Take a key that wraps nothing out of the keyring, so that old copies of what it wrapped become worthless.

    Raises VaultError 'unknown_key' and 'key_in_use'.
    """
    ring = keyring.load(settings)
    if version == ring.active or store.count_by_kek().get(version, 0):
        raise VaultError(
            "key_in_use",
            f"Key {version} is active or still wraps patients' keys. Promote another one and re-wrap first.",
            409,
        )
    try:
        smaller = ring.without(version)
    except KeyError:
        raise _unknown(version) from None
    keyring.save(settings, smaller)


def _unknown(version: int) -> VaultError:
    return VaultError("unknown_key", f"The keyring holds no key {version}. `samevoice keys status` lists them.", 404)
