"""What a patient said, understood: in which words, whether they may be spoken, how it sounded. Also before its end."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from clinic.database import transaction
from clinic.live.tables import Utterance
from clinic.patients.tables import INTERPRET
from clinic.vault import get_vault
from workers.contracts import RECOGNITION_RATE_HZ, Audio, Prosody, Transcript
from workers.feel import prosody
from workers.hear.decode import decode
from workers.hear.whose import Voice
from workers.tasks import listed, sealed, taught, understood, whose
from workers.tasks.listed import Words
from workers.tasks.premade import Premade
from workers.tasks.understood import Ear


@dataclass(frozen=True)
class Heard:
    """One utterance, understood."""

    audio: Audio
    transcript: Transcript
    #: Whose voice it is; None where nobody asked.
    voice: Voice | None = None

    @cached_property
    def measured(self) -> Prosody:
        """How it was said. Takes a moment, the first time."""
        return prosody.measure(self.audio, self.transcript.words)


@dataclass(frozen=True)
class _How:
    """All that understanding one sound depends on: while it is the same, so is the outcome."""

    sound: bytes  # sha256
    ear: Ear
    words: Words
    language: str
    sure_at: float
    consents: frozenset[str]
    mode: str | None


#: What was understood of utterances that were not over: some seconds of sound, and words.
_ahead: Premade[Heard] = Premade(most=16, keep_s=20.0)


def hear(row: Utterance) -> tuple[Heard, str | None]:
    """Understand an utterance: and why it must not be spoken unasked, None if it may.

    What was understood of the very same sound ahead of its end serves.
    """
    audio, how, asks_first = _of(row)
    heard = _ahead.take((row.id, how)) or _understood(row.patient_id, audio, how)
    gate = heard.transcript.gate or ("cut_off" if row.cut_off else None) or _first(how, asks_first)
    return heard, _whose(row, heard) or gate


def hear_ahead(row: Utterance) -> tuple[Heard, str | None] | None:
    """The same for what was said so far, in case that it is all; None where it was understood already."""
    audio, how, asks_first = _of(row)

    def make() -> Heard:
        heard = _understood(row.patient_id, audio, how)
        _ = heard.measured  # so that nobody waits for it later
        return heard

    heard = _ahead.make((row.id, how), make)
    if heard is None:
        return None
    return heard, _whose(row, heard) or heard.transcript.gate or _first(how, asks_first)


def heard_before(row: Utterance, transcript: Transcript) -> Heard:
    """What was understood of an utterance some time ago."""
    return Heard(_decoded(get_vault().get_blob(row.patient_id, row.audio_blob_id)), transcript)


def _first(how: _How, asks_first: bool) -> str | None:
    """On severe speech stock recognition invents fluently, and its confidence does not show it. Translation does it on
    clear speech, too: it is asked about always (docs/modes.md)."""
    if asks_first and not how.ear.learned:
        return "not_adapted"
    return "interpreted" if how.mode == INTERPRET else None


def _of(row: Utterance) -> tuple[Audio, _How, bool]:
    with transaction() as session:
        patient = sealed.patient_of(session, row.patient_id)
        language, sure_at, asks_first = patient.language, patient.sure_at, patient.asks_first
        consents = sealed.consents(session, row.patient_id)
    data = get_vault().get_blob(row.patient_id, row.audio_blob_id)
    ear, words = understood.ear_of(row.patient_id), listed.words_of(row.patient_id)
    sha256 = hashlib.sha256(data).digest()
    return _decoded(data), _How(sha256, ear, words, language, sure_at, consents, row.speech_mode), asks_first


def _whose(row: Utterance, heard: Heard) -> str | None:
    """What the speaker check says against it. Where no words were heard there is nothing to ask about."""
    gate = whose.gate(row, heard.voice)
    return gate if gate == whose.PUT_ASIDE or heard.transcript.readings else None


def _understood(patient_id: str, audio: Audio, how: _How) -> Heard:
    voice = whose.begin(patient_id, audio)  # beside recognition, which takes longer
    if how.mode == INTERPRET:
        # Of what a patient taught there is no English: neither it nor anything else without is offered.
        transcript = how.ear.recogniser.interpret(audio, language=how.language, sure_at=how.sure_at)
        return Heard(audio, transcript, whose.ended(voice))
    known = listed.opened(patient_id, how.words, how.language)
    transcript = how.ear.recogniser.transcribe(audio, language=how.language, sure_at=how.sure_at, listed=known)
    transcript = taught.with_taught(patient_id, audio, transcript, learned=how.ear.learned)
    return Heard(audio, transcript, whose.ended(voice))


def _decoded(data: bytes) -> Audio:
    return decode(data, rate_hz=RECOGNITION_RATE_HZ).audio
