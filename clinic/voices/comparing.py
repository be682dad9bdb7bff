"""Which of two versions is more like the patient? Heard blind, by the patient or by family; the choice is theirs."""

from __future__ import annotations

import random
import secrets
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.audit import record
from clinic.database import new_id, now
from clinic.errors import PlainError
from clinic.patients.service import get_patient
from clinic.queue import send
from clinic.voices import versions
from clinic.voices.chance import in_words
from clinic.voices.sentences import SENTENCES
from clinic.voices.service import get_voice, require_consent
from clinic.voices.tables import FAILED, QUEUED, READY, Comparison, Sample, Sitting, Trial, Voice

JUDGES = ("patient", "family")
LEFT, RIGHT, SAME = "left", "right", "same"
ANSWERS = (LEFT, RIGHT, SAME)


@dataclass(frozen=True)
class Pair:
    """A comparison with its two versions, and the sittings that were finished, newest first."""

    row: Comparison
    first: Voice
    second: Voice
    results: list[Result]

    @property
    def can_be_heard(self) -> bool:
        """True while both versions are there and their sentences are made."""
        return self.row.state == READY and self.first.state == self.second.state == READY


@dataclass(frozen=True)
class Result:
    """How often each version was picked in one finished sitting."""

    sitting: Sitting
    first: int
    second: int
    same: int

    @property
    def of(self) -> int:
        """How many sentences were heard."""
        return self.first + self.second + self.same

    @property
    def whom(self) -> str:
        """Whom the voice should be like, as the listener is spoken to."""
        return "you" if self.sitting.judge == "patient" else "them"

    @property
    def words(self) -> str:
        """What the picks are worth."""
        return in_words(self.first, self.second, self.whom)


def prepare(session: Session, actor: str, patient_id: str, one_id: str, other_id: str) -> Comparison:
    """Have both versions say the sentences. A pair that was prepared before is taken up again.

    Raises PlainError 'no_consent', 'no_voice', 'same_version' or 'not_ready'.
    """
    require_consent(session, patient_id)
    voices = [get_voice(session, one_id), get_voice(session, other_id)]
    if any(voice.patient_id != patient_id for voice in voices):
        raise PlainError("no_voice", "There is no such voice. It may have been deleted.", 404)
    if voices[0] is voices[1]:
        raise PlainError("same_version", "Choose two different versions to compare.")
    if any(voice.state != READY for voice in voices):
        raise PlainError("not_ready", "Both versions have to be ready before they can be compared.", 409)
    first, second = sorted(voices, key=lambda voice: voice.version)
    known = select(Comparison).where(Comparison.first_id == first.id, Comparison.second_id == second.id)
    row = session.scalars(known).first()
    if row is not None and row.state != FAILED:
        return row
    if row is None:
        row = Comparison(id=new_id(), patient_id=patient_id, first_id=first.id, second_id=second.id)
        session.add(row)
    row.state, row.progress, row.error_code, row.error_message = QUEUED, 0.0, None, None
    session.flush()
    record(session, actor, "comparison.prepare", row.id, patient=patient_id, first=first.version, second=second.version)
    send(session, "voices.compare", row.id)
    return row


def get_pair(session: Session, comparison_id: str) -> Pair:
    """Raises PlainError 'no_comparison', or what `get_patient` raises."""
    row = session.get(Comparison, comparison_id)
    if row is None:
        raise _no_comparison()
    get_patient(session, row.patient_id)
    return _pair(session, row)


def pairs_of(session: Session, patient_id: str) -> list[Pair]:
    """Every pair that was prepared, the newest first."""
    rows = select(Comparison).where(Comparison.patient_id == patient_id).order_by(Comparison.created_at.desc())
    return [_pair(session, row) for row in session.scalars(rows)]


def to_hear(session: Session, patient_id: str) -> Pair | None:
    """The newest pair that can be heard, and that the patient has not heard to its end yet."""
    for pair in pairs_of(session, patient_id):
        if pair.can_be_heard and not any(result.sitting.judge == "patient" for result in pair.results):
            return pair
    return None


def begin(session: Session, actor: str, comparison_id: str, judge: str) -> Sitting:
    """Somebody sits down to listen: every sentence once, in a new order, with the sides drawn by lot.

    Raises PlainError 'no_judge' or 'not_ready'.
    """
    pair = get_pair(session, comparison_id)
    if judge not in JUDGES:
        raise PlainError("no_judge", "Say who is listening: the patient, or somebody of the family.")
    if not pair.can_be_heard:
        raise PlainError("not_ready", "These two versions cannot be heard just now. Ask your clinician.", 409)
    sitting = Sitting(id=new_id(), patient_id=pair.row.patient_id, comparison_id=comparison_id, judge=judge)
    session.add(sitting)
    session.flush()
    order = list(range(len(SENTENCES)))
    random.SystemRandom().shuffle(order)
    for number, sentence in enumerate(order, start=1):
        first_is_left = bool(secrets.randbelow(2))
        session.add(Trial(sitting_id=sitting.id, number=number, sentence=sentence, first_is_left=first_is_left))
    record(session, actor, "comparison.begin", comparison_id, patient=sitting.patient_id, judge=judge)
    return sitting


def get_sitting(session: Session, sitting_id: str) -> Sitting:
    """Raises PlainError 'no_comparison', or what `get_patient` raises."""
    row = session.get(Sitting, sitting_id)
    if row is None:
        raise _no_comparison()
    get_patient(session, row.patient_id)
    return row


def trials_of(session: Session, sitting_id: str) -> list[Trial]:
    """In their order."""
    return list(session.scalars(select(Trial).where(Trial.sitting_id == sitting_id).order_by(Trial.number)))


def next_trial(session: Session, sitting_id: str) -> Trial | None:
    """The first that has no answer; None at the end."""
    return next((trial for trial in trials_of(session, sitting_id) if trial.answer is None), None)


def sound_of(session: Session, sitting_id: str, number: int, side: str) -> str:
    """The blob of one side of a trial that is being heard, or was. Raises PlainError 'no_sound'."""
    sitting, pair = _sitting_and_pair(session, sitting_id)
    waiting = next_trial(session, sitting_id)
    trial = next((one for one in trials_of(session, sitting_id) if one.number == number), None)
    if trial is None or side not in (LEFT, RIGHT) or (waiting is not None and number > waiting.number):
        raise _no_sound()
    voice = pair.first if (side == LEFT) == trial.first_is_left else pair.second
    found = select(Sample.blob_id).where(Sample.voice_id == voice.id, Sample.sentence == trial.sentence)
    blob_id = session.scalars(found).first()
    if blob_id is None or voice.patient_id != sitting.patient_id:
        raise _no_sound()
    return blob_id


def answer(session: Session, actor: str, sitting_id: str, number: int, given: str) -> None:
    """Keep an answer. One that was given already stays: a page that was sent twice changes nothing.

    Raises PlainError 'no_answer', 'no_trial'.
    """
    sitting = get_sitting(session, sitting_id)
    if given not in ANSWERS:
        raise PlainError("no_answer", "Choose A, B, or no difference.")
    trials = trials_of(session, sitting_id)
    trial = next((one for one in trials if one.number == number), None)
    if trial is None or any(one.answer is None for one in trials if one.number < number):
        raise PlainError("no_trial", "That is not the sentence that is being compared. Load the page again.", 409)
    if trial.answer is not None:
        return
    trial.answer = given
    if all(one.answer is not None for one in trials):
        sitting.finished_at = now()
        found = result(session, sitting)
        record(
            session, actor, "comparison.finish", sitting.comparison_id, patient=sitting.patient_id,
            judge=sitting.judge, first=found.first, second=found.second, same=found.same,
        )  # fmt: skip


def result(session: Session, sitting: Sitting) -> Result:
    """How often each version was picked."""
    trials = trials_of(session, sitting.id)
    first = sum(trial.answer == (LEFT if trial.first_is_left else RIGHT) for trial in trials)
    second = sum(trial.answer == (RIGHT if trial.first_is_left else LEFT) for trial in trials)
    return Result(sitting, first, second, sum(trial.answer == SAME for trial in trials))


def settle(session: Session, actor: str, sitting_id: str, voice_id: str) -> Voice:
    """Let one of the two speak, whichever was picked more often: the choice is theirs.

    Raises PlainError 'not_finished' before the end of the sitting: until then nobody knows which is which.
    """
    sitting, pair = _sitting_and_pair(session, sitting_id)
    if sitting.finished_at is None:
        raise PlainError("not_finished", "Listen to all sentences first; then choose.", 409)
    if voice_id not in (pair.first.id, pair.second.id):
        raise PlainError("no_voice", "There is no such voice. It may have been deleted.", 404)
    return versions.choose(session, actor, voice_id)


def _sitting_and_pair(session: Session, sitting_id: str) -> tuple[Sitting, Pair]:
    sitting = get_sitting(session, sitting_id)
    return sitting, get_pair(session, sitting.comparison_id)


def _pair(session: Session, row: Comparison) -> Pair:
    finished = select(Sitting).where(Sitting.comparison_id == row.id, Sitting.finished_at.is_not(None))
    results = [result(session, sitting) for sitting in session.scalars(finished.order_by(Sitting.finished_at.desc()))]
    return Pair(row, session.get_one(Voice, row.first_id), session.get_one(Voice, row.second_id), results)


def _no_comparison() -> PlainError:
    return PlainError("no_comparison", "There is no such comparison. One of its versions may have been deleted.", 404)


def _no_sound() -> PlainError:
    return PlainError("no_sound", "There is nothing to hear here.", 404)
