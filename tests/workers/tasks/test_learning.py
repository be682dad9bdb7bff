"""Learning a patient as a task: what is refused and why, what comes into use, and what a failure leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench import two_cities
from clinic.database import new_id, transaction
from clinic.errors import PlainError
from clinic.learning import tables as t
from clinic.learning.prompts import catalogue
from clinic.learning.serving import put_into_use, serving
from clinic.learning.tables import Adapter, Phrase, ReadAloud
from clinic.live.tables import NOTHING_HEARD, UNSURE, LiveSession, Utterance
from clinic.live.utterances import open_session
from clinic.patients import consents
from clinic.patients.tables import Patient
from clinic.vault import get_vault
from tests.workers.tasks.conftest import Hum, ready
from workers.contracts import Audio, Cancelled, Clip, Progress, Reading, SpokenError, Transcript, Word
from workers.tasks import imitating, learning, rooms, understood
from workers.tasks.live import restore, warm
from workers.tasks.sound import wav_bytes

SPEECH = two_cities.held_out()[3].audio


def read_aloud(patient_id: str, audio: Audio | bytes = SPEECH, text: str = "It was the spring of hope.") -> str:
    """A sentence that was just recorded; its id."""
    vault = get_vault()
    data = audio if isinstance(audio, bytes) else wav_bytes(audio)
    with transaction() as session:
        row = ReadAloud(id=new_id(), patient_id=patient_id, blob_id=vault.put_blob(patient_id, data))
        vault.put(row, "text_sealed", text)
        session.add(row)
        return row.id


def checked(patient_id: str, audio: Audio | bytes = SPEECH, text: str = "It was the spring of hope.") -> str:
    """The same, found good."""
    row_id = read_aloud(patient_id, audio, text)
    learning.check_read(row_id)
    return row_id


def version(patient_id: str, number: int = 1, state: str = t.QUEUED, **fields: Any) -> str:
    """A version; its id."""
    with transaction() as session:
        row = Adapter(id=new_id(), patient_id=patient_id, version=number, state=state, **fields)
        session.add(row)
        return row.id


def in_use(patient_id: str) -> str | None:
    with transaction() as session:
        row = serving(session, patient_id)
        return row.id if row is not None else None


def of(table: type[Any], row_id: str) -> Any:
    with transaction() as session:
        return session.get_one(table, row_id)


@dataclass
class Learns:
    """In place of the training: told of its sentences, it tells progress, keeps checkpoints and has an outcome."""

    better: bool = True
    meanwhile: Callable[[], None] = lambda: None
    learned_from: list[str] = field(default_factory=list)
    lengths_s: list[float] = field(default_factory=list)
    restored: list[bytes] = field(default_factory=list)
    spoken: list[Clip] = field(default_factory=list)

    def __call__(self, utterances: list[Clip], clear: list[Clip], spoken: list[Clip], language: str) -> Learns:
        self.spoken = spoken
        self.learned_from = [clip.text for clip in utterances]
        self.lengths_s = [clip.audio.duration_s for clip in utterances]
        return self

    def restore(self, checkpoint: bytes) -> None:
        if checkpoint == b"of other sentences":
            raise SpokenError("wrong_checkpoint", "Start anew.")
        self.restored.append(checkpoint)

    def run(self, progress: Progress, cancelled: Cancelled, keep_checkpoint: Callable[[bytes], None]) -> Any:
        progress(0.5, "Learning this speech: a minute left.")
        keep_checkpoint(b"half-way")
        self.meanwhile()
        adapter = SimpleNamespace(base="b" * 64, to_bytes=lambda: b"weights")
        calibration = SimpleNamespace(to_json=lambda: {"count": 5})
        measures = {"stock_wer": 0.9, "adapted_wer": 0.2 if self.better else 0.95}
        return SimpleNamespace(adapter=adapter, calibration=calibration, measures=measures, better=self.better)


@pytest.fixture
def learns(monkeypatch: pytest.MonkeyPatch) -> Learns:
    made = Learns()
    monkeypatch.setattr(rooms, "learning", made)
    return made


def seconds(audio: Audio, count: float) -> Audio:
    """Said again and again, to so many seconds."""
    times = int(np.ceil(count / audio.duration_s))
    return Audio(np.tile(audio.samples, times)[: int(count * audio.rate_hz)], audio.rate_hz)


@pytest.mark.parametrize(
    ("audio", "code", "advice"),
    [
        (Audio(np.zeros(32_000, np.float32), 16_000), "no_speech", "closer"),
        (seconds(SPEECH, 20.0), "too_long", "shorter"),
        (Audio(np.clip(SPEECH.samples * 60, -1, 1), SPEECH.rate_hz), "clipped", "away"),
        (b"RIFF and then nothing", None, ""),
        (b"", None, ""),
    ],
)
def test_what_cannot_be_learned_from_is_refused_with_advice(
    patient_id: str, audio: Audio | bytes, code: str | None, advice: str
) -> None:
    row = of(ReadAloud, row_id := read_aloud(patient_id, audio))
    learning.check_read(row_id)
    row = of(ReadAloud, row_id)
    assert row.state == t.REFUSED and row.error_message and advice in row.error_message
    assert code is None or row.error_code == code


def test_a_sentence_with_long_pauses_is_not_too_long(patient_id: str) -> None:
    pause = np.zeros(6 * SPEECH.rate_hz, np.float32)
    audio = Audio(np.concatenate([SPEECH.samples, pause, SPEECH.samples, pause, SPEECH.samples]), SPEECH.rate_hz)
    assert of(ReadAloud, checked(patient_id, audio)).state == t.CHECKED and audio.duration_s > learning.SENTENCE_S[1]


def test_a_good_sentence_is_checked_and_measured(patient_id: str) -> None:
    row = of(ReadAloud, checked(patient_id))
    assert row.state == t.CHECKED and row.duration_s == pytest.approx(SPEECH.duration_s, abs=0.2)


def test_whoever_needs_long_to_begin_has_not_said_a_long_sentence(patient_id: str, learns: Learns) -> None:
    silence = np.zeros(round(9 * SPEECH.rate_hz), np.float32)
    slow = Audio(np.concatenate([silence, SPEECH.samples, silence]), SPEECH.rate_hz)
    row_id = read_aloud(patient_id, slow)
    learning.check_read(row_id)
    row = of(ReadAloud, row_id)
    assert row.state == t.CHECKED
    assert row.duration_s == pytest.approx(SPEECH.duration_s, abs=0.8)
    learning.adapt(version(patient_id, read_aloud_ids=[row_id]))
    assert learns.lengths_s == [pytest.approx(row.duration_s)]


def test_what_is_better_comes_into_use_and_leaves_no_checkpoint(patient_id: str, learns: Learns) -> None:
    good, refused = checked(patient_id, text="One."), read_aloud(patient_id, b"", "Two.")
    learning.check_read(refused)
    older = version(patient_id, 1, t.READY)
    with transaction() as session:
        put_into_use(session, patient_id, session.get_one(Adapter, older))
    newer = version(patient_id, 2, read_aloud_ids=[good, refused, "gone"])
    learning.adapt(newer)
    row = of(Adapter, newer)
    assert learns.learned_from == ["One."]
    assert row.state == t.READY and row.checkpoint_blob_id is None and row.progress == 1.0
    assert row.measures["adapted_wer"] == 0.2 and row.calibration == {"count": 5}
    assert get_vault().get_blob(patient_id, row.blob_id) == b"weights"
    assert in_use(patient_id) == newer and of(Adapter, older).chosen_at is None


def test_what_is_no_better_changes_nothing(patient_id: str, learns: Learns) -> None:
    learns.better = False
    older = version(patient_id, 1, t.READY)
    with transaction() as session:
        put_into_use(session, patient_id, session.get_one(Adapter, older))
    newer = version(patient_id, 2)
    learning.adapt(newer)
    row = of(Adapter, newer)
    assert row.state == t.NO_BETTER and row.blob_id is None
    assert "95 %" in row.error_message and "90 %" in row.error_message
    assert in_use(patient_id) == older


def test_a_corrected_utterance_is_learned_from_and_an_unconfirmed_one_is_not(patient_id: str, learns: Learns) -> None:
    ids = []
    with transaction() as session:
        live_session = sitting(session, patient_id)
        for number, chosen in enumerate((True, False), 1):
            ids.append(utterance(session, patient_id, live_session, number, chosen))
    learning.adapt(version(patient_id, utterance_ids=ids))
    assert learns.learned_from == ["I would like some water."]


def sitting(session: Any, patient_id: str) -> str:
    row = LiveSession(id=new_id(), patient_id=patient_id)
    session.add(row)
    session.flush()
    return row.id


def utterance(session: Any, patient_id: str, session_id: str, number: int, chosen: bool) -> str:
    row = Utterance(
        id=new_id(), patient_id=patient_id, session_id=session_id, number=number, chosen=chosen, duration_s=2.0,
        ended_at=learning.now(), audio_blob_id=get_vault().put_blob(patient_id, wav_bytes(SPEECH)),
    )  # fmt: skip
    get_vault().put(row, "spoken_text_sealed", "I would like some water.")
    session.add(row)
    return row.id


@pytest.mark.parametrize("kept", [b"half-way", b"of other sentences"])
def test_it_goes_on_from_its_checkpoint_or_from_the_start(patient_id: str, learns: Learns, kept: bytes) -> None:
    row_id = version(patient_id, 1, t.BUILDING, checkpoint_blob_id=get_vault().put_blob(patient_id, kept))
    learning.adapt(row_id)
    assert of(Adapter, row_id).state == t.READY
    assert learns.restored == ([kept] if kept == b"half-way" else [])


def test_a_failure_or_a_cancel_leaves_the_version_in_use(patient_id: str, learns: Learns) -> None:
    older = version(patient_id, 1, t.READY)
    with transaction() as session:
        put_into_use(session, patient_id, session.get_one(Adapter, older))

    def fail() -> None:
        raise MemoryError("what somebody said")

    learns.meanwhile = fail
    learning.adapt(failed := version(patient_id, 2))
    row = of(Adapter, failed)
    assert row.state == t.FAILED and "said" not in row.error_message and row.checkpoint_blob_id is None

    def cancel() -> None:
        with transaction() as session:
            session.get_one(Adapter, cancelled).cancel_requested = True

    learns.meanwhile, cancelled = cancel, version(patient_id, 3)
    learning.adapt(cancelled)
    assert of(Adapter, cancelled).state == t.CANCELLED and of(Adapter, cancelled).checkpoint_blob_id is None
    assert in_use(patient_id) == older


def test_sentences_that_were_not_read_are_said_in_the_voice_of_before(
    patient_id: str, learns: Learns, hum: Hum
) -> None:
    ready(patient_id, 1, 140.0)
    with transaction() as session:
        phrase = Phrase(id=new_id(), patient_id=patient_id)
        get_vault().put(phrase, "text_sealed", "Fetch Tindra, please.")
        session.add(phrase)
    read = catalogue("en")[0]
    with transaction() as session:
        session.get_one(ReadAloud, row_id := checked(patient_id, text=read.text)).prompt = read.key
    learning.adapt(version(patient_id, read_aloud_ids=[row_id]))
    texts = [clip.text for clip in learns.spoken]
    assert texts == hum.said and len(texts) == imitating.MOST
    assert texts[:2] == ["Fetch Tindra, please.", catalogue("en")[1].text] and read.text not in texts
    assert all(clip.audio.rate_hz == 16_000 and clip.audio.duration_s > 0 for clip in learns.spoken)


def _withdraw(patient_id: str) -> None:
    with transaction() as session:
        consents.withdraw(session, "system", patient_id, "keep_voice")


@pytest.mark.parametrize("hinder", ["no consent", "another engine", "another language", "no voice"])
def test_without_a_voice_that_can_be_used_only_what_was_read_is_learned(
    patient_id: str, learns: Learns, hum: Hum, hinder: str
) -> None:
    if hinder != "no voice":
        ready(patient_id, 1, 140.0)
    if hinder == "no consent":
        _withdraw(patient_id)
    if hinder == "another engine":
        hum.revision = "r2"
    if hinder == "another language":
        with transaction() as session:
            session.get_one(Patient, patient_id).language = "fr"
    learning.adapt(row_id := version(patient_id))
    assert learns.spoken == [] and hum.said == [] and of(Adapter, row_id).state == t.READY


def test_a_cancel_while_they_are_said_stops_it(patient_id: str, learns: Learns, hum: Hum) -> None:
    ready(patient_id, 1, 140.0)
    row_id = version(patient_id)

    def cancel(_: str) -> None:
        with transaction() as session:
            session.get_one(Adapter, row_id).cancel_requested = True

    hum.while_saying = cancel
    learning.adapt(row_id)
    assert of(Adapter, row_id).state == t.CANCELLED and len(hum.said) == 1


def test_nothing_is_learned_without_consent(patient_id: str, learns: Learns) -> None:
    row_id = version(patient_id)
    with transaction() as session:
        consents.withdraw(session, "system", patient_id, "learn_corrections")
        session.get_one(Adapter, row_id).cancel_requested = False
    learning.adapt(row_id)
    assert of(Adapter, row_id).error_code == "no_consent" and learns.learned_from == []


@dataclass(eq=False)
class Hears:
    """In place of recognition: always the same words, and sure of them."""

    def transcribe(self, audio: Audio, language: str = "en", *, sure_at: float = 0.7, listed: Any = None) -> Transcript:
        words = tuple(
            Word(text, place * 0.4, place * 0.4 + 0.3, 0.95) for place, text in enumerate(("Water,", "please."))
        )
        reading = Reading("Water, please.", 0.95)
        return Transcript("Water, please.", words, 0.95, language, (reading,), None, 1.0)


@pytest.fixture
def everybodys(monkeypatch: pytest.MonkeyPatch) -> Hears:
    hears = Hears()
    monkeypatch.setattr(rooms, "recogniser", lambda: hears)
    return hears


@pytest.fixture
def row_in_use(patient_id: str) -> str:
    row_id = version(patient_id, 1, t.READY, blob_id=get_vault().put_blob(patient_id, b"weights"))
    with transaction() as session:
        put_into_use(session, patient_id, session.get_one(Adapter, row_id))
    return row_id


def test_the_patients_own_recogniser_hears_them(
    patient_id: str, row_in_use: str, everybodys: Hears, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = Hears()
    monkeypatch.setattr(rooms, "adapted_recogniser", lambda _id, open_bytes, _: theirs if open_bytes() else None)
    ear = understood.ear_of(patient_id)
    assert ear.learned and ear.recogniser is theirs  # type: ignore[comparison-overlap]
    with transaction() as session:
        consents.withdraw(session, "system", patient_id, "learn_corrections")
    assert not understood.ear_of(patient_id).learned


def test_it_is_opened_when_a_session_begins(
    patient_id: str, row_in_use: str, monkeypatch: pytest.MonkeyPatch, sent: list[tuple[str, tuple[Any, ...]]]
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(rooms, "adapted_recogniser", lambda adapter_id, *_: opened.append(adapter_id))
    open_session(patient_id, "somebody")
    (args,) = [args for name, args in sent if name == "live.warm"]
    warm(*args)
    assert opened == [row_in_use]


@pytest.mark.parametrize(
    "error",
    [
        SpokenError("foreign_adapter", "It belongs to other weights."),
        SpokenError("newer_adapter", "It is of a newer version."),
        PlainError("tampered", "It does not open."),
    ],
)
def test_one_that_does_not_open_is_said_and_everybodys_recognition_serves(
    patient_id: str, row_in_use: str, everybodys: Hears, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: Any) -> None:
        raise error

    monkeypatch.setattr(rooms, "adapted_recogniser", refuse)
    ear = understood.ear_of(patient_id)
    assert not ear.learned and ear.recogniser is everybodys  # type: ignore[comparison-overlap]
    row = of(Adapter, row_in_use)
    assert row.state == t.BROKEN and row.error_message == str(error) and in_use(patient_id) is None


def test_a_damaged_blob_is_found_by_the_real_reader(patient_id: str, row_in_use: str, everybodys: Hears) -> None:
    assert not understood.ear_of(patient_id).learned
    assert of(Adapter, row_in_use).error_code == "damaged_adapter"


@pytest.mark.parametrize(
    ("asks_first", "learned", "spoken"), [(True, False, False), (False, False, True), (True, True, True)]
)
def test_before_a_patient_is_learned_nothing_is_spoken_unasked(
    patient_id: str, hum: Hum, everybodys: Hears, monkeypatch: pytest.MonkeyPatch, asks_first: bool, learned: bool,
    spoken: bool,
) -> None:  # fmt: skip
    ready(patient_id, 1, 110.0)
    monkeypatch.setattr(understood, "ear_of", lambda _: understood.Ear(everybodys, learned))  # type: ignore[arg-type]
    with transaction() as session:
        session.get_one(Patient, patient_id).asks_first = asks_first
        live_session = sitting(session, patient_id)
        row_id = utterance(session, patient_id, live_session, 1, False)
        row = session.get_one(Utterance, row_id)
        row.spoken_text_sealed = None
    restore(row_id)
    row = of(Utterance, row_id)
    assert (hum.said == ["Water, please."]) is spoken
    assert spoken or (row.state == UNSURE and row.gate == "not_adapted")


def test_a_sound_without_words_is_weighed_and_teaches_nothing(
    patient_id: str, everybodys: Hears, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A moan has no words, and may be the most that somebody can say; the ward's noise is no baseline."""
    silent = Transcript("", (), 0.0, "en", (), "no_words", 1.0)
    monkeypatch.setattr(everybodys, "transcribe", lambda *_, **__: silent)
    with transaction() as session:
        row_id = utterance(session, patient_id, sitting(session, patient_id), 1, False)
        session.get_one(Utterance, row_id).spoken_text_sealed = None
    restore(row_id)
    row = of(Utterance, row_id)
    assert row.state == NOTHING_HEARD and row.gate == "no_words"
    assert row.feeling_sealed is not None and row.distress is not None
    assert of(Patient, patient_id).baseline_sealed is None
