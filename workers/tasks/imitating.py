"""What a patient's voice of before says for learning how they speak today (`workers.understand.imitation`)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from clinic.database import transaction
from clinic.errors import PlainError
from clinic.learning import service
from clinic.learning.phrases import phrases_of
from workers.contracts import RECOGNITION_RATE_HZ, Cancelled, Clip, SpokenError, Stopped
from workers.tasks import rooms, sealed, spoken
from workers.tasks.sound import at_rate

#: Sentences: what was not read aloud yet, the patient's own first. Each takes a second or two to say.
MOST = 60

log = logging.getLogger(__name__)


def spoken_before(patient_id: str, tell: Callable[[float, str], None], cancelled: Cancelled) -> list[Clip]:
    """Sentences in the voice of before, at 16 kHz; none where there is no voice, no consent to keep it, or no engine
    for the patient's language. A voice that cannot be used now hinders no learning: how many there were is kept with
    the version, and its page says so. Raises Stopped when cancelled.
    """
    with transaction() as session:
        patient = sealed.patient_of(session, patient_id)
        if "keep_voice" not in sealed.consents(session, patient_id):
            return []
        texts = [one.text for one in phrases_of(session, patient_id)]
        texts += [one.text for one in service.next_prompts(session, patient)]
        language = patient.language.split("-")[0].lower()
    try:
        return _said(patient_id, language, list(dict.fromkeys(texts))[:MOST], tell, cancelled)
    except (SpokenError, PlainError) as error:
        log.warning("learning without the voice of before: %s", error.code)
        return []


def _said(
    patient_id: str, language: str, texts: Sequence[str], tell: Callable[[float, str], None], cancelled: Cancelled
) -> list[Clip]:
    with transaction() as session:
        _, voice = sealed.open_voice(session, patient_id)
        words = sealed.pronunciations(session, patient_id)
    if language not in rooms.engine_of(voice).capabilities().languages:
        return []
    clips: list[Clip] = []
    for place, text in enumerate(texts):
        if cancelled():
            raise Stopped
        tell(0.0, f"Saying sentences in their voice of before: {place} of {len(texts)}")
        clips.append(Clip(at_rate(spoken.say(text, voice, words), RECOGNITION_RATE_HZ), text))
    return clips
