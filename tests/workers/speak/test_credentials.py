"""Content credentials beside our own record: both verify in one file, and one changed sample breaks both."""

from __future__ import annotations

import io
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from clinic.vault import certificates, signing
from workers.contracts import Audio, SpokenError
from workers.speak import credentials, provenance
from workers.speak.cli import verify
from workers.speak.riff import Riff, read_riff, write_riff

SOUND = Audio(np.sin(np.arange(24_000 * 4) / 20).astype(np.float32) * 0.3, 24_000)


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation's own keys."""
    monkeypatch.setenv("SAMEVOICE_HOME", str(tmp_path))
    folder = tmp_path / "keys"
    signing.verifying_key_pem(folder)
    certificates.claim_signer_pem(folder)
    return folder


def _recorded(keys: Path) -> bytes:
    record = provenance.sign(
        SOUND, private_key_pem=signing.signing_key_pem(keys), utterance_id="u", voice_id="v", engine="kokoro",
        model="m", revision="r", created_at=datetime(2026, 1, 2, tzinfo=UTC),
    )  # fmt: skip
    file = io.BytesIO()
    provenance.write_wav(file, SOUND, record)
    return file.getvalue()


@pytest.fixture
def spoken(keys: Path, tmp_path: Path) -> Path:
    """A file as it leaves the product."""
    path = tmp_path / "spoken.wav"
    path.write_bytes(credentials.attach(_recorded(keys), certificates.claim_signer_pem(keys)))
    return path


def _own(keys: Path) -> tuple[bytes, bytes]:
    return (keys / "provenance.pub.pem").read_bytes(), (keys / "c2pa-ca.pem").read_bytes()


def test_record_and_credentials_verify_in_one_file(spoken: Path, keys: Path) -> None:
    public, authority = _own(keys)
    assert provenance.verify_file(spoken, [public]).valid
    found = credentials.verify_file(spoken, authority)
    assert (found.present, found.valid, found.trusted, found.synthetic) == (True, True, True, True)


def test_other_players_read_the_file_as_sound(spoken: Path) -> None:
    import soundfile

    samples, rate_hz = soundfile.read(spoken, dtype="float32")
    assert rate_hz == 24_000
    np.testing.assert_allclose(samples, SOUND.samples, atol=1e-4)


def test_one_sample_changed_by_one_step_breaks_both(spoken: Path, keys: Path) -> None:
    public, authority = _own(keys)
    data = bytearray(spoken.read_bytes())
    data[44 + 2 * 12_345] ^= 1
    spoken.write_bytes(data)
    assert not provenance.verify_file(spoken, [public]).valid
    found = credentials.verify_file(spoken, authority)
    assert found.present and not found.valid and "changed" in found.summary


def test_without_its_authority_the_issuer_is_said_to_be_unknown(spoken: Path) -> None:
    found = credentials.verify_file(spoken)
    assert found.valid and not found.trusted and "not known here" in found.summary


def test_taking_the_credentials_out_leaves_the_record_valid_and_is_said(spoken: Path, keys: Path) -> None:
    riff = read_riff(spoken)
    with spoken.open("wb") as file:
        write_riff(file, Riff(riff.rate_hz, riff.pcm16, {provenance.CHUNK: riff.others[provenance.CHUNK]}))
    public, authority = _own(keys)
    assert provenance.verify_file(spoken, [public]).valid
    found = credentials.verify_file(spoken, authority)
    assert not found.present and "no content credentials" in found.summary


@pytest.mark.parametrize("change", ["record", "manifest", "short", "text"])
def test_a_file_made_to_mislead_is_not_valid_and_raises_nothing(spoken: Path, keys: Path, change: str) -> None:
    data = bytearray(spoken.read_bytes())
    if change == "record":
        data[data.index(b'"voice":"v"') + 9] = ord("w")
    elif change == "manifest":
        data[data.index(b"trainedAlgorithmicMedia")] ^= 1
    spoken.write_bytes(data[:1_000] if change == "short" else b"not a WAV" if change == "text" else data)
    assert not credentials.verify_file(spoken, _own(keys)[1]).valid


def test_signing_costs_less_than_a_listener_notices(keys: Path) -> None:
    wav, signer = _recorded(keys), certificates.claim_signer_pem(keys)
    taken = []
    for _ in range(5):
        begun = time.monotonic()
        credentials.attach(wav, signer)
        taken.append(time.monotonic() - begun)
    assert min(taken) < 0.05


def test_keys_are_made_once_and_closed(keys: Path) -> None:
    first = certificates.claim_signer_pem(keys)
    assert certificates.claim_signer_pem(keys) == first
    assert (keys / "c2pa.pem").stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE" not in (keys / "c2pa-ca.pem").read_bytes()


def test_a_key_that_does_not_serve_is_said_plainly(keys: Path) -> None:
    with pytest.raises(SpokenError) as refused:
        credentials.attach(_recorded(keys), b"nothing of the kind")
    assert refused.value.code == "no_credentials" and "c2pa.pem" in refused.value.message


def test_the_command_has_a_line_and_a_field_for_each_proof(spoken: Path) -> None:
    shown = CliRunner().invoke(verify, [str(spoken), "--no-watermark"])
    assert shown.exit_code == 0, shown.output
    lines = shown.output.splitlines()
    assert lines[0].startswith("Signed record:") and lines[1].startswith("Credentials:") and "known issuer" in lines[1]
    said = json.loads(CliRunner().invoke(verify, [str(spoken), "--no-watermark", "--json"]).output)
    assert said["valid"] and said["c2pa"]["trusted"] and said["c2pa"]["synthetic"]
