"""A file that was spoken here proves it; any change to its sound, its record or its signer shows, in plain words."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from workers.contracts import Audio
from workers.speak import provenance
from workers.speak.cli import verify
from workers.speak.riff import Riff, read_riff, write_riff

SOUND = Audio(np.sin(np.arange(24_001) / 20).astype(np.float32) * 0.3, 24_000)


def _keys() -> tuple[bytes, bytes]:
    key = Ed25519PrivateKey.generate()
    return (
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    )


@pytest.fixture(scope="module")
def keys() -> tuple[bytes, bytes]:
    """Private and public half, PEM."""
    return _keys()


@pytest.fixture
def signed(tmp_path: Path, keys: tuple[bytes, bytes]) -> Path:
    """A file as it leaves the product."""
    record = provenance.sign(
        SOUND, private_key_pem=keys[0], utterance_id="u1", voice_id="v1", engine="kokoro", model="kokoro-82m",
        revision="r", created_at=datetime(2026, 1, 2, tzinfo=UTC),
    )  # fmt: skip
    file = io.BytesIO()
    provenance.write_wav(file, SOUND, record)
    path = tmp_path / "spoken.wav"
    path.write_bytes(file.getvalue())
    return path


def _rewritten(path: Path, change: Callable[[Riff], Riff]) -> Path:
    riff = change(read_riff(path))
    with path.open("wb") as file:
        write_riff(file, riff)
    return path


def _other_record(**changes: object) -> Callable[[Riff], Riff]:
    def change(riff: Riff) -> Riff:
        record = {**json.loads(riff.others[provenance.CHUNK]), **changes}
        return Riff(riff.rate_hz, riff.pcm16, {provenance.CHUNK: json.dumps(record).encode()})

    return change


def test_an_untouched_file_is_valid_and_says_that_it_is_synthetic(signed: Path, keys: tuple[bytes, bytes]) -> None:
    verdict = provenance.verify_file(signed, [_keys()[1], keys[1]])
    assert verdict.valid and verdict.record is not None and verdict.record["synthetic"] is True
    assert verdict.audio is not None and verdict.audio.duration_s == pytest.approx(SOUND.duration_s)


def test_other_players_read_the_file_as_sound(signed: Path) -> None:
    import soundfile

    samples, rate_hz = soundfile.read(signed)
    assert rate_hz == 24_000 and len(samples) == len(SOUND.samples)


def test_one_sample_changed_by_one_step_shows(signed: Path, keys: tuple[bytes, bytes]) -> None:
    def nudge(riff: Riff) -> Riff:
        samples = np.frombuffer(riff.pcm16, "<i2").copy()
        samples[12_345] += 1
        return Riff(riff.rate_hz, samples.tobytes(), riff.others)

    verdict = provenance.verify_file(_rewritten(signed, nudge), [keys[1]])
    assert not verdict.valid and "sound" in verdict.summary


def test_another_sample_rate_shows(signed: Path, keys: tuple[bytes, bytes]) -> None:
    faster = _rewritten(signed, lambda riff: Riff(48_000, riff.pcm16, riff.others))
    assert not provenance.verify_file(faster, [keys[1]]).valid


@pytest.mark.parametrize("changes", [{"synthetic": False}, {"voice": "v2"}, {"added": 1}, {"signature": "AAAA"}])
def test_an_edited_record_shows(signed: Path, keys: tuple[bytes, bytes], changes: dict[str, object]) -> None:
    verdict = provenance.verify_file(_rewritten(signed, _other_record(**changes)), [keys[1]])
    assert not verdict.valid and "changed" in verdict.summary


def test_a_foreign_key_is_not_trusted(signed: Path) -> None:
    verdict = provenance.verify_file(signed, [_keys()[1]])
    assert not verdict.valid and "key" in verdict.summary


@pytest.mark.parametrize("raw", [None, b"", b"not json", b"[]", b"{}", b"\xff\xfe", b"[" * 50_000])
def test_a_missing_or_hostile_record_is_said_plainly(
    signed: Path, keys: tuple[bytes, bytes], raw: bytes | None
) -> None:
    chunks = {} if raw is None else {provenance.CHUNK: raw}
    path = _rewritten(signed, lambda riff: Riff(riff.rate_hz, riff.pcm16, chunks))
    verdict = provenance.verify_file(path, [keys[1]])
    assert not verdict.valid and "record" in verdict.summary


@pytest.mark.parametrize("keep", [0, 3, 11, 40, 1000])
def test_a_file_cut_short_is_not_valid(signed: Path, keys: tuple[bytes, bytes], keep: int) -> None:
    signed.write_bytes(signed.read_bytes()[:keep])
    assert not provenance.verify_file(signed, [keys[1]]).valid


def test_half_a_sample_is_not_valid(signed: Path, keys: tuple[bytes, bytes]) -> None:
    path = _rewritten(signed, lambda riff: Riff(riff.rate_hz, riff.pcm16[:-1], riff.others))
    assert not provenance.verify_file(path, [keys[1]]).valid


def test_the_command_says_it_in_words_json_and_exit_code(
    signed: Path, keys: tuple[bytes, bytes], tmp_path: Path
) -> None:
    key = tmp_path / "provenance.pub.pem"
    key.write_bytes(keys[1])
    fine = CliRunner().invoke(verify, [str(signed), "--key", str(key), "--no-watermark", "--json"])
    assert fine.exit_code == 0 and json.loads(fine.output)["valid"] is True
    _rewritten(signed, _other_record(voice="v2"))
    bad = CliRunner().invoke(verify, [str(signed), "--key", str(key), "--no-watermark"])
    assert bad.exit_code == 1 and "changed" in bad.output
