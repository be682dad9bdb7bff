"""Errors that are written for the person who meets them."""

from __future__ import annotations


class PlainError(Exception):
    """What is wrong and what to do, in plain words.

    `code` is stable and short, for tests, clients and logs. The message may be shown as it is; it never holds
    anybody's words, name or key.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
