"""Strike from a note whatever its own sources do not bear out. It trusts no draft, whoever or whatever wrote it.

A line stands if: it names utterances that exist; every quotation is verbatim in one of them, and these were
understood; every word and number outside quotations is the note's own framing or occurs in the sources; 'Reports' and
'Denies' agree with what the rules read in the same utterance; and readings are the ones that were stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from workers.contracts import Statement
from workers.summarise.findings import symptoms
from workers.summarise.note import MANNER, NOT_UNDERSTOOD, SAID, SECTIONS, SYMPTOMS, TOLD_FROM
from workers.summarise.records import UtteranceRecord

_QUOTE = re.compile(r"“([^“”]*)”")
_SYMPTOM = re.compile(r"(Reports|Denies) ([^:“”]+): ")
_READING = re.compile(r"(Distress|Urgency) (\d\.\d\d)")
_WORD = re.compile(r"[^\W_]+(?:['’.][^\W_]+)*")
#: The only words that a note says of itself, by section.
_FRAME = {
    "": "asked mentioned chosen by the patient",
    SYMPTOMS: "",
    MANNER: f"distress urgency no reading of or reached {TOLD_FROM} 0 to 1 not validated",
    SAID: "chosen by the patient spoken in english as",
    NOT_UNDERSTOOD: "not understood the recording is kept for listening",
}


def check(statements: Iterable[Statement], records: Sequence[UtteranceRecord]) -> tuple[Statement, ...]:
    """The same lines in the same order; `extra['struck']` is '' for one that stands, else why it was struck."""
    by_id = {record.id: record for record in records}
    return tuple(replace(line, extra={**line.extra, "struck": _why_struck(line, by_id)}) for line in statements)


def _why_struck(line: Statement, by_id: dict[str, UtteranceRecord]) -> str:
    if line.section not in SECTIONS:
        return "This section is not part of a note."
    if not line.utterance_ids or any(one not in by_id for one in line.utterance_ids):
        return "The utterance that it names does not exist."
    sources = [by_id[one] for one in line.utterance_ids]
    if line.section != MANNER and line.section != NOT_UNDERSTOOD and not all(one.understood for one in sources):
        return "The utterance was not understood, so it cannot be quoted."
    quotes, rest = _split(line)
    if line.section not in (MANNER, NOT_UNDERSTOOD) and not quotes:
        return "It quotes nobody."
    if any(not quote.strip() or not any(_said(quote, one, line.section) for one in sources) for quote in quotes):
        return "The quotation is not what was said."
    if line.section == MANNER:
        return _manner_struck(rest, sources)
    borne_out = {
        (one.name, one.negated)
        for source in sources
        for text in (source.text, source.english)
        for one in symptoms(text)
    }
    if any((one.name, one.negated) not in borne_out for quote in quotes for one in symptoms(quote)):
        return "Torn out of its sentence, the quotation says something else."
    if line.section == SYMPTOMS:
        return _symptom_struck(rest, quotes, sources)
    return _framing_struck(rest, line.section)


def _said(quote: str, source: UtteranceRecord, section: str) -> bool:
    """Their own words; and what sounded in their place, only where that is told as such."""
    return quote in source.text or (section == SAID and quote in source.english)


def _split(line: Statement) -> tuple[list[str], str]:
    """The quotations, and the text without them. In 'manner' the quotation marks belong to the cues."""
    if line.section == MANNER:
        return [], line.text
    quotes, rest = [], line.text
    for quote in line.extra.get("quotes", ()):  # may hold quotation marks of its own
        if f"“{quote}”" in rest:
            quotes.append(str(quote))
            rest = rest.replace(f"“{quote}”", " ", 1)
    quotes.extend(_QUOTE.findall(rest))
    return quotes, _QUOTE.sub(" ", rest)


def _manner_struck(text: str, sources: Sequence[UtteranceRecord]) -> str:
    for name, shown in _READING.findall(text):
        stored = [one.distress if name == "Distress" else one.urgency for one in sources]
        if not any(value is not None and f"{value:.2f}" == shown for value in stored):
            return "The reading is not the one that was measured."
    highest = max((max(one.distress or 0.0, one.urgency or 0.0) for one in sources), default=0.0)
    if text.startswith("No reading") and highest >= TOLD_FROM:
        return "A reading was high."
    rest = _READING.sub(" ", text)
    for cue in sorted({cue for one in sources for cue in one.cues}, key=len, reverse=True):
        rest = rest.replace(cue, " ")
    return _framing_struck(rest, MANNER)


def _symptom_struck(rest: str, quotes: Sequence[str], sources: Sequence[UtteranceRecord]) -> str:
    told = _SYMPTOM.match(rest)
    if not told:
        return "It does not say whether the symptom is reported or denied."
    wanted = (told[2], told[1] == "Denies")
    findings = [one for source in sources for one in symptoms(source.english_words)]
    findings += [replace(one, sentence=quote) for quote in quotes for one in symptoms(quote)]
    if not any(
        (one.name, one.negated) == wanted and any(one.sentence.startswith(quote) for quote in quotes)
        for one in findings
    ):
        return "What is quoted does not report or deny this."
    return _framing_struck(rest[told.end() :], SYMPTOMS)


def _framing_struck(rest: str, section: str) -> str:
    allowed = set(_words(_FRAME.get(section, _FRAME[""])))
    stray = [word for word in _words(rest) if word not in allowed]
    return f"Nobody said “{stray[0]}”." if stray else ""


def _words(text: str) -> list[str]:
    return [match.lower() for match in _WORD.findall(text)]
