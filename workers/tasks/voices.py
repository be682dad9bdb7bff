"""Enrolment: what each recording is worth, and the building of a voice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from clinic.database import now, transaction
from clinic.settings import get_settings
from clinic.vault import get_vault
from clinic.voices import tables as t
from clinic.voices.tables import Recording
from clinic.voices.tables import Voice as VoiceRow
from workers.app import app
from workers.contracts import Clip, SpokenError, Voice, Word
from workers.feel import manner
from workers.hear import quality
from workers.hear.decode import decode
from workers.hear.split import split
from workers.tasks import rooms, sealed, spoken
from workers.tasks.outcome import plainly
from workers.tasks.telling import Teller

#: Said in the new voice as soon as it is built, for the clinician and the family to hear.
SAMPLE_TEXT = "Hello. This is my voice, as it used to be. It is good to hear it again."


@app.task(name="voices.check")
def check(recording_id: str) -> None:
    """Decode a recording, measure what it is worth, and write down the words in it."""
    with plainly(recording_id, "voices.check", _check_failed):
        _check(recording_id)


@app.task(name="voices.fit")
def fit(voice_id: str) -> None:
    """Build a voice from the checked recordings; goes on from its checkpoint after a restart."""
    with plainly(voice_id, "voices.fit", _fit_failed):
        _fit(voice_id)


def _check(recording_id: str) -> None:
    vault = get_vault()
    with transaction() as session:
        row = session.get(Recording, recording_id)
        if row is None or row.state in (t.CHECKED, t.REFUSED):
            return
        row.state = t.CHECKING
        language = sealed.patient_of(session, row.patient_id).language
    with vault.open_blob(row.patient_id, row.blob_id) as file:
        decoded = decode(file, rate_hz=None)
    measured = quality.measure(decoded, embed=rooms.embed)
    transcript: dict[str, Any] | None = None
    if measured.verdict != "unusable":
        heard = rooms.recogniser().transcribe_long(decoded.audio, language=language)
        transcript = {
            "text": heard.text,
            "language": heard.language,
            "words": [[word.text, word.start_s, word.end_s, word.confidence] for word in heard.words],
        }
    with transaction() as session:
        row = session.get(Recording, recording_id)
        if row is None:
            return
        row.duration_s = measured.duration_s
        row.quality = {name: getattr(measured, name) for name in measured.__dataclass_fields__}
        if transcript is not None:
            vault.put(row, "transcript_sealed", transcript)
        row.state = t.CHECKED


def _fit(voice_id: str) -> None:
    with transaction() as session:
        row = session.get(VoiceRow, voice_id)
        if row is None or row.state not in (t.QUEUED, t.BUILDING):
            return
        if row.cancel_requested:
            row.state, row.finished_at = t.CANCELLED, now()
            return
        if "keep_voice" not in sealed.consents(session, row.patient_id):
            raise SpokenError("no_consent", "There is no consent to keep this voice. Record it, then build again.")
        row.state, row.heartbeat_at = t.BUILDING, now()
        recordings = [session.get(Recording, recording_id) for recording_id in row.recording_ids]
        checkpoint = get_vault().get_bytes(row, "checkpoint_sealed") if row.checkpoint_sealed else None
    clips = [clip for recording in recordings if recording is not None for clip in clips_of(recording)]
    if not clips:
        raise SpokenError("too_little_speech", "No recording here can be used. Add clearer ones and build again.")
    teller = _Teller(voice_id)
    voice = rooms.engine().fit(
        clips,
        progress=teller.progress,
        cancelled=teller.cancelled,
        checkpoint=checkpoint,
        keep_checkpoint=teller.keep_checkpoint,
        budget_s=get_settings().fit_budget_s,
    )
    if teller.cancelled():
        return
    # Manner is carried over against how the patient spoke before.
    _keep(voice_id, replace(voice, measures={**voice.measures, **manner.of_historic(clips)}))


def clips_of(recording: Recording) -> list[Clip]:
    """The pieces of one recording whose words are known."""
    if recording.transcript_sealed is None:
        return []
    with get_vault().open_blob(recording.patient_id, recording.blob_id) as file:
        audio = decode(file, rate_hz=None).audio
    written = get_vault().get_json(recording, "transcript_sealed")
    return split(audio, [Word(*word) for word in written["words"]])


def _keep(voice_id: str, voice: Voice) -> None:
    """Seal the voice, let it say its first sentence, and only then call it ready."""
    with transaction() as session:
        row = session.get(VoiceRow, voice_id)
        words = sealed.pronunciations(session, row.patient_id) if row is not None else {}
    sample = spoken.say(SAMPLE_TEXT, voice, words)
    with transaction() as session:
        row = session.get(VoiceRow, voice_id)
        if row is None or row.cancel_requested:
            return
        sealed.seal_voice(row, voice)
        row.sample_blob_id = get_vault().put_blob(
            row.patient_id, spoken.signed(sample, voice, subject_id=row.id, voice_id=row.id)[0]
        )
        row.state, row.progress, row.progress_text = t.READY, 1.0, "The voice is ready."
        row.checkpoint_sealed, row.finished_at = None, now()
        row.error_code = row.error_message = None


class _Teller(Teller[VoiceRow]):
    """Keeps how far the fit has come in the voice's own row."""

    table = VoiceRow

    def keep_checkpoint(self, data: bytes) -> None:
        """Sealed, so that a restart loses seconds, not minutes."""
        with transaction() as session:
            row = self._row(session)
            if row is not None:
                get_vault().put(row, "checkpoint_sealed", data)

    def drop(self, session: Session, row: VoiceRow) -> None:
        """Nobody goes on from here."""
        row.checkpoint_sealed = None


def _check_failed(recording_id: str, code: str, message: str) -> None:
    with transaction() as session:
        row = session.get(Recording, recording_id)
        if row is not None:
            row.state, row.error_code, row.error_message = t.REFUSED, code, message


def _fit_failed(voice_id: str, code: str, message: str) -> None:
    with transaction() as session:
        row = session.get(VoiceRow, voice_id)
        if row is not None:
            row.state, row.error_code, row.error_message, row.finished_at = t.FAILED, code, message, now()
