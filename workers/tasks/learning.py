"""Learning how a patient speaks: each sentence looked at, and an adapter made of them, judged, and put into use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.database import after_commit, now, transaction
from clinic.learning import tables as t
from clinic.learning import versions
from clinic.learning.serving import put_into_use
from clinic.learning.tables import Adapter as AdapterRow
from clinic.learning.tables import PhraseExample, ReadAloud
from clinic.live.tables import Utterance
from clinic.vault import get_vault
from clinic.voices.tables import CHECKED as RECORDING_CHECKED
from clinic.voices.tables import Recording
from workers.activity import at_recognition_rate, speech_spans
from workers.app import app
from workers.contracts import RECOGNITION_RATE_HZ, Audio, Clip, SpokenError
from workers.tasks import rooms, sealed, taught, whose
from workers.tasks.imitating import spoken_before
from workers.tasks.outcome import plainly
from workers.tasks.saying import sound_of
from workers.tasks.sound import at_rate
from workers.tasks.telling import Teller
from workers.tasks.voices import clips_of
from workers.understand.pauses import shortened

#: Of the recordings of before: clear sentences that are kept in mind, and judged on.
MOST_CLEAR = 16
#: What a sentence and a phrase may last without their pauses, in seconds; the recogniser learns from no more than 13.5.
SENTENCE_S, PHRASE_S = (0.5, 13.5), (0.3, 8.0)
_LEAST_SPEECH_S = 0.2
_CLIPPED, _MOST_CLIPPED_SHARE = 0.999, 0.01
_UNKNOWN_CHECKPOINT = "wrong_checkpoint"

Said = TypeVar("Said", ReadAloud, PhraseExample)


@app.task(name="learning.check_read")
def check_read(read_aloud_id: str) -> None:
    """Whether a sentence that was read aloud can be learned from."""
    with plainly(read_aloud_id, "learning.check_read", _refused(ReadAloud)):
        _check(ReadAloud, read_aloud_id, SENTENCE_S)
        whose.read_aloud(read_aloud_id)


@app.task(name="learning.check_phrase")
def check_phrase(example_id: str) -> None:
    """Whether an example of a phrase can be matched with."""
    with plainly(example_id, "learning.check_phrase", _refused(PhraseExample)):
        _check(PhraseExample, example_id, PHRASE_S)
        taught.keep_features(example_id)


@app.task(name="learning.adapt")
def adapt(adapter_id: str) -> None:
    """Learn from the sentences of this version; goes on from its checkpoint after a restart."""
    with plainly(adapter_id, "learning.adapt", _failed):
        _adapt(adapter_id)


@app.task(name="learning.due")
def due() -> None:
    """At night: learn again for whom corrections and new sentences have gathered. Whoever has few waits."""
    with transaction() as session:
        patients = versions.due(session)
    for patient_id in patients:
        # The row that would say what went wrong does not exist yet; the log has it, and tomorrow is another night.
        with plainly(patient_id, "learning.due", lambda *_: None), transaction() as session:
            versions.learn(session, "system", patient_id)


def _check(table: type[Said], row_id: str, lasts_s: tuple[float, float]) -> None:
    with transaction() as session:
        row = session.get(table, row_id)
        if row is None or row.state != t.RECEIVED:
            return
        sealed.patient_of(session, row.patient_id)
    audio = sound_of(row.patient_id, row.blob_id)
    _require_speech(audio, lasts_s)
    with transaction() as session:
        found = session.get(table, row_id)
        if found is not None and found.state == t.RECEIVED:
            found.state, found.duration_s = t.CHECKED, audio.duration_s


def _require_speech(audio: Audio, lasts_s: tuple[float, float]) -> None:
    """Raises SpokenError, with what to do about it."""
    speech = speech_spans(audio)
    took_s = shortened(at_recognition_rate(audio), speech).duration_s
    if speech and took_s > lasts_s[1]:
        raise SpokenError(
            "too_long",
            f"Without its pauses that took {took_s:.0f} s, and up to {lasts_s[1]:.0f} s can be learned from. "
            "Skip this one, and read a shorter one.",
        )
    speech_s = sum(end_s - start_s for start_s, end_s in speech)
    if audio.duration_s < lasts_s[0] or speech_s < _LEAST_SPEECH_S:
        raise SpokenError("no_speech", "No speech was heard in this. Say it again, a little closer to the microphone.")
    if float((np.abs(audio.samples) >= _CLIPPED).mean()) > _MOST_CLIPPED_SHARE:
        raise SpokenError("clipped", "This is too loud and distorted. Say it again, a little further away.")


def _adapt(adapter_id: str) -> None:
    with transaction() as session:
        row = session.get(AdapterRow, adapter_id)
        if row is None or row.state not in (t.QUEUED, t.BUILDING):
            return
        if row.cancel_requested:
            row.state, row.finished_at = t.CANCELLED, now()
            return
        patient = sealed.patient_of(session, row.patient_id)
        if "learn_corrections" not in sealed.consents(session, row.patient_id):
            raise SpokenError("no_consent", "There is no consent to learn this speech. Record it, then learn again.")
        row.state, row.heartbeat_at = t.BUILDING, now()
        language, checkpoint_id = patient.language, row.checkpoint_blob_id
    teller = _Teller(adapter_id)
    said_before = spoken_before(row.patient_id, teller.progress, teller.cancelled)
    learning = rooms.learning(_sentences(row), _clear(row.patient_id), said_before, language)
    if checkpoint_id is not None:
        _go_on(learning, row.patient_id, checkpoint_id)
    learned = learning.run(teller.progress, teller.cancelled, teller.keep_checkpoint)
    if not teller.cancelled():
        _keep(adapter_id, learned)


def _sentences(row: AdapterRow) -> list[Clip]:
    """What this version is learned from, as far as it is still kept: nothing that was deleted meanwhile is."""
    vault = get_vault()
    clips: list[Clip] = []
    with transaction() as session:
        for read_id in row.read_aloud_ids:
            read = session.get(ReadAloud, read_id)
            if read is not None and read.state == t.CHECKED:
                clips.append(Clip(sound_of(row.patient_id, read.blob_id), vault.get_text(read, "text_sealed")))
        for utterance_id in row.utterance_ids:
            said = session.get(Utterance, utterance_id)
            if said is not None and said.patient_id == row.patient_id and said.chosen and said.spoken_text_sealed:
                own = "original_text_sealed" if said.original_text_sealed else "spoken_text_sealed"
                text = vault.get_text(said, own)
                clips.append(Clip(sound_of(row.patient_id, said.audio_blob_id), text))
    return clips


def _clear(patient_id: str) -> list[Clip]:
    """Sentences of before, so that clear speech is not unlearned. Their words are the recogniser's own."""
    with transaction() as session:
        if "keep_voice" not in sealed.consents(session, patient_id):
            return []
        recordings = session.scalars(
            select(Recording)
            .where(Recording.patient_id == patient_id, Recording.state == RECORDING_CHECKED)
            .order_by(Recording.created_at)
        ).all()
    clips: list[Clip] = []
    for recording in recordings:
        clips += [Clip(at_rate(clip.audio, RECOGNITION_RATE_HZ), clip.text) for clip in clips_of(recording)]
        if len(clips) >= MOST_CLEAR:
            break
    return [clip for clip in clips if clip.audio.duration_s <= SENTENCE_S[1]][:MOST_CLEAR]


def _go_on(learning: Any, patient_id: str, checkpoint_id: str) -> None:
    """From the checkpoint; from the start where it is of other sentences, since one of them was deleted meanwhile."""
    try:
        learning.restore(get_vault().get_blob(patient_id, checkpoint_id))
    except SpokenError as error:
        if error.code != _UNKNOWN_CHECKPOINT:
            raise


def _keep(adapter_id: str, learned: Any) -> None:
    """Seal what was learned, and put it into use if it is better; whatever happens before that changes nothing."""
    vault = get_vault()
    with transaction() as session:
        row = session.get(AdapterRow, adapter_id)
        if row is None or row.cancel_requested or row.state != t.BUILDING:
            return
        sealed.patient_of(session, row.patient_id)
        row.base, row.measures = learned.adapter.base, learned.measures
        row.calibration = learned.calibration.to_json()
        row.progress, row.finished_at = 1.0, now()
        row.error_code = row.error_message = None
        _forget_checkpoint(session, row)
        if learned.better:
            row.blob_id = vault.put_blob(row.patient_id, learned.adapter.to_bytes())
            row.state, row.progress_text = t.READY, "Learned, and in use."
            put_into_use(session, row.patient_id, row)
        else:
            row.state, row.progress_text = t.NO_BETTER, "Judged no better, so nothing was changed."
            row.error_code, row.error_message = "no_better", _why_not(learned.measures)


def _why_not(measures: Mapping[str, float]) -> str:
    before, after = measures["stock_wer"], measures["adapted_wer"]
    if after >= before:
        return (
            f"It got {_percent(after)} of the words wrong on sentences that it had not learned, where everybody's "
            f"recognition gets {_percent(before)}. More sentences help most; where few are wrong already, nothing "
            "needs to be learned."
        )
    return (
        f"It understands this speech better ({_percent(before)} of the words wrong before, {_percent(after)} after), "
        "but it unlearned clear speech, as in the recordings of before. Add more of those, then learn again."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


class _Teller(Teller[AdapterRow]):
    """Keeps how far it has come in blobs of some megabytes, one at a time."""

    table = AdapterRow

    def keep_checkpoint(self, data: bytes) -> None:
        """The new one is sealed before the old one goes."""
        vault = get_vault()
        with transaction() as session:
            row = self._row(session)
            if row is not None and row.state == t.BUILDING:
                fresh = vault.put_blob(row.patient_id, data)
                _forget_checkpoint(session, row)
                row.checkpoint_blob_id = fresh

    def drop(self, session: Session, row: AdapterRow) -> None:
        """Nobody goes on from here."""
        _forget_checkpoint(session, row)


def _forget_checkpoint(session: Session, row: AdapterRow) -> None:
    former, row.checkpoint_blob_id = row.checkpoint_blob_id, None
    if former is not None:
        after_commit(session, lambda: get_vault().delete_blob(former))


def _refused(table: type[Said]) -> Any:
    def refuse(row_id: str, code: str, message: str) -> None:
        with transaction() as session:
            row = session.get(table, row_id)
            if row is not None:
                row.state, row.error_code, row.error_message = t.REFUSED, code, message

    return refuse


def _failed(adapter_id: str, code: str, message: str) -> None:
    with transaction() as session:
        row = session.get(AdapterRow, adapter_id)
        if row is not None:
            row.state, row.error_code, row.error_message, row.finished_at = t.FAILED, code, message, now()
            _forget_checkpoint(session, row)
