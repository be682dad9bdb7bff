"""How an utterance was said: what of it is carried over, what is stored, and what it teaches the patient's baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from clinic.database import transaction
from clinic.live.tables import CANCELLED, Utterance
from clinic.patients.tables import AS_SAID, INTERPRET, RESTORE, Patient
from clinic.vault import get_vault
from workers.contracts import Audio, Baseline, Manner, Prosody, Transcript, Voice, Word
from workers.feel import baseline as baselines
from workers.feel import distress, manner, summary
from workers.tasks import sealed
from workers.tasks.codec import feeling_to_json


def manner_for(
    patient: Patient, measured: Prosody, voice: Voice, audio: Audio, words: Sequence[Word], mode: str = RESTORE
) -> Manner:
    """Today's manner against the patient's own usual, as far as they want it kept, at the pace that they set.

    `audio`, `words`: the utterance and what was recognised in it, for speech that follows its course. `mode`: as said,
    all of today's is kept at its own time; interpreted, the words are others, and only the whole can be followed.
    """
    known, strength = baseline_of(patient), patient.manner_strength
    if mode == AS_SAID:
        return manner.as_said(measured, audio, words, known, voice.measures)
    carried = manner.carry_over(measured, known, voice.measures, strength=strength)
    if mode == INTERPRET:
        return replace(carried, pace=carried.pace * patient.pace)
    performance = manner.perform(measured, audio, words, known, voice.measures, strength=strength, pace=patient.pace)
    return replace(carried, pace=carried.pace * patient.pace, performance=performance)


def keep_feeling(utterance_id: str, measured: Prosody, transcript: Transcript, chosen: str | None = None) -> None:
    """Store distress, urgency and prosody, where there is consent; calm utterances with words teach the baseline.

    `chosen`: the words that the patient confirmed. An utterance teaches once, not again when its words are chosen.
    """
    vault = get_vault()
    with transaction() as session:
        row = session.get(Utterance, utterance_id)
        if row is None or row.state == CANCELLED:
            return
        patient = sealed.patient_of(session, row.patient_id)
        known = baseline_of(patient)
        feeling = distress.score(measured, transcript, known, chosen=chosen)
        first_time = row.feeling_sealed is None
        if "watch_distress" in sealed.consents(session, row.patient_id):
            vault.put(row, "feeling_sealed", feeling_to_json(feeling, summary.to_json(measured)))
            row.distress, row.urgency = feeling.distress.value, feeling.urgency.value
        if first_time and transcript.readings:  # what has none may be the room
            learned = baselines.update(known, baselines.features(measured), feeling)
            _keep_baseline(session, patient, learned)


def baseline_of(patient: Patient) -> Baseline | None:
    """The patient's own normal, or None before their first utterance."""
    if patient.baseline_sealed is None:
        return None
    return baselines.from_json(get_vault().get_json(patient, "baseline_sealed"))


def _keep_baseline(session: Session, patient: Patient, learned: Baseline) -> None:
    get_vault().put(patient, "baseline_sealed", baselines.to_json(learned))
    session.add(patient)
