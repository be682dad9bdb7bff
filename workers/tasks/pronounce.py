"""A name in the patient's voice, so that whoever typed how it is said can hear whether it is right."""

from __future__ import annotations

from clinic.database import transaction
from clinic.patients.tables import FAILED, MADE, WANTED, Pronunciation
from clinic.vault import get_vault
from workers.app import app
from workers.contracts import SpokenError
from workers.tasks import sealed, spoken
from workers.tasks.outcome import plainly


@app.task(name="voices.pronounce")
def pronounce(pronunciation_id: str) -> None:
    """Say the word alone and in a sentence."""
    with plainly(pronunciation_id, "voices.pronounce", _failed):
        _pronounce(pronunciation_id)


def _pronounce(pronunciation_id: str) -> None:
    vault = get_vault()
    with transaction() as session:
        row = session.get(Pronunciation, pronunciation_id)
        if row is None or row.preview != WANTED:
            return
        sealed.patient_of(session, row.patient_id)
        if "keep_voice" not in sealed.consents(session, row.patient_id):
            raise SpokenError("no_consent", "There is no consent to keep this voice, so it says nothing.")
        voice_id, voice = sealed.open_voice(session, row.patient_id)
        word, say = vault.get_text(row, "word_sealed"), vault.get_text(row, "say_sealed")
    audio = spoken.say(f"{word}. This is how I say {word}.", voice, {word: say})
    file, _ = spoken.signed(audio, voice, subject_id=row.id, voice_id=voice_id)
    blob_id = vault.put_blob(row.patient_id, file)
    with transaction() as session:
        found = session.get(Pronunciation, pronunciation_id)
        still = found is not None and found.preview == WANTED and vault.get_text(found, "say_sealed") == say
        if found is not None and still:
            found.preview, found.preview_blob_id = MADE, blob_id
    if not still:  # it was changed or removed meanwhile
        vault.delete_blob(blob_id)


def _failed(pronunciation_id: str, _code: str, message: str) -> None:
    with transaction() as session:
        row = session.get(Pronunciation, pronunciation_id)
        if row is not None:
            row.preview, row.preview_message = FAILED, message
