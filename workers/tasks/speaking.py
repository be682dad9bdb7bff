"""Saying a text in a patient's own voice: begun ahead where that pays, streamed as it is made, kept with its proof."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.database import now, transaction
from clinic.live.tables import CANCELLED, FAILED, SPOKEN, Utterance
from clinic.patients import modes
from clinic.patients.tables import AS_SAID, INTERPRET, RESTORE, Patient
from clinic.settings import get_settings
from clinic.vault import get_vault
from workers.contracts import Audio, Cancelled, FloatArray, Speech, SpokenError, Voice
from workers.speak.cue import led_by_tone
from workers.tasks import listen, rooms, sealed, spoken
from workers.tasks.codec import pcm16
from workers.tasks.heard import Heard
from workers.tasks.premade import Premade
from workers.tasks.sound import at_rate

#: The patient or the tablet gave this utterance up: it is never spoken late.
ENDED = (CANCELLED, FAILED)

#: Sends an event, and sound with it, to whoever listens.
Tell = Callable[[dict[str, Any], bytes], None]


@dataclass(frozen=True)
class _How:
    """How a text would be said at this moment. While it is the same, so is what was begun."""

    text: str
    voice_id: str
    voice: Voice
    patient: Patient
    words: Mapping[str, str]
    cue: bool
    mode: str

    @property
    def key(self) -> tuple[Any, ...]:
        settings = self.patient.manner_strength, self.patient.pace
        return (self.text, self.mode, self.voice_id, self.voice.revision, *settings, *sorted(self.words.items()))


@dataclass(frozen=True)
class _Opening:
    """Speech whose first piece is made."""

    first: Speech
    rest: Generator[Speech, None, None]

    def pieces(self) -> Generator[Speech, None, None]:
        with closing(self.rest):
            yield self.first
            yield from self.rest


#: Beginnings that nobody has asked for yet: up to three readings of an utterance, until one is touched.
_ahead: Premade[_Opening] = Premade(most=12, keep_s=60.0, drop=lambda opening: opening.rest.close())


def begin_ahead(row: Utterance, text: str, heard: Heard, in_vain: Cancelled) -> None:
    """Make the first piece of `text`, unheard, in case that it is to be said; `in_vain`: it will not be.

    Raises what `say` raises, and Stopped within 0.1 s.
    """
    how = _how(row, text)

    def make() -> _Opening:
        pieces = _pieces(row, how, heard, in_vain)
        first = next(pieces, None)
        if first is None:
            raise _nothing_to_say()
        return _Opening(first, pieces)

    _ahead.make((row.id, how.key), make)


def say(row: Utterance, text: str, heard: Heard, tell: Tell) -> None:
    """Speak `text`, piece by piece, as it is made; keep it, with its provenance.

    The engine makes the next piece while this one is marked, sealed and published. It asks whether the utterance was
    cancelled while it is waited for, so that this ends within 0.1 s. Raises SpokenError 'no_consent', 'no_voice',
    'nothing_to_say' and the engine's; VaultError where the voice does not open; Stopped.
    """
    how = _how(row, text)
    opening = _ahead.take((row.id, how.key))
    made: list[FloatArray] = []
    rate_hz = 0
    first_sound_s = 0.0
    # Closed, whatever happens here: else the engine would go on for nobody.
    with closing(opening.pieces() if opening is not None else _pieces(row, how, heard)) as speeches:
        for marked in _marked(speeches, how.cue):
            if not made:
                rate_hz = marked.rate_hz
                first_sound_s = (now() - row.ended_at).total_seconds()
                tell({"type": "speech_start", "rate_hz": rate_hz, "voice": "own"}, b"")
            tell({"type": "speech"}, pcm16(marked.samples))
            made.append(marked.samples)
    if not made:
        raise _nothing_to_say()

    audio = Audio(np.concatenate(made), rate_hz)
    _keep(row.id, at_rate(audio, get_settings().kept_rate_hz), how, first_sound_s)
    tell({"type": "speech_end", "duration_s": audio.duration_s, "watermarked": True}, b"")


def _how(row: Utterance, text: str) -> _How:
    with transaction() as session:
        patient = sealed.patient_of(session, row.patient_id)
        if not {"speak_for_me", "keep_voice"} <= sealed.consents(session, row.patient_id):
            raise SpokenError("no_consent", "There is no consent to speak in your voice. Your clinician can record it.")
        voice_id, voice = sealed.open_voice(session, row.patient_id)
        cue = get_settings().synthetic_cue == "tone" and not _spoken_before(session, row)
        mode = row.speech_mode or RESTORE
        _require_possible(patient, voice, mode)
        return _How(text, voice_id, voice, patient, sealed.pronunciations(session, row.patient_id), cue, mode)


def _require_possible(patient: Patient, voice: Voice, mode: str) -> None:
    """Nothing sounds in a language, or in a way, that this voice does not speak: it would be garbled, or another's."""
    able = rooms.engine_of(voice).capabilities()
    language = modes.SPOKEN if mode == INTERPRET else patient.language.split("-")[0].lower()
    if language not in able.languages:
        raise SpokenError(
            "language_not_spoken",
            "The voice does not speak this language, so nothing was said. Your clinician can set that it is said in "
            "English.",
        )
    if mode == AS_SAID and not able.manner:
        raise SpokenError(
            "cannot_follow",
            "This voice cannot keep the time and pitch of what you said, so nothing was said. Choose 'Clear and "
            "fluent'.",
        )


def _pieces(
    row: Utterance, how: _How, heard: Heard, in_vain: Cancelled = lambda: False
) -> Generator[Speech, None, None]:
    manner = listen.manner_for(how.patient, heard.measured, how.voice, heard.audio, heard.transcript.words, how.mode)
    say = rooms.engine_of(how.voice).say
    yield from say(
        how.text, how.voice, manner, cancelled=lambda: _cancelled(row.id) or in_vain(), pronunciations=how.words
    )


def _marked(speeches: Iterator[Speech], cue: bool) -> Iterator[Audio]:
    for place, speech in enumerate(speeches):
        yield rooms.watermark().mark(led_by_tone(speech.audio) if cue and place == 0 else speech.audio)


def _spoken_before(session: Session, row: Utterance) -> bool:
    """Whether this session has sounded already."""
    earlier = select(Utterance.id).where(Utterance.session_id == row.session_id, Utterance.state == SPOKEN).limit(1)
    return session.scalar(earlier) is not None


def _keep(utterance_id: str, audio: Audio, how: _How, first_sound_s: float) -> None:
    """Seal what was spoken, as a file that carries its signed provenance."""
    vault = get_vault()
    with transaction() as session:
        row = session.get(Utterance, utterance_id)
        if row is None:
            raise SpokenError("gone", "This utterance is no longer kept.")
        file, record = spoken.signed(audio, how.voice, subject_id=row.id, voice_id=how.voice_id)
        row.restored_blob_id = vault.put_blob(row.patient_id, file)
        row.restored_duration_s = audio.duration_s
        vault.put(row, "provenance_sealed", dict(record))
        row.voice_id, row.first_sound_s = how.voice_id, first_sound_s
        if row.state not in ENDED:
            row.state = SPOKEN


def _cancelled(utterance_id: str) -> bool:
    with transaction() as session:
        row = session.get(Utterance, utterance_id)
        return row is None or row.state in ENDED


def _nothing_to_say() -> SpokenError:
    return SpokenError("nothing_to_say", "There was nothing in this that can be spoken.")
