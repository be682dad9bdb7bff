"""A text cut where a speaker would breathe, so that the first sound comes before the last word is made."""

from __future__ import annotations

import re

#: Cut after these, unless a number or an abbreviation goes on.
_ENDS = re.compile(r"(?<=[.!?…;:,])[\"'”’)]*\s+")
_ABBREVIATIONS = re.compile(r"\b(?:dr|mr|mrs|ms|prof|st|no|vs|e\.g|i\.e|approx|mg|ml)\.[\"'”’)]*\s*$", re.IGNORECASE)
_JOINING = re.compile(r"\s+(?=(?:and|but|or|because|while)\b)", re.IGNORECASE)

#: Shorter pieces sound chopped, and cost the engine a start of their own.
LEAST_WORDS = 3
#: A first clause over this is cut at a joining word, so that a waiting person hears something.
FIRST_MOST_WORDS = 9
#: No clause is longer; the engine takes 510 phones, and speaks best up to about half of that.
MOST_WORDS = 28


def clauses(text: str) -> list[str]:
    """`text` in order, in pieces of 3 to 28 words; joined by spaces they are `text` again, but for its spacing."""
    pieces: list[str] = []
    for piece in _ENDS.split(text.strip()):
        if pieces and (_ABBREVIATIONS.search(pieces[-1]) or _short(pieces[-1])):
            pieces[-1] = f"{pieces[-1]} {piece}"
        elif piece:
            pieces.append(piece)
    if len(pieces) > 1 and _short(pieces[-1]):
        last = pieces.pop()
        pieces[-1] = f"{pieces[-1]} {last}"
    if pieces and len(pieces[0].split()) > FIRST_MOST_WORDS:
        pieces[:1] = _at_joining_word(pieces[0])
    return [part for piece in pieces for part in _no_longer(piece)]


def halves(piece: str) -> tuple[str, str]:
    """A piece that is too long to be spoken at once, cut in the middle: between words, or inside a lone one."""
    words = piece.split()
    if len(words) > 1:
        return " ".join(words[: len(words) // 2]), " ".join(words[len(words) // 2 :])
    return piece[: len(piece) // 2], piece[len(piece) // 2 :]


def _short(piece: str) -> bool:
    return len(piece.split()) < LEAST_WORDS and not piece.rstrip("\"'”’)").endswith((".", "!", "?", "…"))


def _at_joining_word(piece: str) -> list[str]:
    for found in _JOINING.finditer(piece):
        before, after = piece[: found.start()], piece[found.end() :]
        if LEAST_WORDS < len(before.split()) <= FIRST_MOST_WORDS and len(after.split()) >= LEAST_WORDS:
            return [before, after]
    return [piece]


def _no_longer(piece: str) -> list[str]:
    words = piece.split()
    return [" ".join(words[start : start + MOST_WORDS]) for start in range(0, len(words), MOST_WORDS)]
