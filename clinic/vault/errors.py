"""What can be wrong with a sealed thing, in plain words."""

from __future__ import annotations

from clinic.errors import PlainError


class VaultError(PlainError):
    """A sealed thing that could not be kept or opened. Nothing of its content is in the message."""


def wrong_key() -> VaultError:
    """The patient's wrapped key does not open with this installation's keyring."""
    return VaultError(
        "wrong_key",
        "This patient's key does not open with the keyring of this installation. Nothing is lost: put back the "
        "keyring that it was wrapped with (SAMEVOICE_KEK_FILE), then try again.",
        500,
    )


def tampered() -> VaultError:
    """A sealed value that was changed, or stands where it was not sealed."""
    return VaultError(
        "tampered",
        "A sealed record is damaged, or is not in the place where it was sealed: it may have been changed, moved or "
        "rolled back. It was not opened. Tell hospital IT; a backup may hold it unharmed.",
        500,
    )


def erased() -> VaultError:
    """There is no data key: the patient was erased."""
    return VaultError("erased", "This patient's records were erased. Nobody can open them again.", 410)


def no_keyring(why: str) -> VaultError:
    """There is no keyring, or none that can be read."""
    return VaultError(
        "no_keyring",
        f"{why} Put the keyring back where SAMEVOICE_KEK_FILE points (or into SAMEVOICE_KEK). Only on a new "
        "installation: `make setup` makes one.",
        503,
    )


def disk_full() -> VaultError:
    """No room left for a blob."""
    return VaultError(
        "disk_full",
        "There is no room left on the disk of Same Voice. Nothing that was kept before is harmed. Free some space, "
        "then send it again.",
        507,
    )


def blob_missing() -> VaultError:
    """A blob's file is not there."""
    return VaultError(
        "blob_missing",
        "This recording is no longer in the store. Tell hospital IT; a backup may hold it.",
        404,
    )


def keystore_unavailable() -> VaultError:
    """The store of wrapped data keys cannot be reached, or has no tables yet."""
    return VaultError(
        "keystore_unavailable",
        "The store of patients' keys cannot be reached. Check SAMEVOICE_KEYSTORE_URL and run `samevoice database "
        "upgrade`, then try again.",
        503,
    )
