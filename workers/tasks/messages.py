"""A banked message: a piece of an original recording, cut out sample by sample and changed in nothing."""

from __future__ import annotations

from clinic.database import transaction
from clinic.messages.service import LONGEST_S, SHORTEST_S
from clinic.messages.tables import FAILED, READY, WANTED, Message
from clinic.vault import get_vault
from clinic.voices.tables import Recording
from workers.app import app
from workers.contracts import Audio, SpokenError
from workers.hear.decode import decode
from workers.tasks import sealed
from workers.tasks.outcome import plainly
from workers.tasks.sound import original_wav


@app.task(name="messages.cut")
def cut(message_id: str) -> None:
    """Cut the piece out and seal it by itself. A file that came for this alone is then no longer kept."""
    with plainly(message_id, "messages.cut", _failed):
        _cut(message_id)


def _cut(message_id: str) -> None:
    vault = get_vault()
    with transaction() as session:
        row = session.get(Message, message_id)
        if row is None or row.state != WANTED:
            return
        sealed.patient_of(session, row.patient_id)
        if "keep_voice" not in sealed.consents(session, row.patient_id):
            raise SpokenError("no_consent", "There is no consent to keep this recording. Record it, then try again.")
        recording = session.get(Recording, row.recording_id) if row.recording_id else None
        source = recording.blob_id if recording is not None else row.upload_blob_id
    if source is None:
        raise SpokenError("no_recording", "The recording that this was to be cut from was deleted meanwhile.")
    with vault.open_blob(row.patient_id, source) as file:
        audio = decode(file, rate_hz=None).audio
    piece = piece_of(audio, row.start_s, row.end_s)
    blob_id = vault.put_blob(row.patient_id, original_wav(piece))
    with transaction() as session:
        found = session.get(Message, message_id)
        unneeded = blob_id
        if found is not None and found.state == WANTED:
            unneeded, found.upload_blob_id = found.upload_blob_id or "", None
            found.blob_id, found.duration_s, found.state = blob_id, piece.duration_s, READY
    if unneeded:
        vault.delete_blob(unneeded)


def piece_of(audio: Audio, start_s: float, end_s: float | None) -> Audio:
    """The samples from `start_s` to `end_s` (None: the end), as they are. Raises SpokenError 'bad_times'."""
    last_s = audio.duration_s if end_s is None else min(end_s, audio.duration_s)
    if last_s - start_s < SHORTEST_S:
        raise SpokenError("bad_times", "There is nothing of this recording between that start and that end.")
    if last_s - start_s > LONGEST_S:
        message = f"A message lasts {LONGEST_S / 60:.0f} minutes at most. Choose a shorter piece."
        raise SpokenError("bad_times", message)
    return Audio(audio.samples[round(start_s * audio.rate_hz) : round(last_s * audio.rate_hz)], audio.rate_hz)


def _failed(message_id: str, code: str, message: str) -> None:
    with transaction() as session:
        row = session.get(Message, message_id)
        if row is not None:
            row.state, row.error_code, row.error_message = FAILED, code, message
