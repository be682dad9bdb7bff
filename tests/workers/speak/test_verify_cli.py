"""`samevoice verify` on what it may be handed: our own file with its mark, a person's, and files made to mislead it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soxr
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from bench import two_cities
from workers.contracts import Audio
from workers.speak import provenance
from workers.speak.cli import verify
from workers.speak.riff import Riff, read_riff, write_riff
from workers.speak.watermark import Watermark


@pytest.fixture(scope="module")
def human() -> Audio:
    """Two seconds of the human reading, at the rate that speech is made in."""
    reading = two_cities.historic()
    samples = np.asarray(soxr.resample(reading.samples, reading.rate_hz, 24_000), np.float32)
    return Audio(samples[24_000 : 3 * 24_000], 24_000)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A product's home, where the public key is looked for when none is named."""
    monkeypatch.setenv("SAMEVOICE_HOME", str(tmp_path))
    (tmp_path / "keys").mkdir()
    return tmp_path


def _spoken(home: Path, audio: Audio) -> Path:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (home / "keys" / "provenance.pub.pem").write_bytes(public)
    record = provenance.sign(
        audio, private_key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), utterance_id="u",
        voice_id="v", engine="kokoro", model="m", revision="r", created_at=datetime(2026, 1, 2, tzinfo=UTC),
    )  # fmt: skip
    path = home / "spoken.wav"
    with path.open("wb") as file:
        provenance.write_wav(file, audio, record)
    return path


def _run(path: Path, *options: str) -> Result:
    result = CliRunner().invoke(verify, [str(path), *options])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_what_was_spoken_here_is_valid_and_its_mark_is_read(home: Path, human: Audio) -> None:
    result = _run(_spoken(home, Watermark().mark(human)), "--json")
    said = json.loads(result.output)
    assert (result.exit_code, said["valid"], said["watermark"]) == (0, True, True)
    assert said["record"]["synthetic"] is True
    assert said["watermark_confidence"] > 0.9 and "clearly" in said["watermark_summary"]


def test_each_proof_has_its_own_line(home: Path, human: Audio) -> None:
    lines = _run(_spoken(home, human)).output.splitlines()
    assert any(line.startswith("Signed record:") and "unchanged" in line for line in lines)
    assert any(line.startswith("Watermark:") and "No watermark" in line for line in lines)


def test_a_signature_does_not_make_a_mark(home: Path, human: Audio) -> None:
    said = json.loads(_run(_spoken(home, human), "--json").output)
    assert (said["valid"], said["watermark"]) == (True, False)


def test_a_claim_hidden_under_a_signed_one_is_not_valid(home: Path, human: Audio) -> None:
    path = _spoken(home, human)
    riff = read_riff(path)
    forged = b'{"voice":"somebody-else",' + riff.others[provenance.CHUNK][1:]
    with path.open("wb") as file:
        write_riff(file, Riff(riff.rate_hz, riff.pcm16, {provenance.CHUNK: forged}))
    assert _run(path, "--no-watermark").exit_code == 1


@pytest.mark.parametrize("rate_hz", [1, 2_000_000_000])
def test_a_rate_that_no_sound_has_is_answered_not_resampled(home: Path, human: Audio, rate_hz: int) -> None:
    path = _spoken(home, human)
    with path.open("wb") as file:
        write_riff(file, Riff(rate_hz, bytes(48_000)))
    result = _run(path, "--json")
    assert result.exit_code == 1 and json.loads(result.output)["watermark"] is None


def test_a_text_file_is_answered_plainly(home: Path, human: Audio) -> None:
    path = _spoken(home, human)
    path.write_text("It was the best of times.")
    result = _run(path)
    assert result.exit_code == 1 and "cannot be read as a WAV file" in result.output


def test_a_folder_or_nothing_for_a_key_is_said_plainly(home: Path, human: Audio) -> None:
    path = _spoken(home, human)
    assert _run(path, "--key", str(home)).exit_code == 2
    (home / "keys" / "provenance.pub.pem").unlink()
    result = _run(path)
    assert result.exit_code == 1 and "no public key" in result.output
