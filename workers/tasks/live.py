"""The live path: an impaired utterance in, the same words in the patient's own voice out.

The tasks may run twice for one utterance (a worker died): what was spoken is never spoken again by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy.orm import Session

from clinic.database import transaction
from clinic.errors import PlainError
from clinic.events import get_stream
from clinic.live.tables import FAILED, NOTHING_HEARD, RECEIVED, SPOKEN, UNSURE, WORKING, Utterance
from clinic.queue import send
from clinic.settings import get_settings
from clinic.vault import get_vault
from workers.app import app
from workers.contracts import RECOGNITION_RATE_HZ, SpokenError, Transcript
from workers.tasks import heard, listen, speaking, taught, understood, whose
from workers.tasks.codec import transcript_from_json, transcript_to_json
from workers.tasks.outcome import plainly
from workers.tasks.speaking import ENDED
from workers.understand import unfinished

WHY = {
    "looping": "The same words came again and again, which often means a mishearing.",
    "invented": "That is what films end with, and software hears it where nothing was said. Touch it if it was you.",
    "impossible_rate": "That would be faster than anybody speaks, so it is probably a mishearing.",
    "low_confidence": "I am not sure enough to say this for you.",
    "cut_off": "The connection broke while you were speaking.",
    "taught_phrase": "That sounded like a phrase that you taught me. Touch it if it is right.",
    "other_voice": "That did not sound like you. Touch it if it was you.",
    "short_voice": "That was too short to tell whether it was you. Touch it if it was.",
    "listed_word": "I took one word for a name on your list. Touch it if that is right.",
    "interpreted": "Touch it, and it is said in English.",
    "not_adapted": "I do not know your speech well yet, so I ask before I speak.",
}
NOTHING = {
    "no_speech": "I heard no speech. When you are ready, try again, a little closer to the tablet.",
    "no_words": "I heard no words in that. When you are ready, say it again, a little closer to the tablet.",
    "too_short": "That was too short to understand. Please try again.",
    # With a touch it is the patient's will, and is asked about instead.
    "put_aside": "That sounded like somebody else, so I left it. If it was you, touch to pause, choose “Touch once” "
    "and say it again.",
    "no_english": "I heard words, but could not put them into English. Please say it another way, or in shorter parts.",
}


#: In a process, work ahead is done one at a time: a second one is left out, and its patient waits as everybody did.
_working_ahead = threading.Semaphore(1)
_hands = threading.Lock()
#: Utterances that tasks of this process have in hand, and how many.
_in_hand: dict[str, tuple[threading.Lock, int]] = {}


@app.task(name="live.restore")
def restore(utterance_id: str) -> None:
    """Understand an utterance; say it again if that is sure enough, else offer readings. Listen to its manner."""
    with plainly(utterance_id, "live.restore", _failed), _alone(utterance_id):
        _restore(utterance_id)


@app.task(name="live.speak")
def speak(utterance_id: str) -> None:
    """Say the text that the patient chose for this utterance."""
    with plainly(utterance_id, "live.speak", _failed), _alone(utterance_id):
        with transaction() as session:
            row = _row(session, utterance_id)
            if row.state in (SPOKEN, *ENDED) or row.spoken_text_sealed is None:
                return
            row.state = WORKING
            text = get_vault().get_text(row, "spoken_text_sealed")
            original = get_vault().get_text(row, "original_text_sealed") if row.original_text_sealed else text
            transcript = transcript_from_json(get_vault().get_json(row, "transcript_sealed"))
        _tell(row, {"type": "working"})
        said = heard.heard_before(row, transcript)
        speaking.say(row, text, said, lambda event, sound: _tell(row, event, sound))
        # Confirmed words count in full: until now a cry for help that a gate held back had counted half.
        listen.keep_feeling(utterance_id, said.measured, transcript, chosen=original)
        whose.confirmed(row, said.audio)


@app.task(name="live.warm")
def warm(patient_id: str) -> None:
    """A session was opened: open what was learned of this patient before they speak, which takes some seconds."""
    with plainly(patient_id, "live.warm", lambda *_: None):
        understood.ear_of(patient_id)
        taught.open_phrases(patient_id)
        whose.warm(patient_id)


@app.task(name="live.ahead")
def ahead(utterance_id: str, blob_id: str) -> None:
    """In a patient's pause, as if it were the end: understand what was said so far, and begin to say it, unheard.

    If they speak on, it is thrown away; if they have finished, `live.restore` finds it done.
    """
    with _unless_busy(utterance_id, "live.ahead") as free:
        row = _so_far(utterance_id, blob_id) if free else None
        found = heard.hear_ahead(row) if row is not None else None
        if row is None or found is None:
            return
        said, gate = found
        if unfinished.seems_unfinished(said.transcript.text, said.transcript.language):
            _tell(row, {"type": "unfinished", "bytes": _bytes(row)})
        # Of who has finished meanwhile `live.restore` has taken what was understood, and goes on with it.
        if gate is None and _so_far(utterance_id, blob_id) is not None:
            speaking.begin_ahead(row, said.transcript.text, said, lambda: _spoke_on(row))


@app.task(name="live.open_readings")
def open_readings(utterance_id: str) -> None:
    """While readings wait for a touch: begin to say each, unheard, so that what is touched sounds at once."""
    with _unless_busy(utterance_id, "live.open_readings") as free:
        row = _still(utterance_id, UNSURE) if free else None
        if row is None:
            return
        transcript = transcript_from_json(get_vault().get_json(row, "transcript_sealed"))
        said = heard.heard_before(row, transcript)
        for reading in transcript.readings:
            if _still(utterance_id, UNSURE) is None:
                return
            speaking.begin_ahead(row, reading.english or reading.text, said, lambda: False)


def _restore(utterance_id: str) -> None:
    with transaction() as session:
        row = _row(session, utterance_id)
        if row.state not in (RECEIVED, WORKING):
            return
        row.state = WORKING
    _tell(row, {"type": "working"})

    said, gate = heard.hear(row)
    transcript = said.transcript
    whose.keep(row, said.voice, put_aside=gate == whose.PUT_ASIDE)
    if gate == whose.PUT_ASIDE:
        whose.put_aside(row)
        _tell(row, {"type": "nothing_heard", "message": NOTHING[gate if transcript.readings else "no_words"]})
        return
    sure = gate is None
    with transaction() as session:
        row = _row(session, utterance_id)
        if row.state in ENDED:
            return
        get_vault().put(row, "transcript_sealed", transcript_to_json(transcript))
        row.confidence, row.gate = transcript.confidence, gate
        if sure:
            get_vault().put(row, "spoken_text_sealed", transcript.text)
        else:
            row.state = NOTHING_HEARD if not transcript.readings else UNSURE
    if sure:
        _tell(row, {"type": "words", "text": transcript.text, "confidence": transcript.confidence})
        speaking.say(row, transcript.text, said, lambda event, sound: _tell(row, event, sound))
    else:
        _ask(row, gate or "", transcript)
    # A moan has no words, and may be the most that somebody can say; silence says nothing. What did not sound like the
    # patient teaches and tells nothing of them until they touch it.
    if gate != whose.GATE and (transcript.readings or gate in ("no_words", "no_english")):
        listen.keep_feeling(utterance_id, said.measured, transcript)


def _ask(row: Utterance, gate: str, transcript: Transcript) -> None:
    """Offer what might have been said; nothing sounds until the patient touches one."""
    if not transcript.readings:
        _tell(row, {"type": "nothing_heard", "message": NOTHING.get(gate, NOTHING["no_speech"])})
        return
    readings = [
        {"text": one.text, "confidence": one.confidence} | ({"english": one.english} if one.english else {})
        for one in transcript.readings
    ]
    _tell(row, {"type": "unsure", "readings": readings, "why": WHY.get(gate, WHY["low_confidence"])})
    if get_settings().work_ahead:
        with transaction() as session:
            send(session, "live.open_readings", row.id)


@contextmanager
def _alone(utterance_id: str) -> Iterator[None]:
    """One task of an utterance at a time: one that is delivered twice finds that it was spoken, and does not again."""
    with _hands:
        lock, waiting = _in_hand.get(utterance_id, (threading.Lock(), 0))
        _in_hand[utterance_id] = lock, waiting + 1
    try:
        with lock:
            yield
    finally:
        with _hands:
            lock, waiting = _in_hand.pop(utterance_id)
            if waiting > 1:
                _in_hand[utterance_id] = lock, waiting - 1


@contextmanager
def _unless_busy(utterance_id: str, task: str) -> Iterator[bool]:
    """Whether there is room for work that nobody waits for yet. Its failure is nobody's: what is asked for later is
    made then, and says then what is wrong."""
    free = _working_ahead.acquire(blocking=False)
    try:
        with plainly(utterance_id, task, lambda *_: None):
            yield free
    finally:
        if free:
            _working_ahead.release()


def _still(utterance_id: str, state: str) -> Utterance | None:
    """The row, if it is there and in this state still."""
    with transaction() as session:
        row = session.get(Utterance, utterance_id)
        return row if row is not None and row.state == state else None


def _so_far(utterance_id: str, blob_id: str) -> Utterance | None:
    """The row, if its turn is not over and this is the newest sound of it."""
    row = _still(utterance_id, RECEIVED)
    if row is None or not row.cut_off or row.audio_blob_id != blob_id or _spoke_on(row):
        return None
    return row


def _spoke_on(row: Utterance) -> bool:
    """Whether the web process has told that this sound of a turn was not all of it."""
    told = get_stream().read(f"turn:{row.id}", row.patient_id, "", 0.0)
    return any(event.event.get("bytes") == _bytes(row) for event in told)


def _bytes(row: Utterance) -> int:
    """By its length the web process knows which of a turn's pauses is meant."""
    return round(row.duration_s * RECOGNITION_RATE_HZ) * 2


def _row(session: Session, utterance_id: str) -> Utterance:
    row = session.get(Utterance, utterance_id)
    if row is None:
        raise SpokenError("gone", "This utterance is no longer kept.")
    return row


def _tell(row: Utterance, event: dict[str, Any], blob: bytes = b"") -> None:
    get_stream().publish(f"session:{row.session_id}", row.patient_id, {**event, "utterance": row.id}, blob)


def _failed(utterance_id: str, code: str, message: str) -> None:
    """Say what went wrong to the row and to the tablet. The patient's audio stays where it is."""
    with transaction() as session:
        row = session.get(Utterance, utterance_id)
        if row is None or row.state in ENDED:
            return
        row.state, row.error_code, row.error_message = FAILED, code, message
    with suppress(PlainError):  # the patient may have been erased meanwhile: then there is nobody to tell
        _tell(row, {"type": "failed", "code": code, "message": message})
