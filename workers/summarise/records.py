"""What a note is drafted from: plain values, with no database behind them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class UtteranceRecord:
    """One turn of a session.

    id: the utterance's own. at: ISO 8601 time of its end. text: what was said aloud; if nothing was, the best guess.
    english: where English was said aloud in the place of `text`, that. language: of `text`.
    chosen: the patient picked or corrected the words. gate: why the words were held back, None if they were not.
    distress, urgency: 0..1, None where they were not read. cues: what made them, in plain words.
    """

    id: str
    at: str
    text: str
    chosen: bool = False
    gate: str | None = None
    confidence: float | None = None
    distress: float | None = None
    urgency: float | None = None
    cues: tuple[str, ...] = ()
    english: str = ""
    language: str = "en"

    @property
    def english_words(self) -> str:
        """What the rules may read: they know English alone, and find 'pain' in French bread. A translation is not the
        patient's own words, so nothing is concluded from it."""
        return self.text if self.language.split("-")[0].lower() == "en" else ""

    @property
    def understood(self) -> bool:
        """Whether the words may be told as the patient's: sure enough to be spoken, or confirmed by the patient."""
        return bool(self.text.strip()) and (self.chosen or self.gate is None)


@dataclass(frozen=True)
class SessionRecord:
    """A session's turns, in order."""

    id: str
    started_at: str
    utterances: tuple[UtteranceRecord, ...]
