"""Which recognised word each phone belongs to: phones to words of the text, those to words that were heard."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from workers.contracts import Word

#: Phones that may be silence: between words, and at the ends.
PAUSES = frozenset(' ,.;:!?—…"“”()')
#: More words than this that do not match are another text, not a mishearing.
MOST_MISHEARD = 4
_MARKS = frozenset("ˈˌː")
_NOT_LETTERS = re.compile(r"[\W_]+")


def matched(clauses: Sequence[str], heard: Sequence[Word]) -> list[list[Word | None]]:
    """For each clause, for each of its words by spaces: the recognised word that it is, or None.

    A few words in the midst of ones that match, where as few others were heard, were misheard: they are given the time
    of those others, in one piece.
    """
    said = [word for clause in clauses for word in clause.split()]
    matcher = SequenceMatcher(
        None, [_plain(word) for word in said], [_plain(word.text) for word in heard], autojunk=False
    )
    agreed = sum(block.size for block in matcher.get_matching_blocks())
    found: list[Word | None] = [None] * len(said)
    for tag, first, last, other, other_last in matcher.get_opcodes():
        if tag == "equal":
            found[first:last] = heard[other:other_last]
        elif tag == "replace" and max(last - first, other_last - other) <= min(MOST_MISHEARD, agreed):
            start_s, end_s = heard[other].start_s, heard[other_last - 1].end_s
            found[first:last] = [Word(word, start_s, end_s, 0.0) for word in said[first:last]]
        elif tag == "delete" and 3 * (last - first) <= agreed:  # run together with the word beside it ('we were')
            beside = heard[min(other, len(heard) - 1)]
            start_s = heard[other - 1].end_s if other > 0 else beside.start_s
            found[first:last] = [
                Word(word, min(start_s, beside.start_s), beside.end_s, 0.0) for word in said[first:last]
            ]
    out: list[list[Word | None]] = []
    for clause in clauses:
        count = len(clause.split())
        out.append(found[:count])
        found = found[count:]
    return out


def words_of_phones(phones: str, each: Sequence[str]) -> list[int | None]:
    """For each phone of a clause, the index of its word; None for pauses. `each`: the phones of each word by itself.

    In running speech espeak joins and weakens words ('of the' is one, and not said as alone), so the two are laid over
    each other, and what has no counterpart goes with what is before it.
    """
    alone = [(phone, index) for index, word in enumerate(each) for phone in word if not _pause_or_mark(phone)]
    running = [(phone, place) for place, phone in enumerate(phones) if not _pause_or_mark(phone)]
    matcher = SequenceMatcher(None, [phone for phone, _ in running], [phone for phone, _ in alone], autojunk=False)
    owners: list[int | None] = [None] * len(phones)
    for tag, begin, end, other_begin, other_end in matcher.get_opcodes():
        for offset in range(end - begin):
            if tag == "delete" or not alone:
                other = min(other_begin, len(alone) - 1)
            else:  # equal, or replaced: spread the one over the other
                other = other_begin + offset * (other_end - other_begin) // (end - begin)
            owners[running[begin + offset][1]] = alone[other][1] if alone else None
    return _settled(phones, owners)


def _settled(phones: str, owners: list[int | None]) -> list[int | None]:
    """Owners that never go back; marks belong to a phone, stress to the next one and length to the last."""
    latest = -1
    for place, owner in enumerate(owners):
        if owner is not None:
            latest = max(latest, owner)
            owners[place] = latest
    for place in range(len(phones) - 1, -1, -1):
        if phones[place] in "ˈˌ" and place + 1 < len(phones):
            owners[place] = owners[place + 1]
    for place in range(1, len(phones)):
        if owners[place] is None and phones[place] not in PAUSES:
            owners[place] = owners[place - 1]
    return owners


def _pause_or_mark(phone: str) -> bool:
    return phone in PAUSES or phone in _MARKS


def _plain(word: str) -> str:
    return _NOT_LETTERS.sub("", word.lower())
