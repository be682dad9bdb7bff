"""Words that are to be said as somebody respelt them: "Siobhan" as "shiv-awn". Applied to text, before phones."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping


def respelt(text: str, pronunciations: Mapping[str, str] | None) -> str:
    """`text` with each whole word of `pronunciations` as it is to be said, whatever its capitals; the longest first.

    What was put in is not looked at again, so no two entries can chase each other. An entry that cannot be spoken is
    passed over: the word itself is better than silence.
    """
    words = {word: say for word, say in (pronunciations or {}).items() if _spoken(word) and _spoken(say)}
    if not words:
        return text
    wanted = {_folded(word): say for word, say in words.items()}
    longest_first = sorted((_plain(word) for word in words), key=len, reverse=True)
    any_of = "|".join(r"\s+".join(map(re.escape, word.split())) for word in longest_first)
    whole = re.compile(rf"(?<!\w)(?:{any_of})(?!\w)", re.IGNORECASE)
    return whole.sub(lambda found: wanted.get(_folded(found[0]), found[0]), _plain(text))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _folded(word: str) -> str:
    return " ".join(_plain(word).casefold().split())


def _spoken(text: str) -> bool:
    return any(letter.isalnum() for letter in text)
