"""What of a text can be spoken: mark-up is taken out, and what would be left out or garbled is refused in plain words.

Every engine's `say` begins here, so that all of them refuse the same things in the same words. A person who cannot
speak for themselves must be able to trust that what was on the screen is what was said: nothing is dropped silently
but what has no sound.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar

from workers.contracts import SpokenError

#: About two minutes of speech; a turn is one minute at most. Longer text is a document, or an attack.
LONGEST_TEXT = 2_000

#: An XML tag with properly quoted attributes, a comment or an instruction: SSML, or whatever a text was pasted from.
#: `a < b`, and `<b and c>`, are none.
_MARKUP = re.compile(
    r"<!--.*?-->|<\?.*?\?>|</?[A-Za-z][\w:.-]*(?:\s+[\w:.-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*\s*/?>", re.DOTALL
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|[A-Za-z]{2,31});")

#: Unicode's name of a script, where it is not what a reader would call it.
_CALLED = {"CJK": "Chinese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean"}

#: What an engine counts: a string of phones, a list of tokens.
Units = TypeVar("Units", bound=Sized)


def speakable(text: str) -> str:
    """`text` without mark-up, its digits and single Greek letters as English has them.

    Raises SpokenError: 'text_too_long' over 2,000 characters; 'nothing_to_say' where no letter or digit is in it;
    'other_script' where a letter is neither Latin nor a single Greek one (as in 'β-blocker').
    """
    if len(text) > LONGEST_TEXT:
        raise SpokenError(
            "text_too_long",
            f"This text has {len(text):,} characters; {LONGEST_TEXT:,}, about two minutes of speech, can be spoken at "
            "once. Nothing was said. Say it in parts.",
        )
    plain = _ENTITY.sub(lambda found: html.unescape(found[0]), _MARKUP.sub(" ", text))
    plain = unicodedata.normalize("NFKC", plain)
    plain = "".join(_in_english(plain, place) for place in range(len(plain)))
    if not any(letter.isalnum() for letter in plain):
        raise SpokenError("nothing_to_say", "There is nothing in this text that can be spoken.")
    return re.sub(r"\s+", " ", plain).strip()


def in_reach(pieces: Iterable[str], units_of: Callable[[str], Units], most: int) -> Iterator[tuple[str, Units]]:
    """Each piece with its phones or tokens, halved until they are fewer than `most`; those with none are left out.

    28 words of digits are 900 phones: an engine that takes 500 would speak half of them and seem done.
    """
    for piece in pieces:
        units = units_of(piece)
        if len(units) < most:
            if len(units):
                yield piece, units
            continue
        words = piece.split()
        middle = len(piece) // 2 if len(words) == 1 else len(" ".join(words[: len(words) // 2]))
        yield from in_reach((piece[:middle].strip(), piece[middle:].strip()), units_of, most)


def _in_english(text: str, place: int) -> str:
    """One character as English writes it. Raises SpokenError 'other_script'."""
    letter = text[place]
    if letter.isascii():
        return letter
    if unicodedata.category(letter) == "Nd":
        return str(unicodedata.decimal(letter))
    name = unicodedata.name(letter, "")
    if not letter.isalpha() or name.startswith(("LATIN", "MODIFIER")):
        return letter
    if name.startswith("GREEK") and not (_alpha(text, place - 1) or _alpha(text, place + 1)):
        return name.split()[-1].lower() if " WITH " not in name else letter
    script = name.split(" ")[0].split("-")[0]
    called = _CALLED.get(script, script.capitalize() or "another")
    raise SpokenError(
        "other_script",
        f"Part of this text is in {called} letters, and the voice speaks English only. Nothing was said. Write it in "
        "Latin letters.",
    )


def _alpha(text: str, place: int) -> bool:
    return 0 <= place < len(text) and text[place].isalpha()
