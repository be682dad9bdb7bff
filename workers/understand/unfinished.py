"""Whether words so far can hardly be all that somebody wants to say: they end in one that no sentence ends in.

It may only ever make a turn wait longer. Where it sees nothing, that says nothing: most pauses inside sentences come
after a word that could have been the last (docs/turns.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Articles, possessives, conjunctions and prepositions. Some do end a sentence ('I want to'): it waits a second longer.
_SELDOM_LAST: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "a an the my your our their its and or but because if than of from into to at by for with very",
        "fr": "le la les un une des du de d l mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs et ou "
        "mais parce que qui si à au aux chez sans très je j",
        "es": "el la los las un una de del al mi mis tu tus su sus y e o u pero porque que con por para muy",
        "de": "der die das den dem des ein eine einen einem einer mein meine meinen meiner dein deine sein seine ihr "
        "ihre und oder aber weil dass wenn zum zur vom beim sehr ich",
    }.items()
}
_ELLIPSIS = re.compile(r"(…|\.\.\.)[\"'”’)]*$")
_WORD = re.compile(r"\w+")


def seems_unfinished(text: str, language: str) -> bool:
    """True where `text`, as it was recognised, ends in '…', or in a word that seldom ends a sentence of `language`.

    A question is finished: 'What is this for?'
    """
    said = text.strip()
    if _ELLIPSIS.search(said):
        return True
    words = _WORD.findall(said.lower())
    return bool(words) and not said.endswith("?") and words[-1] in _SELDOM_LAST.get(language, frozenset())
