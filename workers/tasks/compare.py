"""The sentences of a comparison, said by both versions ahead of whoever will listen."""

from __future__ import annotations

from sqlalchemy import select

from clinic.database import new_id, transaction
from clinic.vault import get_vault
from clinic.voices import tables as t
from clinic.voices.sentences import SENTENCES
from clinic.voices.tables import Comparison, Sample
from clinic.voices.tables import Voice as VoiceRow
from workers.app import app
from workers.contracts import Audio, SpokenError, Voice
from workers.tasks import sealed, spoken
from workers.tasks.outcome import plainly


@app.task(name="voices.compare")
def compare(comparison_id: str) -> None:
    """Make what is missing of both versions' sentences. May run twice: what is made is kept."""
    with plainly(comparison_id, "voices.compare", _failed):
        _compare(comparison_id)


def _compare(comparison_id: str) -> None:
    with transaction() as session:
        row = session.get(Comparison, comparison_id)
        if row is None or row.state not in (t.QUEUED, t.BUILDING):
            return
        sealed.patient_of(session, row.patient_id)
        if "keep_voice" not in sealed.consents(session, row.patient_id):
            raise SpokenError("no_consent", "There is no consent to keep this voice. Record it, then compare again.")
        row.state = t.BUILDING
        words = sealed.pronunciations(session, row.patient_id)
        voices = {voice_id: _opened(session.get(VoiceRow, voice_id)) for voice_id in (row.first_id, row.second_id)}
    wanted = [(voice_id, sentence) for sentence in range(len(SENTENCES)) for voice_id in voices]
    for done, (voice_id, sentence) in enumerate(wanted):
        if not _made(voice_id, sentence):
            voice = voices[voice_id]
            _keep(row.patient_id, voice_id, voice, sentence, spoken.say(SENTENCES[sentence], voice, words))
        if not _told(comparison_id, (done + 1) / len(wanted)):
            return
    with transaction() as session:
        found = session.get(Comparison, comparison_id)
        if found is not None:
            found.state = t.READY


def _opened(row: VoiceRow | None) -> Voice:
    if row is None or row.state != t.READY:
        raise SpokenError("no_voice", "One of the two versions was deleted, so there is nothing to compare.")
    return sealed.open_version(row)


def _made(voice_id: str, sentence: int) -> bool:
    with transaction() as session:
        query = select(Sample.id).where(Sample.voice_id == voice_id, Sample.sentence == sentence)
        return session.scalars(query).first() is not None


def _keep(patient_id: str, voice_id: str, voice: Voice, sentence: int, audio: Audio) -> None:
    sample = Sample(id=new_id(), patient_id=patient_id, voice_id=voice_id, sentence=sentence)
    file, _ = spoken.signed(audio, voice, subject_id=sample.id, voice_id=voice_id)
    vault = get_vault()
    sample.blob_id = vault.put_blob(patient_id, file)
    try:
        with transaction() as session:
            _opened(session.get(VoiceRow, voice_id))  # it may have been deleted meanwhile
            session.add(sample)
    except BaseException:
        vault.delete_blob(sample.blob_id)
        raise


def _told(comparison_id: str, share: float) -> bool:
    """Keep how far it is. False when the comparison is gone."""
    with transaction() as session:
        row = session.get(Comparison, comparison_id)
        if row is not None:
            row.progress = share
        return row is not None


def _failed(comparison_id: str, code: str, message: str) -> None:
    with transaction() as session:
        row = session.get(Comparison, comparison_id)
        if row is not None:
            row.state, row.error_code, row.error_message = t.FAILED, code, message
