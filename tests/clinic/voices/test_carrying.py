"""A voice to and from a file, from the clinician's side and the administrator's."""

from __future__ import annotations

import base64
import io
import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from clinic.audit.tables import AuditLine
from clinic.database import transaction
from clinic.vault import get_vault
from clinic.voices import carrying, voice_file
from clinic.voices.speaking import speaking
from clinic.voices.tables import FAILED, QUEUED, READY, Voice
from tests.browser import seeding
from tests.clinic.pages import Visitor
from workers.contracts import Voice as Built
from workers.tasks import sealed

Sent = list[tuple[str, tuple[Any, ...]]]
PHRASE = "seven grey herons by the weir"
VECTORS = json.loads(Path(__file__).with_name("voice_file_vectors.json").read_text(encoding="utf-8"))
FOREIGN = base64.b64decode(VECTORS["files"][0]["file"])


@pytest.fixture
def voice_id(patient_id: str) -> str:
    """A ready version with a sample."""
    import numpy as np

    with transaction() as session:
        row = seeding.voice(session, patient_id, 1, READY, ["r"])
        sealed.seal_voice(row, Built("kokoro", "kokoro-82m", "r1", {"style": np.ones(256, np.float32)}, {"pace": 1.1}))
        row.sample_blob_id = get_vault().put_blob(patient_id, seeding.tone())
        return row.id


def _export(visitor: Visitor, voice_id: str, **changes: str) -> Any:
    return visitor.post(
        f"/voices/{voice_id}/export", {"pass_phrase": PHRASE, "again": PHRASE, "sample": "1", **changes}
    )


def _import(visitor: Visitor, patient_id: str, data: bytes, phrase: str = PHRASE, **fields: str) -> Any:
    form = {"csrf_token": visitor.token(), "pass_phrase": phrase, **fields, "file": (io.BytesIO(data), "v.svx")}
    return visitor.client.post(f"/patients/{patient_id}/voices/import", data=form)


def _versions(patient_id: str) -> list[Voice]:
    with transaction() as session:
        return list(session.scalars(select(Voice).where(Voice.patient_id == patient_id).order_by(Voice.version)))


def _line(action: str) -> AuditLine:
    with transaction() as session:
        return session.scalars(select(AuditLine).where(AuditLine.action == action)).one()


def test_a_version_is_exported_and_taken_in_again_as_a_new_one(
    clinician: Visitor, patient_id: str, voice_id: str, sent: Sent
) -> None:
    file = _export(clinician, voice_id)
    assert file.mimetype == "application/octet-stream" and "Margit" not in file.headers["Content-Disposition"]
    assert file.headers["Cache-Control"] == "no-store"
    answer = _import(clinician, patient_id, file.data)
    assert answer.status_code == 302
    one, two = _versions(patient_id)
    assert two.state == QUEUED and two.version == 2 and two.imported_from and two.imported_from["voice"] == voice_id
    assert sent == [("voices.adopt", (two.id,))]
    assert two.measures == {"pace": 1.1} and two.sample_blob_id != one.sample_blob_id
    assert get_vault().get_blob(patient_id, str(two.sample_blob_id)) == seeding.tone()
    assert list(sealed.open_version(two).vectors["style"]) == [1.0] * 256
    with transaction() as session:
        assert speaking(session, patient_id).id == voice_id  # type: ignore[union-attr]  # not ready, so not yet
    exported, imported = _line("voice.export"), _line("voice.import")
    assert exported.subject == voice_id and exported.detail["key"] == carrying.own_fingerprint()
    assert imported.subject == two.id and imported.detail["came_as"] == voice_id
    page = clinician.get(f"/patients/{patient_id}/voice").text
    assert "Version 2 is being taken in" in page


def test_without_the_sample_none_is_in_the_file(clinician: Visitor, voice_id: str) -> None:
    data = clinician.post(f"/voices/{voice_id}/export", {"pass_phrase": PHRASE, "again": PHRASE}).data
    assert voice_file.unseal(data, PHRASE).sample == b""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"again": "something else"}, "not the same"),
        ({"pass_phrase": "short", "again": "short"}, "at least 12"),
        ({"pass_phrase": "password1234", "again": "password1234"}, "stranger would try"),
        ({"pass_phrase": "x" * 5000, "again": "x" * 5000}, "at most"),
    ],
)
def test_a_pass_phrase_that_will_not_do_is_said(
    clinician: Visitor, voice_id: str, changes: dict[str, str], said: str
) -> None:
    answer = _export(clinician, voice_id, **changes)
    assert answer.status_code == 400 and said in answer.text
    with transaction() as session:
        assert session.scalars(select(AuditLine).where(AuditLine.action == "voice.export")).first() is None


def test_without_consent_nothing_leaves_and_nothing_comes(
    clinician: Visitor, patient_id: str, voice_id: str, sent: Sent
) -> None:
    data = _export(clinician, voice_id).data
    clinician.post(f"/patients/{patient_id}/consents/keep_voice/withdraw")
    assert _export(clinician, voice_id).status_code == 403
    assert _import(clinician, patient_id, data).status_code == 403
    assert len(_versions(patient_id)) == 1 and sent == []


def test_a_version_that_is_not_ready_is_not_exported(clinician: Visitor, patient_id: str) -> None:
    with transaction() as session:
        failed = seeding.voice(session, patient_id, 1, FAILED, []).id
    assert _export(clinician, failed).status_code == 409


@pytest.mark.parametrize(
    ("data", "phrase", "said"),
    [
        (b"", PHRASE, "No file arrived"),
        (b"RIFF" + bytes(500), PHRASE, "not a voice file"),
        (FOREIGN[:300], PHRASE, "breaks off before its end"),
        (FOREIGN[:3] + b"\x09" + FOREIGN[4:], PHRASE, "format 9"),
        (FOREIGN[:-1] + b"\0", PHRASE, "damaged or changed"),
        (FOREIGN, "", "does not open the file"),
        (FOREIGN, "x" * 5000, "does not open the file"),
    ],
)
def test_a_file_that_cannot_be_taken_in_is_said_and_loses_nothing(
    clinician: Visitor, patient_id: str, voice_id: str, sent: Sent, data: bytes, phrase: str, said: str
) -> None:
    answer = _import(clinician, patient_id, data, phrase)
    assert answer.status_code == 400 and said in answer.text
    assert [row.id for row in _versions(patient_id)] == [voice_id] and sent == []


def test_an_unknown_signer_is_refused_until_an_administrator_compared_its_fingerprint(
    clinician: Visitor, another: Any, patient_id: str, sent: Sent
) -> None:
    refused = _import(clinician, patient_id, FOREIGN)
    assert refused.status_code == 403 and "not known here" in refused.text
    grouped = voice_file.in_groups(VECTORS["fingerprint"])
    assert grouped in refused.text and _versions(patient_id) == []
    assert clinician.get("/signers").status_code == 403
    administrator = another(seeding.ADMINISTRATOR)
    for typed, label, said in ((grouped[:-1], "St. Olav", "64 digits"), (grouped, " ", "whose key"),
                               ("<b>" * 900, "x", "64 digits"), (grouped, "y" * 5000, "whose key")):  # fmt: skip
        answer = administrator.post("/signers", {"fingerprint": typed, "label": label})
        assert answer.status_code == 400 and said in answer.text
    page = administrator.post(
        "/signers", {"fingerprint": grouped.upper(), "label": "St. <Olav>"}, follow_redirects=True
    )
    assert "St. &lt;Olav&gt;" in page.text and grouped in page.text
    assert voice_file.in_groups(carrying.own_fingerprint()) in page.text
    assert _import(clinician, patient_id, FOREIGN).status_code == 302
    assert _line("voice.import").detail["key"] == VECTORS["fingerprint"]
    assert _line("signer.trust").detail == {"key": VECTORS["fingerprint"]}
    signer = re.search(r"/signers/([0-9a-f]{32})/remove", page.text)
    assert signer and administrator.post(f"/signers/{signer.group(1)}/remove").status_code == 302
    assert _import(clinician, patient_id, FOREIGN).status_code == 403


def test_the_voice_of_somebody_of_another_name_is_asked_about(
    clinician: Visitor, clinician_id: str, patient_id: str, voice_id: str, sent: Sent
) -> None:
    with transaction() as session:
        other = seeding.patient(session, clinician_id, "Ivo Marek")
        same = seeding.patient(session, clinician_id, "margit  LINDQVIST")
    data = _export(clinician, voice_id).data
    asked = _import(clinician, other, data)
    assert asked.status_code == 409 and "somebody of another name" in asked.text and "same_person" in asked.text
    assert "Margit" not in asked.text and _versions(other) == []
    assert _import(clinician, same, data).status_code == 302
    assert _import(clinician, other, data, same_person="1").status_code == 302
    assert len(_versions(other)) == 1


def test_an_import_without_its_token_is_refused(clinician: Visitor, patient_id: str) -> None:
    form = {"pass_phrase": PHRASE, "file": (io.BytesIO(FOREIGN), "v.svx")}
    answer = clinician.client.post(f"/patients/{patient_id}/voices/import", data=form)
    assert answer.status_code == 400 and "too old" in answer.text


def test_neither_pass_phrase_nor_name_is_in_any_byte_or_log(
    clinician: Visitor, patient_id: str, voice_id: str, sent: Sent, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        data = _export(clinician, voice_id).data
        assert _import(clinician, patient_id, data).status_code == 302
        _import(clinician, patient_id, data, "a wrong pass phrase")
    style = get_vault().get_bytes(_versions(patient_id)[1], "vectors_sealed", binding="kokoro-82m@r1")
    needles = (PHRASE.encode(), b"Lindqvist", b"a wrong pass phrase", style[-256:], data[100:200])
    for file in (file for file in home.rglob("*") if file.is_file()):
        content = file.read_bytes()
        assert not [needle for needle in needles if needle in content], file.name
    assert PHRASE not in caplog.text and "a wrong pass" not in caplog.text and "Lindqvist" not in caplog.text
