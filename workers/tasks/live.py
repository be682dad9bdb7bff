"""The live path: an impaired utterance in, the same words in the patient's own voice out.

Both tasks may run twice for one utterance (a worker died): what was spoken is never spoken again by itself.
"""

from __future__ import annotations

from contextlib import closing, suppress
from typing import Any

import numpy as np
from sqlalchemy import select

from clinic.database import now, transaction
from clinic.errors import PlainError
from clinic.events import get_stream
from clinic.live.tables import CANCELLED, FAILED, NOTHING_HEARD, RECEIVED, SPOKEN, UNSURE, WORKING, Utterance
from clinic.settings import get_settings
from clinic.vault import get_vault
from workers.app import app
from workers.contracts import RECOGNITION_RATE_HZ, Audio, Prosody, SpokenError, Transcript, Voice
from workers.feel import prosody
from workers.hear.decode import decode
from workers.speak.cue import led_by_tone
from workers.tasks import listen, rooms, sealed, spoken, taught, understood
from workers.tasks.codec import pcm16, transcript_from_json, transcript_to_json
from workers.tasks.outcome import plainly
from workers.tasks.sound import at_rate

#: The patient or the tablet gave this utterance up: it is never spoken late.
ENDED = (CANCELLED, FAILED)

WHY = {
    "looping": "The same words came again and again, which often means a mishearing.",
    "impossible_rate": "That would be faster than anybody speaks, so it is probably a mishearing.",
    "low_confidence": "I am not sure enough to say this for you.",
    "cut_off": "The connection broke while you were speaking.",
    "taught_phrase": "That sounded like a phrase that you taught me. Touch it if it is right.",
    "not_adapted": "I do not know your speech well yet, so I ask before I speak.",
}
NOTHING = {
    "no_speech": "I heard no speech. When you are ready, try again, a little closer to the tablet.",
    "no_words": "I heard no words in that. When you are ready, say it again, a little closer to the tablet.",
    "too_short": "That was too short to understand. Please try again.",
}


@app.task(name="live.restore")
def restore(utterance_id: str) -> None:
    """Understand an utterance; say it again if that is sure enough, else offer readings. Listen to its manner."""
    with plainly(utterance_id, "live.restore", _failed):
        _restore(utterance_id)


@app.task(name="live.speak")
def speak(utterance_id: str) -> None:
    """Say the text that the patient chose for this utterance."""
    with plainly(utterance_id, "live.speak", _failed):
        with transaction() as session:
            row = _row(session, utterance_id)
            if row.state in (SPOKEN, *ENDED) or row.spoken_text_sealed is None:
                return
            row.state = WORKING
            text = get_vault().get_text(row, "spoken_text_sealed")
            heard = transcript_from_json(get_vault().get_json(row, "transcript_sealed"))
        _tell(row, {"type": "working"})
        audio = _recorded(row)
        measured = prosody.measure(audio, heard.words)
        _say(row, text, measured, audio, heard)
        # Confirmed words count in full: until now a cry for help that a gate held back had counted half.
        listen.keep_feeling(utterance_id, measured, heard, chosen=text)


@app.task(name="live.warm")
def warm(patient_id: str) -> None:
    """A session was opened: open what was learned of this patient before they speak, which takes some seconds."""
    with plainly(patient_id, "live.warm", lambda *_: None):
        understood.ear_of(patient_id)
        taught.open_phrases(patient_id)


def _restore(utterance_id: str) -> None:
    with transaction() as session:
        row = _row(session, utterance_id)
        if row.state not in (RECEIVED, WORKING):
            return
        patient = sealed.patient_of(session, row.patient_id)
        row.state = WORKING
        sure_at, language, asks_first = patient.sure_at, patient.language, patient.asks_first
    _tell(row, {"type": "working"})

    audio = _recorded(row)
    ear = understood.ear_of(row.patient_id)
    transcript = ear.recogniser.transcribe(audio, language=language, sure_at=sure_at)
    transcript = taught.with_taught(row.patient_id, audio, transcript, learned=ear.learned)
    gate = transcript.gate or ("cut_off" if row.cut_off else None)
    if gate is None and asks_first and not ear.learned:
        # On severe speech stock recognition invents fluently, and its confidence does not show it.
        gate = "not_adapted"
    said = gate is None
    with transaction() as session:
        row = _row(session, utterance_id)
        if row.state in ENDED:
            return
        get_vault().put(row, "transcript_sealed", transcript_to_json(transcript))
        row.confidence, row.gate = transcript.confidence, gate
        if said:
            get_vault().put(row, "spoken_text_sealed", transcript.text)
        else:
            row.state = NOTHING_HEARD if not transcript.readings else UNSURE
    if said:
        _tell(row, {"type": "words", "text": transcript.text, "confidence": transcript.confidence})
    else:
        _ask(row, gate or "", transcript)
    measured = prosody.measure(audio, transcript.words)
    if said:
        _say(row, transcript.text, measured, audio, transcript)
    # A moan has no words, and may be the most that somebody can say; silence says nothing.
    if transcript.readings or gate == "no_words":
        listen.keep_feeling(utterance_id, measured, transcript)


def _ask(row: Utterance, gate: str, transcript: Transcript) -> None:
    """Offer what might have been said; nothing sounds until the patient touches one."""
    if not transcript.readings:
        _tell(row, {"type": "nothing_heard", "message": NOTHING.get(gate, NOTHING["no_speech"])})
        return
    readings = [{"text": reading.text, "confidence": reading.confidence} for reading in transcript.readings]
    _tell(row, {"type": "unsure", "readings": readings, "why": WHY.get(gate, WHY["low_confidence"])})


def _say(row: Utterance, text: str, measured: Prosody, audio: Audio, heard: Transcript) -> None:
    """Speak `text` in the patient's own voice, piece by piece, as it is made; keep it, with its provenance.

    The engine makes the next piece while this one is marked, sealed and published. It asks `_cancelled` while it is
    waited for, so that a cancelled utterance ends within 0.1 s.
    """
    with transaction() as session:
        patient = sealed.patient_of(session, row.patient_id)
        if not {"speak_for_me", "keep_voice"} <= sealed.consents(session, row.patient_id):
            raise SpokenError("no_consent", "There is no consent to speak in your voice. Your clinician can record it.")
        voice_id, voice = sealed.open_voice(session, row.patient_id)
        cue = get_settings().synthetic_cue == "tone" and not _spoken_before(session, row)
        manner = listen.manner_for(patient, measured, voice, audio, heard.words)
        words = sealed.pronunciations(session, row.patient_id)

    pieces: list[np.ndarray[Any, np.dtype[np.float32]]] = []
    rate_hz = 0
    first_sound_s: float | None = None
    say = rooms.engine_of(voice).say
    # Closed, whatever happens here: else the engine would go on for nobody.
    with closing(say(text, voice, manner, cancelled=lambda: _cancelled(row.id), pronunciations=words)) as speeches:
        for speech in speeches:
            sound = led_by_tone(speech.audio) if first_sound_s is None and cue else speech.audio
            marked = rooms.watermark().mark(sound)
            if first_sound_s is None:
                rate_hz = marked.rate_hz
                first_sound_s = (now() - row.ended_at).total_seconds()
                _tell(row, {"type": "speech_start", "rate_hz": rate_hz, "voice": "own"})
            _tell(row, {"type": "speech"}, pcm16(marked.samples))
            pieces.append(marked.samples)
    if first_sound_s is None:
        raise SpokenError("nothing_to_say", "There was nothing in this that can be spoken.")

    made = Audio(np.concatenate(pieces), rate_hz)
    _keep(row.id, at_rate(made, get_settings().kept_rate_hz), voice_id, voice, first_sound_s)
    _tell(row, {"type": "speech_end", "duration_s": made.duration_s, "watermarked": True})


def _spoken_before(session: Any, row: Utterance) -> bool:
    """Whether this session has sounded already."""
    earlier = select(Utterance.id).where(Utterance.session_id == row.session_id, Utterance.state == SPOKEN).limit(1)
    return session.scalar(earlier) is not None


def _keep(utterance_id: str, audio: Audio, voice_id: str, voice: Voice, first_sound_s: float) -> None:
    """Seal what was spoken, as a file that carries its signed provenance."""
    vault = get_vault()
    with transaction() as session:
        row = _row(session, utterance_id)
        file, record = spoken.signed(audio, voice, subject_id=row.id, voice_id=voice_id)
        row.restored_blob_id = vault.put_blob(row.patient_id, file)
        row.restored_duration_s = audio.duration_s
        vault.put(row, "provenance_sealed", dict(record))
        row.voice_id, row.first_sound_s = voice_id, first_sound_s
        if row.state not in ENDED:
            row.state = SPOKEN


def _recorded(row: Utterance) -> Audio:

    return decode(get_vault().get_blob(row.patient_id, row.audio_blob_id), rate_hz=RECOGNITION_RATE_HZ).audio


def _row(session: Any, utterance_id: str) -> Utterance:
    row = session.get(Utterance, utterance_id)
    if row is None:
        raise SpokenError("gone", "This utterance is no longer kept.")
    return row  # type: ignore[no-any-return]


def _cancelled(utterance_id: str) -> bool:
    with transaction() as session:
        row = session.get(Utterance, utterance_id)
        return row is None or row.state in ENDED


def _tell(row: Utterance, event: dict[str, Any], blob: bytes = b"") -> None:
    get_stream().publish(f"session:{row.session_id}", row.patient_id, {**event, "utterance": row.id}, blob)


def _failed(utterance_id: str, code: str, message: str) -> None:
    """Say what went wrong to the row and to the tablet. The patient's audio stays where it is."""
    with transaction() as session:
        row = session.get(Utterance, utterance_id)
        if row is None or row.state in ENDED:
            return
        row.state, row.error_code, row.error_message = FAILED, code, message
    with suppress(PlainError):  # the patient may have been erased meanwhile: then there is nobody to tell
        _tell(row, {"type": "failed", "code": code, "message": message})
