"""Recordings as families bring them, whole and broken."""

from __future__ import annotations

import io
import os
import socket
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workers.contracts import Audio, SpokenError
from workers.hear.decode import decode

SECONDS = 6


@pytest.fixture(scope="module")
def piece(reading: Audio) -> np.ndarray[Any, np.dtype[np.float32]]:
    return reading.samples[None, 48_000 : 48_000 * (1 + SECONDS)]


def alike(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    """The correlation of two sounds at their best lag within 50 ms (codecs add some)."""
    length = min(len(one), len(other)) - 1600
    fixed = one[800 : 800 + length]
    return max(float(np.corrcoef(fixed, other[800 + lag : 800 + lag + length])[0, 1]) for lag in range(-800, 800, 1))


FORMATS = [
    ("wav", "pcm_s16le", 48_000),
    ("wav", "pcm_u8", 8_000),
    ("wav", "pcm_mulaw", 8_000),
    ("flac", "flac", 44_100),
    ("mp3", "libmp3lame", 22_050),
    ("ipod", "aac", 44_100),
    ("ogg", "libopus", 48_000),
    ("webm", "libopus", 48_000),
]


@pytest.mark.parametrize(("container", "codec", "rate_hz"), FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
def test_any_common_recording_becomes_mono(
    encode: Any, piece: Any, container: str, codec: str, rate_hz: int, channels: int
) -> None:
    import soxr

    source = soxr.resample(piece[0], 48_000, rate_hz)[None].repeat(channels, axis=0)
    decoded = decode(encode(source, rate_hz, container, codec))
    assert (decoded.audio.rate_hz, decoded.original_rate_hz, decoded.channels) == (16_000, rate_hz, channels)
    assert not decoded.truncated
    assert decoded.audio.duration_s == pytest.approx(SECONDS, abs=0.1)
    assert decoded.audio.samples.dtype == np.float32
    assert alike(soxr.resample(source[0], rate_hz, 16_000), decoded.audio.samples) > 0.9  # aac at 32 kbit/s gives 0.94


@pytest.mark.parametrize(("container", "codec"), [("mp4", "aac"), ("matroska", "aac"), ("mov", "pcm_s16le")])
def test_the_sound_of_a_video(encode: Any, piece: Any, container: str, codec: str) -> None:
    decoded = decode(encode(piece, 48_000, container, codec, picture=True))
    assert decoded.audio.duration_s == pytest.approx(SECONDS, abs=0.1)


def test_its_own_rate_is_kept_up_to_48_khz(encode: Any, piece: Any) -> None:
    assert decode(encode(piece, 48_000, "wav", "pcm_s16le"), rate_hz=None).audio.rate_hz == 48_000
    assert decode(encode(piece, 11_025, "wav", "pcm_s16le"), rate_hz=None).audio.rate_hz == 11_025
    high = decode(encode(piece, 96_000, "flac", "flac"), rate_hz=None)
    assert (high.audio.rate_hz, high.original_rate_hz) == (48_000, 96_000)


def test_a_path_bytes_and_a_stream_are_the_same(encode: Any, piece: Any, tmp_path: Path) -> None:
    data = encode(piece, 48_000, "ipod", "aac")
    (tmp_path / "voice.m4a").write_bytes(data)

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    sounds = [decode(source).audio.samples for source in (data, tmp_path / "voice.m4a", io.BytesIO(data), Pipe(data))]
    assert all(np.array_equal(sounds[0], sound) for sound in sounds[1:])


@pytest.mark.parametrize("second", ["dead", "inverted", "other"])
def test_the_voice_survives_the_mixing_of_channels(encode: Any, piece: Any, second: str) -> None:
    other = {"dead": 0 * piece[0], "inverted": -piece[0], "other": np.roll(piece[0], 4_800)}[second]
    stereo = np.stack([piece[0], other])
    mixed = decode(encode(stereo, 48_000, "wav", "pcm_s16le"), rate_hz=None).audio.samples
    expected = (piece[0] + other) / 2 if second == "other" else piece[0]
    assert np.abs(np.abs(mixed) - np.abs(expected)).max() < 1e-3


def test_odd_numbers_in_a_float_file_become_sound(encode: Any) -> None:
    strange = np.array([[0.0, np.nan, np.inf, -np.inf, 3.0, -3.0, 0.5] * 1000], np.float32)
    samples = decode(encode(strange, 16_000, "wav", "pcm_f32le")).audio.samples
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() <= 1.0


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        ("wav", "pcm_s16le"),
        ("aiff", "pcm_s16be"),
        ("flac", "flac"),
        ("mp3", "libmp3lame"),
        ("ogg", "libopus"),
        ("webm", "libopus"),
    ],
)
def test_a_truncated_upload_keeps_what_is_there_and_says_so(
    encode: Any, piece: Any, container: str, codec: str
) -> None:
    whole = encode(piece, 48_000, container, codec)
    assert not decode(whole).truncated
    decoded = decode(whole[: len(whole) * 2 // 3])
    assert decoded.truncated
    assert 0.5 * SECONDS < decoded.audio.duration_s < 0.8 * SECONDS


def test_an_mp4_without_its_index_cannot_be_read(encode: Any, piece: Any) -> None:
    whole = encode(piece, 48_000, "ipod", "aac")
    assert refused(whole[: len(whole) // 2]) == "unreadable"


def refused(data: bytes, **options: Any) -> str:
    with pytest.raises(SpokenError) as raised:
        decode(data, **options)
    assert raised.value.message.endswith(".")
    return raised.value.code


TEXT = "Dear doctor,\r\nthis is my mother’s voice — please keep it safe.\r\n".encode() * 40


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (TEXT, "text_file"),
        (b"hello", "text_file"),
        (b"RIFF", "text_file"),
        (os.urandom(20_000), "unreadable"),
        (b"\x89PNG\r\n\x1a\n" + os.urandom(2_000), "unreadable"),
        (b"PK\x03\x04" + bytes(3_000), "unreadable"),
        (b"RIFF\x24\x00\x00\x00WAVE", "unreadable"),
    ],
)
def test_what_is_no_recording_is_refused_plainly(data: bytes, code: str) -> None:
    assert refused(data) == code


def wav(samples: int, *, rate_hz: int = 16_000, stated_bytes: int | None = None) -> bytes:
    """A silent 16-bit mono WAV; its header may say another length."""
    stated = 2 * samples if stated_bytes is None else stated_bytes
    size = struct.pack("<I", min(stated + 36, 0xFFFFFFFF))
    form = struct.pack("<IHHIIHH", 16, 1, 1, rate_hz, 2 * rate_hz, 2, 16)
    return b"RIFF" + size + b"WAVEfmt " + form + b"data" + struct.pack("<I", stated) + bytes(2 * samples)


def test_a_wav_that_holds_no_sample() -> None:
    assert refused(wav(0)) == "unreadable"


def test_a_video_without_sound(encode: Any, piece: Any) -> None:
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        film = out.add_stream("mpeg4", rate=5)
        film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
        out.mux(film.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        out.mux(film.encode(None))
    assert refused(file.getvalue()) == "no_sound"


def test_three_hours_are_refused_from_the_head_of_the_file(tmp_path: Path) -> None:
    size = 3 * 3600 * 32_000
    path = tmp_path / "long.wav"
    with path.open("wb") as file:
        file.write(wav(0, stated_bytes=size))
        file.truncate(44 + size)  # sparse: three hours of silence take no room
    with pytest.raises(SpokenError) as raised:
        decode(path)
    assert raised.value.code == "too_long"
    assert "60 minutes" in raised.value.message


def test_a_file_that_hides_its_length_is_stopped_at_the_limit() -> None:
    streamed = wav(6 * 16_000, stated_bytes=0xFFFFFFFF)
    assert refused(streamed, max_duration_s=2.0) == "too_long"
    whole = decode(streamed)
    assert (whole.truncated, whole.audio.duration_s) == (False, 6.0)


@pytest.mark.parametrize(
    "playlist",
    [
        b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:9/voice.ts\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile '/etc/hostname'\n",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n",
    ],
)
def test_a_playlist_reaches_neither_files_nor_the_network(playlist: bytes) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.2)
    with server:
        port = str(server.getsockname()[1]).encode()
        refused(playlist.replace(b":9/", b":" + port + b"/"))
        with pytest.raises(TimeoutError):
            server.accept()


def test_silence_and_a_fifth_of_a_second_are_sound_too(encode: Any) -> None:
    assert decode(encode(np.zeros((1, 48_000), np.float32), 48_000, "wav", "pcm_s16le")).audio.duration_s == 1.0
    assert decode(encode(np.ones((1, 3_200), np.float32), 16_000, "wav", "pcm_s16le")).audio.duration_s == 0.2
