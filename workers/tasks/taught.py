"""Phrases that a patient taught, found by their sound among what may have been said. Offered, never spoken unasked."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from clinic.database import transaction
from clinic.errors import PlainError
from clinic.learning.tables import CHECKED, Phrase, PhraseExample
from clinic.vault import get_vault
from workers.contracts import Audio, Reading, SpokenError, Transcript
from workers.tasks import rooms, sealed

if TYPE_CHECKING:
    from workers.understand.phrases import Match, Phrases

log = logging.getLogger(__name__)

#: The gate of an utterance that sounded like a taught phrase, whatever words were recognised in it.
GATE = "taught_phrase"
_MOST_READINGS = 3


def keep_features(example_id: str, audio: Audio) -> None:
    """Seal what the encoder makes of an example: computed once, compared with at every utterance."""
    from workers.understand import phrase_file

    blob = phrase_file.to_bytes({example_id: [rooms.recogniser().features(audio)]}, rooms.recognition_weights())
    vault = get_vault()
    with transaction() as session:
        row = session.get(PhraseExample, example_id)
        if row is not None and row.state == CHECKED:
            former, row.features_blob_id = row.features_blob_id, vault.put_blob(row.patient_id, blob)
            if former is not None:
                vault.delete_blob(former)


def with_taught(patient_id: str, audio: Audio, transcript: Transcript, *, learned: bool) -> Transcript:
    """`transcript` with taught phrases among its readings.

    One that matches comes first and closes the gate; the nearest is offered beside the recogniser's readings in any
    case: before these where nothing was learned of the patient, after the first of them where something was.
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
    gate = transcript.gate or (GATE if accepted and not said_so else None)
    return replace(transcript, readings=tuple(readings[:_MOST_READINGS]), gate=gate)


def _match(patient_id: str, audio: Audio, transcript: Transcript) -> tuple[Match, Mapping[str, str]] | None:
    vault = get_vault()
    with transaction() as session:
        if "learn_corrections" not in sealed.consents(session, patient_id):
            return None
        examples = session.scalars(
            select(PhraseExample)
            .where(PhraseExample.patient_id == patient_id, PhraseExample.state == CHECKED)
            .where(PhraseExample.features_blob_id.is_not(None))
            .order_by(PhraseExample.id)
        ).all()
        rows = session.scalars(select(Phrase).where(Phrase.patient_id == patient_id)).all()
        texts = {row.id: vault.get_text(row, "text_sealed") for row in rows}
    if not examples:
        return None
    from workers.understand import phrases

    if len({example.phrase_id for example in examples}) < phrases.LEAST_PHRASES:
        return None
    known = rooms.phrases(patient_id, tuple(example.id for example in examples), lambda: _opened(patient_id, examples))
    match = known.match(rooms.recogniser().features(audio))
    return phrases.fused(match, texts, transcript.readings, transcript.language), texts


def _opened(patient_id: str, examples: Sequence[PhraseExample]) -> Phrases:
    from workers.understand import phrase_file
    from workers.understand.phrases import Phrases

    takes: dict[str, list[object]] = {}
    for example in examples:
        blob = get_vault().get_blob(patient_id, str(example.features_blob_id))
        (features,) = phrase_file.from_bytes(blob, rooms.recognition_weights()).values()
        takes.setdefault(example.phrase_id, []).extend(features)
    return Phrases(takes)  # type: ignore[arg-type]
