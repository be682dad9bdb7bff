"""Pass phrases: argon2id, and NIST SP 800-63B's rules (length and a list of the common ones; nothing else)."""

from __future__ import annotations

import secrets
from functools import lru_cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from clinic.errors import PlainError

SHORTEST, LONGEST = 12, 256
_hasher = PasswordHasher()


def hashed(password: str, username: str) -> str:
    """The hash to keep. Raises PlainError 'weak_password'."""
    check_strength(password, username)
    return _hasher.hash(password)


def check_strength(password: str, username: str) -> None:
    """Raises PlainError 'weak_password' for one that is short, common or made of the username."""
    if len(password) < SHORTEST:
        raise _weak(f"Use at least {SHORTEST} characters. A few words in a row are easy to remember.")
    if len(password) > LONGEST:
        raise _weak(f"Use at most {LONGEST} characters.")
    folded = password.casefold()
    plain = "".join(character for character in folded if character.isalnum())
    if folded in _common() or plain in _common() or len(set(plain)) <= 3:
        raise _weak("This one is among the first that a stranger would try. Choose some words of your own.")
    if plain.replace(username.casefold(), "").isdigit() or plain == username.casefold() * 2:
        raise _weak("Do not build it from the username. Choose some words of your own.")


def matches(stored: str | None, password: str) -> bool:
    """Whether `password` is right. It takes as long when there is no such account (`stored` is None)."""
    known = stored if stored is not None else _nobodys_hash()
    try:
        _hasher.verify(known, password[: LONGEST + 1])
    except (VerifyMismatchError, InvalidHashError):
        return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Whether the hash was made with weaker settings than today's."""
    return _hasher.check_needs_rehash(stored)


def rehashed(password: str) -> str:
    """A new hash of a password that was just verified."""
    return _hasher.hash(password)


@lru_cache
def _nobodys_hash() -> str:
    return _hasher.hash(secrets.token_hex(16))


@lru_cache
def _common() -> frozenset[str]:
    text = Path(__file__).with_name("common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))


def _weak(message: str) -> PlainError:
    return PlainError("weak_password", message)
