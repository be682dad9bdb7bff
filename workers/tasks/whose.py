"""Whether it is the patient who speaks: their reference made, asked at each utterance, and taught by what is theirs."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.database import after_commit, new_id, now, transaction
from clinic.errors import PlainError
from clinic.learning.tables import CHECKED, ReadAloud
from clinic.live.messages import FREE
from clinic.live.tables import SPOKEN, Utterance
from clinic.speaker.keeping import check_of
from clinic.speaker.tables import OFF, ON, SCOPE, SpeakerCheck, SpeakerFinding
from clinic.vault import get_vault
from workers.app import app
from workers.contracts import RECOGNITION_RATE_HZ, Audio, FloatArray, SpokenError
from workers.hear import whose
from workers.hear.whose import Finding, Reference, Voice
from workers.tasks import rooms, sealed
from workers.tasks.codec import pack_arrays, unpack_arrays
from workers.tasks.outcome import plainly
from workers.tasks.saying import sound_of

log = logging.getLogger(__name__)

#: The gate of what does not sound like the patient; of what is too short to tell, hands-free; and the outcome of what
#: is clearly another's, hands-free.
GATE, SHORT_GATE, PUT_ASIDE = "other_voice", "short_voice", "put_aside"

#: One at a time, beside recognition, which takes longer.
_beside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="whose")


@dataclass(frozen=True)
class Known:
    """A check that counts or watches, and the reference that it judges by."""

    setting: str
    reference: Reference


def known(patient_id: str) -> Known | None:
    """What there is to judge by; None where nobody is checked, without consent, or where it does not open."""
    with transaction() as session:
        row = check_of(session, patient_id)
        if row is None or row.setting == OFF or row.reference_sealed is None:
            return None
        if SCOPE not in sealed.consents(session, patient_id):
            return None
    try:
        reference = _opened(row)
    except (SpokenError, PlainError) as error:
        log.warning("the speaker reference of %s cannot be used: %s", patient_id, error.code)
        return None
    return Known(row.setting, reference) if reference.judges else None


def warm(patient_id: str) -> None:
    """Open the encoder before a patient speaks who is checked."""
    if known(patient_id) is not None:
        rooms.speaker_voice(np.zeros(RECOGNITION_RATE_HZ, np.float32))


def begin(patient_id: str, audio: Audio) -> Future[Voice] | None:
    """Begin to listen whose voice it is, beside whatever else is done; None where nobody is checked."""
    return _beside.submit(whose.voice_of, audio, rooms.speaker_voice) if known(patient_id) is not None else None


def ended(begun: Future[Voice] | None) -> Voice | None:
    """What came of it; None where nobody is checked, or it failed: then nobody is judged, as without a check."""
    try:
        return begun.result() if begun is not None else None
    except Exception as error:  # a check that is broken must not take a patient's speech away
        log.error("whose voice it is could not be found out: %s", type(error).__name__)
        return None


def gate(row: Utterance, voice: Voice | None) -> str | None:
    """One of the three above, where the check counts; None where nothing speaks against it being the patient.

    After a touch it is the patient's will to speak, whatever their voice is like today: they are asked. When the tablet
    listened by itself, and it is clearly another, nobody asked for it to be heard.
    """
    found = finding(row.patient_id, voice)
    if found is None or found[0] != ON:
        return None
    match found[1].found:
        case whose.OTHER if row.mode == FREE:
            return PUT_ASIDE
        case whose.UNJUDGED if row.mode == FREE:
            return SHORT_GATE
        case whose.OTHER | whose.UNLIKE:
            return GATE
        case _:
            return None


def finding(patient_id: str, voice: Voice | None) -> tuple[str, Finding] | None:
    """The setting, and what the check finds; None where nobody is checked."""
    judge = known(patient_id) if voice is not None else None
    return None if judge is None or voice is None else (judge.setting, judge.reference.judge(voice))


def keep(row: Utterance, voice: Voice | None, *, put_aside: bool) -> None:
    """Count what was found of an utterance, once. Of one that was put aside nothing says which it was."""
    found = finding(row.patient_id, voice)
    if found is None:
        return
    with transaction() as session:
        if not put_aside and _finding_of(session, row.id) is not None:
            return
        session.add(
            SpeakerFinding(
                id=new_id(),
                patient_id=row.patient_id,
                found=found[1].found,
                margin=found[1].margin,
                touched=row.mode != FREE,
                utterance_id=None if put_aside else row.id,
            )
        )


def put_aside(row: Utterance) -> None:
    """Nothing of it is kept: neither the sound nor that it was there."""
    with transaction() as session:
        found = session.get(Utterance, row.id)
        if found is not None:
            blob_id = found.audio_blob_id
            session.delete(found)
            after_commit(session, lambda: get_vault().delete_blob(blob_id))


def confirmed(row: Utterance, audio: Audio) -> None:
    """The patient touched a reading of this. It teaches the reference, unless it failed the check."""
    with transaction() as session:
        found = _finding_of(session, row.id)
        if found is None:
            return
        found.theirs = True
        passed = found.found == whose.OWN
    try:
        if passed:
            _learn_from(row.patient_id, audio)
    except (SpokenError, PlainError) as error:  # it was spoken: nothing that follows may say that it was not
        log.warning("the speaker reference of %s was not taught: %s", row.patient_id, error.code)


def read_aloud(read_aloud_id: str) -> None:
    """A sentence that the patient read aloud teaches the reference, unless it fails the check."""
    with transaction() as session:
        row = session.get(ReadAloud, read_aloud_id)
        check = check_of(session, row.patient_id) if row is not None and row.state == CHECKED else None
        if row is None or check is None or check.setting == OFF:
            return
    if check.reference_sealed is None:
        learn(row.patient_id)
    else:
        _learn_from(row.patient_id, sound_of(row.patient_id, row.blob_id), judged=True)


@app.task(name="speaker.learn")
def learn(patient_id: str) -> None:
    """Make the reference anew of the newest that the patient read aloud and confirmed."""
    with plainly(patient_id, "speaker.learn", _failed):
        sounds = _own_sounds(patient_id)
        if sounds is None:
            return
        voices = [whose.voice_of(sound_of(patient_id, blob_id), rooms.speaker_voice).vector for blob_id in sounds]
        _keep(patient_id, whose.reference([one for one in voices if one is not None], rooms.speaker_weights()))


def _own_sounds(patient_id: str) -> list[str] | None:
    """Blobs of the newest that are the patient's own, the oldest first. None where nobody is to be checked."""
    with transaction() as session:
        row = check_of(session, patient_id)
        if row is None or row.setting == OFF:
            return None
        sealed.patient_of(session, patient_id)
        if SCOPE not in sealed.consents(session, patient_id):
            raise SpokenError("no_consent", "There is no consent to know this patient's voice of today. Record it.")
        read = session.execute(
            select(ReadAloud.created_at, ReadAloud.blob_id).where(
                ReadAloud.patient_id == patient_id, ReadAloud.state == CHECKED
            )
        ).all()
        failed = select(SpeakerFinding.utterance_id).where(
            SpeakerFinding.patient_id == patient_id,
            SpeakerFinding.found.in_((whose.UNLIKE, whose.OTHER)),
            SpeakerFinding.utterance_id.is_not(None),
        )
        said = session.execute(
            select(Utterance.ended_at, Utterance.audio_blob_id).where(
                Utterance.patient_id == patient_id,
                Utterance.chosen.is_(True),
                Utterance.state == SPOKEN,
                Utterance.id.not_in(failed),
            )
        ).all()
    ordered = sorted([*read, *said], key=lambda one: one[0])
    return [blob_id for _, blob_id in ordered][-whose.ANEW :]


def _learn_from(patient_id: str, audio: Audio, *, judged: bool = False) -> None:
    with transaction() as session:
        row = check_of(session, patient_id)
        consented = SCOPE in sealed.consents(session, patient_id)
    if row is None or row.setting == OFF or row.reference_sealed is None or not consented:
        return
    voice = whose.voice_of(audio, rooms.speaker_voice)
    reference = _opened(row)
    if voice.vector is None or (judged and reference.judge(voice).found in (whose.UNLIKE, whose.OTHER)):
        return
    _keep(patient_id, reference.with_one_more(voice.vector))


def _keep(patient_id: str, reference: Reference) -> None:
    with transaction() as session:
        row = check_of(session, patient_id)
        if row is None or row.setting == OFF:
            return
        row.encoder = reference.encoder
        packed = pack_arrays({"vectors": reference.vectors})
        get_vault().put(row, "reference_sealed", packed, binding=reference.encoder)
        row.utterances = len(reference.vectors)
        row.asked_of_own = _asked_of_own(reference)
        row.learned_at, row.error_message = now(), None


def _asked_of_own(reference: Reference) -> int:
    """Of how many of its own utterances the check would ask, each against the others."""
    return int((reference.own() < reference.asked).sum()) if reference.judges else 0


def _opened(row: SpeakerCheck) -> Reference:
    """Raises SpokenError 'foreign_reference' where another encoder made it; VaultError where it does not open."""
    if row.encoder != rooms.speaker_weights():
        raise SpokenError(
            "foreign_reference",
            "The reference was made by another speaker encoder. Make it anew on the patient's page.",
        )
    vectors: FloatArray = unpack_arrays(get_vault().get_bytes(row, "reference_sealed", binding=row.encoder))["vectors"]
    return Reference(vectors, row.encoder)


def _finding_of(session: Session, utterance_id: str) -> SpeakerFinding | None:
    return session.scalars(select(SpeakerFinding).where(SpeakerFinding.utterance_id == utterance_id)).first()


def _failed(patient_id: str, _code: str, message: str) -> None:
    with transaction() as session:
        row = check_of(session, patient_id)
        if row is not None:
            row.error_message = message
