"""A voice that came as a file speaks here once before it is ready; other weights refuse it by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from clinic.database import transaction
from clinic.patients import consents
from clinic.voices import carrying
from clinic.voices.speaking import speaking
from clinic.voices.tables import CANCELLED, FAILED, READY, Voice
from samevoice.voices import voices
from tests.workers.tasks.conftest import Hum, ready
from workers.contracts import SpokenError
from workers.speak.engine import Engine
from workers.tasks import rooms, sealed
from workers.tasks.adopt import adopt
from workers.tasks.voices import SAMPLE_TEXT

PHRASE = "seven grey herons by the weir"


@pytest.fixture
def file(patient_id: str, hum: Hum) -> bytes:
    """A version, exported."""
    voice_id = ready(patient_id, 1, 140.0)
    with transaction() as session:
        return carrying.export(session, "system", voice_id, PHRASE, sample=True).data


def _taken_in(patient_id: str, file: bytes) -> str:
    with transaction() as session:
        return carrying.take_in(session, "system", patient_id, file, PHRASE).id


def _row(voice_id: str) -> Voice:
    with transaction() as session:
        return session.get_one(Voice, voice_id)


def test_it_speaks_once_and_is_then_a_version_like_any_other(patient_id: str, file: bytes, hum: Hum) -> None:
    voice_id = _taken_in(patient_id, file)
    adopt(voice_id)
    row = _row(voice_id)
    assert row.state == READY and hum.said == [SAMPLE_TEXT] and row.sample_blob_id
    with transaction() as session:
        assert speaking(session, patient_id).id == voice_id  # type: ignore[union-attr]
        assert sealed.open_voice(session, patient_id)[1].measures["f0_median_hz"] == 140.0
    adopt(voice_id)  # a message that came twice
    assert hum.said == [SAMPLE_TEXT]


@pytest.mark.parametrize(("changed", "to"), [("revision", "r2"), ("model", "kokoro-90m"), ("engine", "other")])
def test_other_weights_refuse_it_by_name_and_keep_nothing_of_it(
    patient_id: str, file: bytes, hum: Hum, changed: str, to: str
) -> None:
    voice_id = _taken_in(patient_id, file)
    setattr(hum, "name" if changed == "engine" else changed, to)
    adopt(voice_id)
    row = _row(voice_id)
    assert row.state == FAILED and row.error_code == "other_engine" and row.vectors_sealed is None
    assert "kokoro-82m, revision r1" in str(row.error_message) and to in str(row.error_message)
    assert hum.said == []


def test_a_voice_of_another_engine_that_is_here_speaks_in_that_engine(
    patient_id: str, file: bytes, hum: Hum, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever engine new voices are built with: the file's own is asked for, by name."""
    asked: list[str | None] = []
    engine = rooms.engine

    def by_name(name: str | None = None) -> Engine:
        asked.append(name)
        return engine(name)

    monkeypatch.setattr(rooms, "engine", by_name)
    voice_id = _taken_in(patient_id, file)
    adopt(voice_id)
    assert _row(voice_id).state == READY and set(asked) == {"kokoro"}

    def absent(name: str | None = None) -> Engine:
        raise SpokenError("missing_weights", f"The weights of {name} are not here.")

    monkeypatch.setattr(rooms, "engine", absent)
    voice_id = _taken_in(patient_id, file)
    adopt(voice_id)
    row = _row(voice_id)
    assert row.state == FAILED and row.error_code == "engine_missing" and "weights of kokoro" in str(row.error_message)


def test_a_voice_that_cannot_speak_here_is_not_called_ready(patient_id: str, file: bytes, hum: Hum) -> None:
    def breaks(_: str) -> None:
        raise RuntimeError("shapes do not fit")

    hum.while_saying = breaks
    voice_id = _taken_in(patient_id, file)
    adopt(voice_id)
    assert _row(voice_id).state == FAILED and _row(voice_id).vectors_sealed is None


def test_it_is_cancelled_with_the_consent(patient_id: str, file: bytes, hum: Hum) -> None:
    voice_id = _taken_in(patient_id, file)
    with transaction() as session:
        consents.withdraw(session, "system", patient_id, "keep_voice")
    adopt(voice_id)
    assert _row(voice_id).state == CANCELLED and _row(voice_id).vectors_sealed is None and hum.said == []


def test_the_command_line_carries_a_voice_there_and_back(
    patient_id: str, hum: Hum, tmp_path: Path, sent: list[object]
) -> None:
    voice_id = ready(patient_id, 1, 140.0)
    path, phrase = tmp_path / "voice.svx", tmp_path / "phrase"
    phrase.write_text(f"{PHRASE}\n")
    run = CliRunner().invoke
    listed = json.loads(run(voices, ["list", patient_id, "--json"]).stdout)
    assert listed["voices"][0]["speaks"] is True
    options = ["--pass-phrase-file", str(phrase), "--json"]
    exported = run(voices, ["export", voice_id, str(path), *options])
    assert exported.exit_code == 0, exported.output
    assert path.stat().st_mode & 0o077 == 0
    again = run(voices, ["export", voice_id, str(path), *options])
    assert again.exit_code == 1 and "a file voice.svx already" in again.output
    taken = run(voices, ["import", str(path), "--patient", patient_id, *options])
    assert taken.exit_code == 0, taken.output
    told = json.loads(taken.stdout)
    assert told["version"] == 2 and told["state"] == READY and "Trying the voice" in taken.stderr
    assert [name for name, _ in sent] == []  # it was tried here, and by no worker beside
    phrase.write_text("something else entirely")
    wrong = run(voices, ["import", str(path), "--patient", patient_id, *options])
    assert wrong.exit_code == 1 and "does not open the file" in wrong.output and "Traceback" not in wrong.output
    ours = run(voices, ["fingerprint"]).stdout.strip()
    bad = run(voices, ["import", str(path), "--patient", patient_id, "--trust", ours[:9], *options])
    assert bad.exit_code == 1 and "64 digits" in bad.output


def test_the_command_line_confirms_a_fingerprint_that_was_compared(patient_id: str, hum: Hum, tmp_path: Path) -> None:
    import base64

    from tests.clinic.voices.test_voice_file import VECTORS

    hum.revision = VECTORS["engine"][2]
    path = tmp_path / "foreign.svx"
    path.write_bytes(base64.b64decode(VECTORS["files"][0]["file"]))
    base = ["import", str(path), "--patient", patient_id, "--pass-phrase-file", "-"]
    refused = CliRunner().invoke(voices, base, input=f"{PHRASE}\n")
    assert refused.exit_code == 1 and "not known here" in refused.output
    taken = CliRunner().invoke(voices, [*base, "--trust", VECTORS["fingerprint"]], input=f"{PHRASE}\n")
    # Known now, and its vectors, which are none, do not open: said, and nothing is kept of it.
    assert taken.exit_code == 1 and "not known here" not in taken.output
    with transaction() as session:
        assert carrying.is_known(session, VECTORS["fingerprint"])
