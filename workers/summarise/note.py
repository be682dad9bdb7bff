"""A session as a draft note. Every line quotes the patient or a measurement, and names the utterances it came from.

Rules pick sentences and set them under headings; no model writes prose, so nothing can be made up. What rules miss is
still there: 'What was said' holds every understood utterance. It is a draft: a clinician reads, corrects and signs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from workers.contracts import Statement
from workers.summarise.findings import follow_ups, requests, symptoms
from workers.summarise.records import SessionRecord, UtteranceRecord

CONCERNS = "Concerns in the patient's words"
SYMPTOMS = "Symptoms"
REQUESTS = "Requests"
MANNER = "Communication and manner"
FOLLOW_UP = "Follow-up"
NOT_UNDERSTOOD = "Not understood"
SAID = "What was said"
SECTIONS = (CONCERNS, SYMPTOMS, REQUESTS, MANNER, FOLLOW_UP, NOT_UNDERSTOOD, SAID)

#: Readings at or over this are told in the note.
TOLD_FROM = 0.4
_LONGEST_QUOTE = 400  # characters; the utterance itself is one click away


def draft(session: SessionRecord) -> tuple[Statement, ...]:
    """The note's lines, by section in the order of `SECTIONS`, then by time. An empty session gives none."""
    lines = [line for record in session.utterances for line in _of_utterance(record)]
    lines.extend(_calm(session.utterances))
    return tuple(sorted(lines, key=lambda line: SECTIONS.index(line.section)))


def _of_utterance(record: UtteranceRecord) -> Iterator[Statement]:
    if not record.understood:
        if record.gate or record.text.strip():
            yield _line(record, NOT_UNDERSTOOD, "Not understood; the recording is kept for listening.")
        return
    findings = symptoms(record.english_words)
    told = [finding for finding in findings if not finding.negated]
    if told or max(record.distress or 0.0, record.urgency or 0.0) >= TOLD_FROM:
        for quote in dict.fromkeys(finding.sentence for finding in told) or [record.text]:
            yield _quoting(record, CONCERNS, "", quote)
    for finding in findings:
        verb = "Denies" if finding.negated else "Reports"
        yield _quoting(record, SYMPTOMS, f"{verb} {finding.name}: ", finding.sentence)
    for sentence in requests(record.english_words):
        yield _quoting(record, REQUESTS, "Asked: ", sentence)
    yield from _manner(record)
    for sentence in follow_ups(record.english_words):
        yield _quoting(record, FOLLOW_UP, "Mentioned: ", sentence)
    said = _quoting(record, SAID, "Chosen by the patient: " if record.chosen else "", record.text)
    yield _with_english(said, record.english) if record.english else said


def _manner(record: UtteranceRecord) -> Iterator[Statement]:
    readings = [("Distress", record.distress), ("Urgency", record.urgency)]
    high = [f"{name} {value:.2f}" for name, value in readings if value is not None and value >= TOLD_FROM]
    if high and record.cues:
        yield _line(record, MANNER, f"{', '.join(high)} (0 to 1, not validated): {'; '.join(record.cues)}.")


def _calm(records: tuple[UtteranceRecord, ...]) -> Iterator[Statement]:
    """One line when everything that was read stayed under the mark; not a word about what was not read."""
    read = [record for record in records if record.distress is not None and record.urgency is not None]
    if read and all(max(record.distress or 0.0, record.urgency or 0.0) < TOLD_FROM for record in read):
        yield Statement(
            MANNER,
            f"No reading of distress or urgency reached {TOLD_FROM} (0 to 1, not validated).",
            tuple(record.id for record in read),
            read[0].at,
        )


def _with_english(said: Statement, english: str) -> Statement:
    """What was said and, after it, what software made of it and the patient let sound."""
    shown, more = _shortened(english)
    quotes = (*said.extra["quotes"], shown)
    return replace(said, text=f"{said.text} Spoken in English as “{shown}”{more}", extra={"quotes": quotes})


def _quoting(record: UtteranceRecord, section: str, before: str, quote: str) -> Statement:
    shown, more = _shortened(quote)
    return _line(record, section, f"{before}“{shown}”{more}", {"quotes": (shown,)})


def _shortened(quote: str) -> tuple[str, str]:
    quote = quote.strip()
    shown = quote if len(quote) <= _LONGEST_QUOTE else quote[:_LONGEST_QUOTE].rsplit(maxsplit=1)[0]
    return shown, "" if shown == quote else " …"


def _line(record: UtteranceRecord, section: str, text: str, extra: dict[str, Any] | None = None) -> Statement:
    return Statement(section, text, (record.id,), record.at, extra or {})
