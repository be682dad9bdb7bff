"""Phrases that a patient taught, found by their sound among what may have been said. Offered, never spoken unasked."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from clinic.database import after_commit, transaction
from clinic.errors import PlainError
from clinic.learning.tables import CHECKED, Phrase, PhraseExample
from clinic.vault import get_vault
from workers.contracts import Audio, FloatArray, Reading, SpokenError, Transcript
from workers.tasks import rooms, sealed
from workers.tasks.saying import sound_of

if TYPE_CHECKING:
    from workers.understand.phrases import Match, Phrases

log = logging.getLogger(__name__)

#: The gate of an utterance that sounded like a taught phrase, whatever words were recognised in it.
GATE = "taught_phrase"
_MOST_READINGS = 3


def keep_features(example_id: str) -> list[FloatArray]:
    """Seal what the encoder makes of an example, to be compared with at every utterance; what was sealed."""
    from workers.understand import phrase_file

    vault = get_vault()
    with transaction() as session:
        row = session.get(PhraseExample, example_id)
        if row is None or row.state != CHECKED:
            return []
    features = [rooms.recogniser().features(sound_of(row.patient_id, row.blob_id))]
    blob = phrase_file.to_bytes({example_id: features}, rooms.recognition_weights())
    with transaction() as session:
        row = session.get(PhraseExample, example_id)
        if row is None:
            return []
        former, row.features_blob_id = row.features_blob_id, vault.put_blob(row.patient_id, blob)
        if former is not None:
            after_commit(session, lambda: vault.delete_blob(former))
    return features


def open_phrases(patient_id: str) -> None:
    """Have them ready before the patient speaks."""
    _known(patient_id)


def with_taught(patient_id: str, audio: Audio, transcript: Transcript, *, learned: bool) -> Transcript:
    """`transcript` with taught phrases among its readings.

    One that matches comes first and closes the gate; the nearest is offered beside the recogniser's readings in any
    case: before these where nothing was learned of the patient, after the first of them where something was. Where no
    words were heard (what is no speech to others can be a phrase) only one that matches is offered.
    """
    if transcript.gate in ("no_speech", "too_short"):
        return transcript
    try:
        found = _match(patient_id, audio, transcript)
    except (SpokenError, PlainError) as error:
        log.warning("phrases of %s cannot be matched: %s", patient_id, error.code)
        return transcript
    if found is None or not found[0].nearest:
        return transcript
    match, texts = found
    if transcript.gate == "no_words" and match.phrase_id is None:
        return transcript  # a ward's noise, too, is nearest to something
    from workers.understand.readings import sounds_alike

    near = [Reading(texts[one.phrase_id], one.probability) for one in match.nearest if one.phrase_id in texts]
    accepted = match.phrase_id is not None
    if accepted:
        ranked = [*near[:1], *transcript.readings, *near[1:]]
    elif learned:
        ranked = [*transcript.readings[:1], *near[:1], *transcript.readings[1:]]
    else:
        ranked = [*near[:1], *transcript.readings]
    readings: list[Reading] = []
    for reading in ranked:
        if not any(sounds_alike(reading.text, other.text, transcript.language) for other in readings):
            readings.append(reading)
    said_so = bool(near) and sounds_alike(near[0].text, transcript.text, transcript.language)
    gate = transcript.gate if transcript.gate != "no_words" else None
    gate = gate or (GATE if accepted and not said_so else None)
    return replace(transcript, readings=tuple(readings[:_MOST_READINGS]), gate=gate)


def _match(patient_id: str, audio: Audio, transcript: Transcript) -> tuple[Match, Mapping[str, str]] | None:
    found = _known(patient_id)
    if found is None:
        return None
    from workers.understand import phrases

    known, texts = found
    match = known.match(rooms.recogniser().features(audio))
    return phrases.fused(match, texts, transcript.readings, transcript.language), texts


def _known(patient_id: str) -> tuple[Phrases, Mapping[str, str]] | None:
    """What was taught, and the words of each; None without consent, or where it is too little to compare with."""
    vault = get_vault()
    with transaction() as session:
        if "learn_corrections" not in sealed.consents(session, patient_id):
            return None
        examples = session.scalars(
            select(PhraseExample)
            .where(PhraseExample.patient_id == patient_id, PhraseExample.state == CHECKED)
            .order_by(PhraseExample.id)
        ).all()
        rows = session.scalars(select(Phrase).where(Phrase.patient_id == patient_id)).all()
        texts = {row.id: vault.get_text(row, "text_sealed") for row in rows}
    if not examples:
        return None
    from workers.understand import phrases

    if len({example.phrase_id for example in examples}) < phrases.LEAST_PHRASES:
        return None
    ids = tuple(example.id for example in examples)
    return rooms.phrases(patient_id, ids, lambda: _opened(patient_id, examples)), texts


def _opened(patient_id: str, examples: Sequence[PhraseExample]) -> Phrases:
    from workers.understand.phrases import Phrases

    takes: dict[str, list[FloatArray]] = {}
    for example in examples:
        takes.setdefault(example.phrase_id, []).extend(_features(patient_id, example))
    return Phrases(takes, rooms.recogniser().usual_within)


def _features(patient_id: str, example: PhraseExample) -> list[FloatArray]:
    """Made again from the recording where they are missing, or of other weights: a worker died, or was brought up to
    date."""
    from workers.understand import phrase_file

    if example.features_blob_id is not None:
        try:
            blob = get_vault().get_blob(patient_id, example.features_blob_id)
            (features,) = phrase_file.from_bytes(blob, rooms.recognition_weights()).values()
            return features
        except SpokenError as error:
            log.info("features of %s are made again: %s", example.id, error.code)
    return keep_features(example.id)
