"""The speaker check at the bedside: nothing of another's voice is spoken or kept, and no patient loses their speech."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from clinic.database import new_id, now, transaction
from clinic.learning.tables import CHECKED, ReadAloud
from clinic.live import utterances
from clinic.live.tables import SPOKEN, UNSURE, Utterance
from clinic.live.turns import Ended
from clinic.patients import consents
from clinic.patients import service as patients
from clinic.patients.tables import Patient
from clinic.speaker import service
from clinic.speaker.keeping import check_of
from clinic.speaker.tables import SpeakerCheck, SpeakerFinding
from clinic.vault import VaultError, get_vault
from tests.workers.tasks.conftest import Hum, ready
from tests.workers.tasks.test_ahead import READINGS, Bedside, Hears
from workers.contracts import FloatArray
from workers.tasks import heard, live, rooms, speaking, whose

SENTENCE = (np.sin(np.arange(32_000) / 9.0) * 8000).astype("<i2").tobytes()  # 2 s of a tone
PATIENT, LIKE_A_COLD, ANOTHER = 0.95, 0.55, 0.1


class Encoder:
    """In place of the speaker encoder: a voice so like the patient's as the test says."""

    def __init__(self) -> None:
        self.likeness, self.count = PATIENT, 0

    def __call__(self, _samples: FloatArray) -> FloatArray:
        self.count += 1
        vector = np.zeros(192, np.float32)
        vector[0], vector[1 + self.count % 100] = self.likeness, np.sqrt(1 - self.likeness**2)
        return vector


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> Encoder:
    found = Encoder()
    monkeypatch.setattr(rooms, "speaker_voice", found)
    return found


@pytest.fixture
def bedside(
    patient_id: str, hum: Hum, sent: list[tuple[str, tuple[object, ...]]], encoder: Encoder,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Bedside]:  # fmt: skip
    hears = Hears()
    monkeypatch.setattr(rooms, "recogniser", lambda: hears)
    monkeypatch.setattr(heard, "_ahead", type(heard._ahead)(most=4, keep_s=20.0))
    monkeypatch.setattr(speaking, "_ahead", type(speaking._ahead)(most=4, keep_s=60.0))
    ready(patient_id, 1, 110.0)
    with transaction() as session:
        session.get_one(Patient, patient_id).asks_first = False
    yield Bedside(patient_id, utterances.open_session(patient_id, "tablet"), sent, hears, hum)


@pytest.fixture
def turn(bedside: Bedside) -> Callable[..., str]:
    """Somebody speaks, and it is worked on; the utterance's id."""
    names = iter(range(1000))

    def take(mode: str, reason: str = "pause", name: str = "") -> str:
        name = name or f"turn-{next(names):04}"
        ended = Ended(SENTENCE, 2.0, reason)
        utterance = utterances.keep(bedside.session_id, bedside.patient_id, name, ended, mode)
        bedside.work("live.restore")
        return utterance

    return take


def read(patient_id: str, count: int) -> None:
    """Sentences that the patient read aloud."""
    with transaction() as session:
        for _ in range(count):
            blob_id = get_vault().put_blob(patient_id, utterances._wav(SENTENCE))
            row = ReadAloud(id=new_id(), patient_id=patient_id, blob_id=blob_id, state=CHECKED, created_at=now())
            get_vault().put(row, "text_sealed", "Some words.")
            session.add(row)


def checking(bedside: Bedside, setting: str = "on", count: int = 12) -> None:
    """A clinician turns the check on, after so many sentences."""
    read(bedside.patient_id, count)
    with transaction() as session:
        service.change(session, "dr", bedside.patient_id, setting)
    assert ("speaker.learn", (bedside.patient_id,)) in bedside.sent
    whose.learn(bedside.patient_id)


def findings(patient_id: str) -> list[SpeakerFinding]:
    with transaction() as session:
        return list(session.scalars(select(SpeakerFinding).where(SpeakerFinding.patient_id == patient_id)))


def check(patient_id: str) -> SpeakerCheck:
    with transaction() as session:
        row = check_of(session, patient_id)
        assert row is not None
        return row


def rows(patient_id: str) -> list[Utterance]:
    with transaction() as session:
        return list(session.scalars(select(Utterance).where(Utterance.patient_id == patient_id)))


def test_it_is_off_until_somebody_turns_it_on(bedside: Bedside, encoder: Encoder, turn: Callable[..., str]) -> None:
    encoder.likeness = ANOTHER
    turn("free")
    assert bedside.hum.said == [READINGS[0]] and encoder.count == 0 and findings(bedside.patient_id) == []


@pytest.mark.parametrize("mode", ["hold", "tap", "free"])
def test_the_patient_is_spoken_for_as_before(bedside: Bedside, turn: Callable[..., str], mode: str) -> None:
    checking(bedside)
    turn(mode)
    assert bedside.hum.said == [READINGS[0]] and rows(bedside.patient_id)[0].state == SPOKEN
    assert [one.found for one in findings(bedside.patient_id)] == ["own"]


def test_hands_free_nothing_of_another_is_spoken_or_kept(
    bedside: Bedside, encoder: Encoder, turn: Callable[..., str]
) -> None:
    checking(bedside)
    encoder.likeness = ANOTHER
    blobs = _blobs()
    turn("free")
    assert bedside.hum.said == [] and rows(bedside.patient_id) == [] and _blobs() == blobs
    assert bedside.heard() == ["working", "nothing_heard"]
    (found,) = findings(bedside.patient_id)
    assert (found.found, found.touched, found.utterance_id) == ("other", False, None)


@pytest.mark.parametrize(("mode", "likeness"), [("free", LIKE_A_COLD), ("tap", ANOTHER), ("hold", LIKE_A_COLD)])
def test_who_touches_the_button_or_has_a_cold_is_asked_and_can_still_speak(
    bedside: Bedside, encoder: Encoder, turn: Callable[..., str], mode: str, likeness: float
) -> None:
    checking(bedside)
    before = check(bedside.patient_id)
    encoder.likeness = likeness
    utterance = turn(mode)
    (row,) = rows(bedside.patient_id)
    assert row.state == UNSURE and row.gate == "other_voice" and bedside.hum.said == []
    with transaction() as session:
        assert session.get_one(Patient, bedside.patient_id).baseline_sealed is None  # teaches nothing of their manner
    utterances.choose(utterance, bedside.session_id, 0, "tablet")
    bedside.work("live.speak")
    assert bedside.hum.said == [READINGS[0]]
    assert [one.theirs for one in findings(bedside.patient_id)] == [True]
    # Theirs or not: what failed the check never teaches it.
    assert check(bedside.patient_id).reference_sealed == before.reference_sealed
    whose.learn(bedside.patient_id)
    assert check(bedside.patient_id).utterances == 12


def test_a_word_that_is_too_short_to_tell_is_asked_about_hands_free_alone(
    bedside: Bedside, turn: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checking(bedside)
    monkeypatch.setattr("workers.hear.whose.LEAST_S", 5.0)
    turn("free")
    turn("tap")
    assert [row.gate for row in rows(bedside.patient_id)] == ["short_voice", None]


def test_while_it_watches_it_counts_and_changes_nothing(
    bedside: Bedside, encoder: Encoder, turn: Callable[..., str]
) -> None:
    checking(bedside, "watch")
    encoder.likeness = ANOTHER
    turn("free")
    assert bedside.hum.said == [READINGS[0]] and len(rows(bedside.patient_id)) == 1
    with transaction() as session:
        lately = service.lately(session, bedside.patient_id)
    assert (lately.judged, lately.left, lately.asked) == (1, 1, 0)


def test_with_too_few_sentences_nobody_is_judged(bedside: Bedside, encoder: Encoder, turn: Callable[..., str]) -> None:
    checking(bedside, count=9)
    encoder.likeness = ANOTHER
    turn("free")
    assert bedside.hum.said == [READINGS[0]] and findings(bedside.patient_id) == []
    with transaction() as session:
        overview = service.overview(session, bedside.patient_id)
    assert (overview.utterances, overview.judges) == (9, False)


def test_what_the_patient_confirms_and_reads_teaches_the_reference(
    bedside: Bedside, encoder: Encoder, turn: Callable[..., str]
) -> None:
    checking(bedside)
    bedside.hears.gate = "low_confidence"
    utterance = turn("tap")
    utterances.choose(utterance, bedside.session_id, 0, "tablet")
    bedside.work("live.speak")
    assert check(bedside.patient_id).utterances == 13
    read(bedside.patient_id, 1)
    with transaction() as session:
        newest = session.scalars(select(ReadAloud.id).order_by(ReadAloud.created_at.desc())).first()
    assert newest is not None
    encoder.likeness = ANOTHER
    whose.read_aloud(newest)
    assert check(bedside.patient_id).utterances == 13
    encoder.likeness = PATIENT
    whose.read_aloud(newest)
    assert check(bedside.patient_id).utterances == 14


def test_work_ahead_of_the_end_is_not_begun_for_another(bedside: Bedside, encoder: Encoder) -> None:
    checking(bedside)
    encoder.likeness, before = ANOTHER, encoder.count
    for reason in ("so_far", "pause"):
        ended = Ended(SENTENCE, 2.0, reason)
        utterances.keep(bedside.session_id, bedside.patient_id, "turn-0001", ended, "free")
        bedside.work("live.ahead")
        bedside.work("live.restore")
    assert bedside.hum.said == [] and rows(bedside.patient_id) == []
    assert (bedside.hears.times, encoder.count - before) == (1, 1)  # what was found ahead serves


def test_a_turn_that_goes_on_after_it_was_put_aside_is_judged_as_a_whole(
    bedside: Bedside, encoder: Encoder, turn: Callable[..., str]
) -> None:
    checking(bedside)
    encoder.likeness = ANOTHER
    utterance = turn("free", name="turn-goes-on")
    utterances.went_on(utterance, bedside.session_id)  # it is gone: nothing is raised
    encoder.likeness = PATIENT
    turn("free", name="turn-goes-on")
    assert bedside.hum.said == [READINGS[0]]


def test_a_check_that_breaks_takes_nobodys_speech_away(
    bedside: Bedside, turn: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checking(bedside)

    def broken(_: FloatArray) -> FloatArray:
        raise RuntimeError("the sound of it")

    monkeypatch.setattr(rooms, "speaker_voice", broken)
    turn("tap")
    monkeypatch.setattr(rooms, "speaker_weights", lambda: "another@encoder")
    turn("free")
    assert bedside.hum.said == [READINGS[0]] * 2


def test_without_consent_nobody_is_checked_and_the_reference_is_gone(
    bedside: Bedside, encoder: Encoder, turn: Callable[..., str]
) -> None:
    checking(bedside)
    turn("free")
    with transaction() as session:
        consents.withdraw(session, "system", bedside.patient_id, "know_my_voice")
    row = check(bedside.patient_id)
    assert (row.setting, row.reference_sealed, row.utterances) == ("off", None, 0)
    assert findings(bedside.patient_id) == []
    encoder.likeness = ANOTHER
    turn("free")
    assert bedside.hum.said == [READINGS[0]] * 2


def test_an_erased_patients_reference_is_gone_and_what_a_backup_kept_of_it_stays_closed(bedside: Bedside) -> None:
    checking(bedside)
    kept = check(bedside.patient_id)
    assert get_vault().get_bytes(kept, "reference_sealed", binding=kept.encoder or "")
    with transaction() as session:
        patients.erase(session, "system", bedside.patient_id)
    with pytest.raises(VaultError, match="erased"):
        get_vault().get_bytes(kept, "reference_sealed", binding=kept.encoder or "")
    assert check(bedside.patient_id).reference_sealed is None


def test_a_reference_does_not_open_in_another_patients_row(bedside: Bedside) -> None:
    checking(bedside)
    kept = check(bedside.patient_id)
    with transaction() as session:
        moved = SpeakerCheck(id=new_id(), patient_id=bedside.patient_id, reference_sealed=kept.reference_sealed)
        with pytest.raises(VaultError):
            get_vault().get_bytes(moved, "reference_sealed", binding=kept.encoder or "")
        session.rollback()


def test_the_encoder_is_opened_before_a_checked_patient_speaks(bedside: Bedside, encoder: Encoder) -> None:
    live.warm(bedside.patient_id)
    assert encoder.count == 0
    checking(bedside)
    utterances.open_session(bedside.patient_id, "tablet")
    assert ("live.warm", (bedside.patient_id,)) in bedside.sent
    before = encoder.count
    bedside.work("live.warm")
    assert encoder.count == before + 1


def _blobs() -> int:
    from clinic.settings import get_settings

    return sum(file.is_file() for file in get_settings().home.rglob("blobs/**/*"))


def test_the_tasks_are_told_of_in_plain_words() -> None:
    for code in (whose.GATE, whose.SHORT_GATE):
        assert live.WHY[code].endswith(".")
    # The words are those of the tablet's own choice.
    tablet = Path("clinic/templates/live/tablet.html").read_text(encoding="utf-8")
    assert "Touch once" in live.NOTHING[whose.PUT_ASIDE] and "<span>Touch once</span>" in tablet
