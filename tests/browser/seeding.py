"""Example patients for looking at the pages and for tests of them. Nothing here is a measurement."""

from __future__ import annotations

import io
import math
import struct
import wave
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from clinic.accounts.service import create_account
from clinic.database import new_id, now, transaction
from clinic.learning import phrases, prompts
from clinic.learning import service as learning
from clinic.learning.tables import Adapter, PhraseExample, ReadAloud
from clinic.live.tables import SPOKEN, UNSURE, LiveSession, Utterance
from clinic.messages.tables import Message
from clinic.notes.tables import Note
from clinic.patients import consents, pronunciations
from clinic.patients.service import create_patient
from clinic.patients.tables import SCOPES
from clinic.vault import get_vault
from clinic.voices import comparing
from clinic.voices.sentences import SENTENCES
from clinic.voices.tables import (
    BUILDING,
    CHECKED,
    FAILED,
    READY,
    RECEIVED,
    REFUSED,
    Comparison,
    Recording,
    Sample,
    Voice,
)

CLINICIAN, ADMINISTRATOR, PASSWORD = "dr.osei", "it.lee", "walnut harbour kettle"
LONG_NAME = "Wilhelmina Anneliese von Hohenfels-Featherstonehaugh y Fernández de la Vega"


@dataclass(frozen=True)
class Seeded:
    """Where to look."""

    patient_id: str
    building_id: str
    empty_id: str
    session_id: str
    utterance_ids: list[str]
    recording_id: str
    voice_id: str
    keeping: Keeping
    learning: Learning


@dataclass(frozen=True)
class Keeping:
    """A patient with several versions, a comparison, messages and names."""

    patient_id: str
    recording_id: str
    voice_ids: list[str]
    comparison_id: str
    begun_id: str
    finished_id: str


@dataclass(frozen=True)
class Learning:
    """A patient with sentences read aloud, phrases, and versions in every state."""

    patient_id: str
    reading_ids: list[str]
    adapter_ids: list[str]
    phrase_ids: list[str]


def tone(seconds: float = 1.0, pitch_hz: float = 220.0) -> bytes:
    """A soft tone as 16 kHz WAV: something for a player to play."""
    frames = [round(6000 * math.sin(2 * math.pi * pitch_hz * n / 16_000)) for n in range(int(16_000 * seconds))]
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(16_000)
        writer.writeframes(struct.pack(f"<{len(frames)}h", *frames))
    return file.getvalue()


def people() -> str:
    """A clinician and an administrator; the clinician's id."""
    with transaction() as session:
        create_account(session, ADMINISTRATOR, PASSWORD, "administrator")
        return create_account(session, CLINICIAN, PASSWORD, "clinician").id


def patient(session: Session, actor: str, name: str, number: str = "", scopes: tuple[str, ...] = SCOPES) -> str:
    """A patient who agreed to `scopes`."""
    row = create_patient(session, actor, name, number)
    for scope in scopes:
        consents.give(session, actor, row.id, scope)
    return row.id


def recording(session: Session, patient_id: str, name: str, state: str = CHECKED, **fields: Any) -> Recording:
    """A recording with a tone in it."""
    sound = tone()
    blob_id = get_vault().put_blob(patient_id, sound)
    row = Recording(
        id=new_id(), patient_id=patient_id, blob_id=blob_id, size_bytes=len(sound), state=state, created_at=now()
    )
    for column, value in fields.items():
        setattr(row, column, value)
    get_vault().put(row, "filename_sealed", name)
    if state == CHECKED:
        get_vault().put(row, "transcript_sealed", {"text": "It was the best of times.", "words": []})
    session.add(row)
    session.flush()
    return row


def quality(verdict: str, speech_s: float, snr_db: float = 28.0, **fields: Any) -> dict[str, Any]:
    """What the check writes about a recording."""
    measured = {"duration_s": speech_s * 1.3, "speech_s": speech_s, "snr_db": snr_db, "clipped_share": 0.0}
    return {**measured, "bandwidth_hz": 9800.0, "speakers": 1, "verdict": verdict, "reasons": [], **fields}


def voice(session: Session, patient_id: str, version: int, state: str, recordings: list[str], **fields: Any) -> Voice:
    """A version of a voice."""
    row = Voice(id=new_id(), patient_id=patient_id, version=version, state=state, recording_ids=recordings, **fields)
    session.add(row)
    session.flush()
    return row


def message(
    session: Session, patient_id: str, name: str, place: int, state: str = "ready", pitch_hz: float = 220.0
) -> Message:
    """A banked message, as the worker leaves it."""
    row = Message(id=new_id(), patient_id=patient_id, place=place, state=state)
    get_vault().put(row, "name_sealed", name)
    if state == "ready":
        row.blob_id, row.duration_s = get_vault().put_blob(patient_id, tone(1.0, pitch_hz)), 1.0
    if state == "failed":
        row.error_message = "There is nothing of this recording between that start and that end."
    session.add(row)
    session.flush()
    return row


def keep(session: Session, actor: str, name: str = "Grace Adeyemi") -> Keeping:
    """Versions to choose between, half heard and heard; messages in every state; names with and without a preview."""
    vault = get_vault()
    owner = patient(session, actor, name, "RX-310-00712")
    create_account(session, "bedside-7", PASSWORD, "tablet", owner)
    clip = recording(session, owner, "wedding toast.m4a", quality=quality("good", 52.0), duration_s=61.0)
    text = "So raise your glasses to the two of them, and may the roof never leak, and the tea never be cold."
    words = [[word, 0.3 * place, 0.3 * place + 0.28, 0.9] for place, word in enumerate(text.split())]
    vault.put(clip, "transcript_sealed", {"text": text, "words": words})
    ids = []
    for version, likeness in ((1, 0.41), (2, 0.53), (3, 0.55)):
        measures = {"similarity": likeness, "f0_median_hz": 196.0, "rate_syllables_s": 4.4, "speech_s": 52.0}
        row = voice(session, owner, version, READY, [clip.id], engine="kokoro", model="kokoro-82m", measures=measures)
        row.sample_blob_id, row.finished_at = vault.put_blob(owner, tone(2.0, 150.0 + version)), now()
        ids.append(row.id)
        for sentence in range(len(SENTENCES)):
            blob_id = vault.put_blob(owner, tone(0.4, 200.0 + 60 * version))
            session.add(Sample(patient_id=owner, voice_id=row.id, sentence=sentence, blob_id=blob_id))
    pair = Comparison(id=new_id(), patient_id=owner, first_id=ids[1], second_id=ids[2], state=READY, progress=1.0)
    session.add(pair)
    session.flush()
    finished = comparing.begin(session, actor, pair.id, "family")
    for trial in comparing.trials_of(session, finished.id):
        given = "same" if trial.number == 2 else "right" if trial.first_is_left else "left"
        comparing.answer(session, actor, finished.id, trial.number, given)
    begun = comparing.begin(session, actor, pair.id, "patient")
    for place, (title, state) in enumerate(
        (("Goodnight, sleep tight", "ready"), ("That laugh at the wedding, with everybody joining in", "ready"),
         ("Happy birthday", "wanted"), ("Toast", "failed"))
    ):  # fmt: skip
        message(session, owner, title, place, state, 180.0 + 30 * place)
    for word, say, preview in (("Siobhan", "shiv-awn", True), ("Featherstonehaugh", "fan-shaw", False)):
        row_ = pronunciations.keep(session, actor, owner, word, say)
        row_.preview = "made" if preview else None
        row_.preview_blob_id = vault.put_blob(owner, tone()) if preview else None
    return Keeping(owner, clip.id, ids, pair.id, begun.id, finished.id)


def reading(session: Session, patient_id: str, prompt: str, state: str = CHECKED, **fields: Any) -> ReadAloud:
    """A sentence of the catalogue, read aloud, as the worker leaves it."""
    row = ReadAloud(id=new_id(), patient_id=patient_id, prompt=prompt, state=state, created_at=now())
    row.blob_id = get_vault().put_blob(patient_id, tone())
    for column, value in fields.items():
        setattr(row, column, value)
    found = prompts.find(prompt)
    get_vault().put(row, "text_sealed", found.text if found else prompt)
    session.add(row)
    session.flush()
    return row


def adapter(session: Session, patient_id: str, version: int, state: str, **fields: Any) -> Adapter:
    """A version of what was learned, with weights that open."""
    row = Adapter(id=new_id(), patient_id=patient_id, version=version, state=state, **fields)
    if state == READY:
        row.blob_id, row.finished_at = get_vault().put_blob(patient_id, b"weights"), now() - timedelta(hours=3)
    session.add(row)
    session.flush()
    return row


def example(session: Session, patient_id: str, phrase_id: str, state: str = CHECKED, **fields: Any) -> PhraseExample:
    """A phrase as it was said once."""
    blob_id = get_vault().put_blob(patient_id, tone())
    row = PhraseExample(id=new_id(), patient_id=patient_id, phrase_id=phrase_id, blob_id=blob_id, state=state, **fields)
    session.add(row)
    session.flush()
    return row


def learn(session: Session, actor: str, name: str = "Rosa Benedetti") -> Learning:
    """Half-way through: sentences in every state, versions good and not, phrases taught and not."""
    owner = patient(session, actor, name, "RX-411-00093")
    create_account(session, "bedside-9", PASSWORD, "tablet", owner)
    readings = [reading(session, owner, f"en-{number:03}").id for number in range(1, 15)]
    message = "This was longer than can be learned from. Read it in one breath, or skip it."
    reading(session, owner, "en-015", REFUSED, error_code="too_long", error_message=message)
    reading(session, owner, "en-016", RECEIVED)
    learning.add_own(session, actor, owner, "Rosie, your tea is getting cold.\nMario has the keys to the allotment.")
    figures = {"stock_wer": 0.62, "clear_stock_wer": 0.031}
    ids = [
        adapter(session, owner, version, state, **fields).id
        for version, state, fields in (
            (1, READY, {"measures": {**figures, "adapted_wer": 0.41, "sentences": 8}, "read_aloud_ids": readings[:8]}),
            (2, "broken", {"error_message": "Its weights belong to another recogniser. Learn again."}),
            (3, "no_better", {"measures": {**figures, "adapted_wer": 0.66, "sentences": 5}, "error_message":
                "It got 66 % of the words wrong on sentences that it had not learned, where everybody's recognition "
                "gets 62 %. More sentences help most; where few are wrong already, nothing needs to be learned."}),
            (4, READY, {"measures": {**figures, "adapted_wer": 0.27, "clear_adapted_wer": 0.029, "sentences": 12,
                                     "imitated": 60},
                        "read_aloud_ids": readings[:12], "utterance_ids": ["u1", "u2"], "chosen_at": now()}),
        )
    ]  # fmt: skip
    building = adapter(session, owner, 5, BUILDING, progress=0.4, progress_text="Learning: round 3 of 8.")
    building.created_at, building.heartbeat_at = now() - timedelta(seconds=100), now()
    taught, half, bare = (phrases.add(session, actor, owner, text).id for text in (
        "Turn me over, please", "Where is Mario? He said that he would come after lunch", "Water"
    ))  # fmt: skip
    for phrase_id in (taught, taught, half):
        example(session, owner, phrase_id)
    example(session, owner, half, REFUSED, error_message="There was hardly any sound in it. Say it once more.")
    return Learning(owner, readings, [*ids, building.id], [taught, half, bare])


def utterance(session: Session, session_id: str, patient_id: str, number: int, text: str, **fields: Any) -> Utterance:
    """An utterance with its sound; `feeling` is sealed, the other fields are columns."""
    vault = get_vault()
    feeling = fields.pop("feeling", None)
    row = Utterance(
        id=new_id(),
        patient_id=patient_id,
        session_id=session_id,
        number=number,
        duration_s=2.4,
        longest_pause_s=0.5,
        ended_at=now() - timedelta(minutes=40 - number),
        audio_blob_id=vault.put_blob(patient_id, tone(1.0, 180)),
        state=fields.pop("state", SPOKEN),
    )
    readings = fields.pop("readings", [{"text": text, "confidence": fields.get("confidence", 0.9)}])
    vault.put(row, "transcript_sealed", {"text": fields.pop("understood", text), "readings": readings, "words": []})
    if row.state == SPOKEN:
        vault.put(row, "spoken_text_sealed", text)
        row.restored_blob_id = vault.put_blob(patient_id, tone(1.0, 240))
    if feeling is not None:
        vault.put(row, "feeling_sealed", feeling)
    for column, value in fields.items():
        setattr(row, column, value)
    session.add(row)
    session.flush()
    return row


def feeling(distress: float, urgency: float, *cues: str) -> dict[str, Any]:
    """Readings as the workers seal them."""
    calm = {"value": urgency, "low": max(0.0, urgency - 0.1), "high": min(1.0, urgency + 0.1), "cues": []}
    high = {**calm, "value": distress, "low": max(0.0, distress - 0.12), "high": min(1.0, distress + 0.1)}
    return {"distress": {**high, "cues": list(cues)}, "urgency": calm, "note": "", "prosody": {}}


def seed(actor: str) -> Seeded:
    """A patient with everything, one whose voice is being built, one with nothing, and some more names."""
    with transaction() as session:
        one = patient(session, actor, LONG_NAME, "RX-204-55871")
        first = recording(
            session,
            one,
            "voicemail for grandchildren, Christmas 2019.m4a",
            quality=quality("good", 41.0),
            duration_s=53.0,
        )
        recording(
            session,
            one,
            "retirement-speech_FINAL_final(2)_copy-of-the-camera-in-the-second-row-with-applause.mp4",
            duration_s=412.0,
            error_code="truncated",
            error_message="This file breaks off before its end. What arrived is kept.",
            quality=quality(
                "usable",
                24.0,
                13.0,
                clipped_share=0.008,
                bandwidth_hz=3600.0,
                speakers=2,
                reasons=["Somebody else speaks in parts of it. Only the longest voice is used."],
            ),
        )
        recording(
            session,
            one,
            "notes.wav",
            REFUSED,
            error_message="This file holds no sound that can be read. Look whether it is the right one.",
        )
        recording(session, one, "birthday.ogg", RECEIVED)
        sample = get_vault().put_blob(one, tone(2.0, 200))
        measures = {"similarity": 0.47, "f0_median_hz": 118.0, "rate_syllables_s": 4.1, "speech_s": 65.0}
        ready = voice(
            session,
            one,
            1,
            READY,
            [first.id],
            engine="kokoro",
            model="kokoro-82m",
            measures=measures,
            sample_blob_id=sample,
            finished_at=now() - timedelta(days=2),
            progress=1.0,
        )
        voice(
            session,
            one,
            2,
            FAILED,
            [first.id],
            error_message="The worker ran out of memory. Try again when less is running.",
        )
        live = LiveSession(id=new_id(), patient_id=one, created_at=now() - timedelta(hours=1), ended_at=now())
        session.add(live)
        session.flush()
        said = [
            utterance(
                session,
                live.id,
                one,
                1,
                "Good morning. I slept badly, my neck hurts again.",
                confidence=0.91,
                distress=0.42,
                urgency=0.2,
                feeling=feeling(0.42, 0.2, "Speech was slower than usual (2.1 against 3.4 syllables a second)."),
            ),
            utterance(
                session,
                live.id,
                one,
                2,
                "Please, could somebody turn me now, I cannot breathe like this.",
                confidence=0.55,
                chosen=True,
                understood="Please could somebody burn me now.",
                distress=0.83,
                urgency=0.78,
                feeling=feeling(
                    0.83,
                    0.78,
                    "Voice was 5.2 semitones higher than this patient’s usual.",
                    "Words that ask for help: “could somebody”.",
                ),
            ),
            utterance(
                session,
                live.id,
                one,
                3,
                "Water on the table",
                state=UNSURE,
                gate="low_confidence",
                confidence=0.31,
                readings=[
                    {"text": "Water on the table", "confidence": 0.31},
                    {"text": "What is on the table", "confidence": 0.27},
                ],
            ),
            utterance(
                session, live.id, one, 4, "<script>alert('x')</script><img src=x onerror=alert(1)>", confidence=0.88
            ),
        ]
        note = Note(id=new_id(), patient_id=one, session_id=live.id, version=1)
        ids = [row.id for row in said]
        lines = [
            ("Symptoms", "Pain, neck: “my neck hurts again”", [ids[0]], ""),
            ("Asked for", "“could somebody turn me now”", [ids[1]], ""),
            ("Asked for", "Asked for morphine.", [ids[1]], "No utterance holds these words."),
            ("How it sounded", "Higher and faster than usual at 09:14.", [ids[1]], ""),
            ("Not understood", "One sentence was not understood.", [ids[2]], ""),
        ]
        body = [{"section": a, "text": b, "utterance_ids": c, "at": "", "struck": d} for a, b, c, d in lines]
        get_vault().put(note, "body_sealed", body)
        session.add(note)
        two = patient(session, actor, "Tomasz Nowak", "RX-118-20034")
        clip = recording(session, two, "interview.wav", quality=quality("good", 71.0), duration_s=90.0)
        building = voice(
            session, two, 1, BUILDING, [clip.id], progress=0.37, progress_text="Searching: step 42 of 110."
        )
        building.created_at, building.heartbeat_at = now() - timedelta(seconds=150), now()
        other = LiveSession(id=new_id(), patient_id=two, created_at=now() - timedelta(hours=5), ended_at=now())
        session.add(other)
        session.flush()
        utterance(
            session,
            other.id,
            two,
            1,
            "Where is my wife?",
            confidence=0.8,
            distress=0.58,
            urgency=0.3,
            feeling=feeling(0.58, 0.3, "Louder and more uneven than usual (+6 dB)."),
        )
        empty = patient(session, actor, "Ada", "", scopes=())
        keeping = keep(session, actor)
        learned = learn(session, actor)
        for name in ("李小龙", "Bjørn Åsmund Øverland"):
            patient(session, actor, name, scopes=("keep_voice",))
        return Seeded(one, two, empty, live.id, ids, first.id, ready.id, keeping, learned)
