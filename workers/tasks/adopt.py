"""A voice that came as a file: it speaks here once before it is called ready."""

from __future__ import annotations

from clinic.database import now, transaction
from clinic.vault import get_vault
from clinic.voices import tables as t
from clinic.voices.tables import Voice as VoiceRow
from clinic.voices.voice_file import require_made_for
from workers.app import app
from workers.contracts import SpokenError
from workers.tasks import rooms, sealed, spoken
from workers.tasks.outcome import plainly
from workers.tasks.voices import SAMPLE_TEXT


@app.task(name="voices.adopt")
def adopt(voice_id: str) -> None:
    """Check that these very weights are here, let the voice say its first sentence, and only then call it ready."""
    with plainly(voice_id, "voices.adopt", _failed):
        _adopt(voice_id)


def _adopt(voice_id: str) -> None:
    with transaction() as session:
        row = session.get(VoiceRow, voice_id)
        if row is None or row.state not in (t.QUEUED, t.BUILDING):
            return
        built_with = row.engine or ""
    # Between two transactions: opening it takes seconds, for which nobody's row is held.
    engine = rooms.engine_it_was_built_with(built_with)
    with transaction() as session:
        row = session.get(VoiceRow, voice_id)
        if row is None or row.state not in (t.QUEUED, t.BUILDING):
            return
        if row.cancel_requested:
            row.state, row.finished_at = t.CANCELLED, now()
            _destroy(row)
            return
        if "keep_voice" not in sealed.consents(session, row.patient_id):
            raise SpokenError("no_consent", "There is no consent to keep this voice. Record it, then import it again.")
        row.state, row.heartbeat_at, row.progress_text = t.BUILDING, now(), "Trying the voice."
        words = sealed.pronunciations(session, row.patient_id)
        made_for = {"engine": row.engine, "model": row.model, "revision": row.revision}
        require_made_for(made_for, engine.name, engine.model, engine.revision)
        voice = sealed.open_version(row)
    file, _ = spoken.signed(spoken.say(SAMPLE_TEXT, voice, words), voice, subject_id=voice_id, voice_id=voice_id)
    with transaction() as session:
        row = session.get(VoiceRow, voice_id)
        if row is None or row.state != t.BUILDING:
            return
        if row.cancel_requested:
            row.state, row.finished_at = t.CANCELLED, now()
            _destroy(row)
            return
        if row.sample_blob_id is None:
            row.sample_blob_id = get_vault().put_blob(row.patient_id, file)
        row.state, row.progress, row.progress_text, row.finished_at = t.READY, 1.0, "The voice is ready.", now()


def _destroy(row: VoiceRow) -> None:
    """Keep nothing of a voice that is not taken in."""
    if row.sample_blob_id is not None:
        get_vault().delete_blob(row.sample_blob_id)
    row.vectors_sealed = row.sample_blob_id = row.measures = None


def _failed(voice_id: str, code: str, message: str) -> None:
    with transaction() as session:
        row = session.get(VoiceRow, voice_id)
        if row is not None and row.state in (t.QUEUED, t.BUILDING):
            row.state, row.error_code, row.error_message, row.finished_at = t.FAILED, code, message, now()
            _destroy(row)
