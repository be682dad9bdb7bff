"""Any recording that a family may bring, to mono float32: by PyAV (FFmpeg's libraries), in this process.

A recording comes from outside, so as little of FFmpeg as possible is open to it: the bytes are handed in, no protocol
may be opened (a playlist or a QuickTime reference cannot reach a file or the network), only the containers and codecs
below are read, and only the sound.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
import soxr
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError

from workers.contracts import RECOGNITION_RATE_HZ, Audio, FloatArray, SpokenError
from workers.hear.containers import HEAD_BYTES, end_is_missing, looks_like_text, states_its_frames
from workers.hear.mono import ToMono

#: An hour of one person is far more than any voice is built from, and at 48 kHz it is 0.7 GB of memory.
MAX_DURATION_S = 3600.0
#: Nothing here hears beyond 24 kHz, so higher rates only cost memory.
MAX_RATE_HZ = 48_000

_FORMATS = "wav,w64,aiff,caf,au,flac,mp3,aac,ogg,mov,matroska,amr,asf,avi,mpeg,mpegts"
_CODECS = re.compile(
    r"(ad)?pcm_\w+|flac|alac|mp[23](float)?|aac(_latm)?|(lib)?vorbis|(lib)?opus|(lib)?speex|(lib)?gsm(_ms)?"
    r"|(libopencore_)?amr(nb|wb)|wma(v1|v2|pro|voice)|e?ac3"
)
_SAFE = {"format_whitelist": _FORMATS, "protocol_whitelist": "none"}
#: A container's stated duration counts priming samples and is rounded; less than this is not a missing end.
_END_SLACK_S = 0.5


@dataclass(frozen=True)
class Decoded:
    """A recording's sound.

    `truncated`: the file breaks off before its own end, or parts of it could not be read; `audio` holds all that
    could. `original_rate_hz` and `channels` are the file's own.
    """

    audio: Audio
    truncated: bool
    original_rate_hz: int
    channels: int


def decode(
    source: bytes | Path | BinaryIO,
    *,
    rate_hz: int | None = RECOGNITION_RATE_HZ,
    max_duration_s: float = MAX_DURATION_S,
) -> Decoded:
    """The sound of a WAV, FLAC, MP3, M4A, Ogg, AMR, WMA, WebM, MP4 (...) file, whatever its rate and channels.

    `rate_hz` None keeps the file's own rate, up to 48 kHz. Silent and very short recordings are sound like any other:
    `quality.measure` and the recogniser's gates judge those.

    Raises SpokenError: 'empty', 'text_file', 'unreadable', 'no_sound', 'unsupported_codec', 'too_long' (told from the
    file's head where it says so, else after `max_duration_s` of sound, never after decoding it all).
    """
    if isinstance(source, Path):
        with source.open("rb") as file:
            return _decode(file, rate_hz, max_duration_s)
    if isinstance(source, bytes):
        return _decode(io.BytesIO(source), rate_hz, max_duration_s)
    # An MP4 keeps its index at the end: without seeking it cannot be read. In memory, for a temporary file would lay
    # a patient's voice on the disk unsealed.
    return _decode(source if source.seekable() else io.BytesIO(source.read()), rate_hz, max_duration_s)


def _decode(file: BinaryIO, rate_hz: int | None, max_duration_s: float) -> Decoded:
    size_bytes = file.seek(0, io.SEEK_END)
    if not size_bytes:
        raise SpokenError("empty", "This file is empty. Copy or record it again, then add it once more.")
    file.seek(0)
    head = file.read(HEAD_BYTES)
    truncated = end_is_missing(file, head, size_bytes)
    file.seek(0)
    with _open(file, head) as container:
        stream = _sound_of(container)
        stated_s = _stated_duration_s(container, stream)
        if stated_s is not None and stated_s > max_duration_s:
            raise _too_long(max_duration_s)
        own_rate_hz, channels = stream.rate, stream.channels
        target_hz = rate_hz or min(own_rate_hz, MAX_RATE_HZ)
        reader = _Reader(container, stream)
        pieces = list(_at_rate(_limited(reader.mono(), own_rate_hz, max_duration_s), own_rate_hz, target_hz))
        read_s = reader.samples / own_rate_hz
        if not reader.samples:
            raise _unreadable()
        if stated_s is not None and (container.format.name != "mp3" or states_its_frames(head)):
            truncated = truncated or read_s < stated_s - _END_SLACK_S
        samples = np.concatenate(pieces)
    # A float file may hold anything; the rest of the product is promised finite sound within ±1.
    np.clip(np.nan_to_num(samples, copy=False, nan=0.0, posinf=1.0, neginf=-1.0), -1.0, 1.0, out=samples)
    return Decoded(Audio(samples, target_hz), truncated or reader.damaged, own_rate_hz, channels)


def _open(file: BinaryIO, head: bytes) -> InputContainer:
    try:
        return av.open(file, mode="r", options=_SAFE, metadata_errors="replace")
    except (FFmpegError, ValueError) as error:
        if looks_like_text(head):
            raise SpokenError(
                "text_file",
                "This is a text file, whatever its name says, and not a recording. Choose the sound file itself.",
            ) from error
        raise _unreadable() from error


def _sound_of(container: InputContainer) -> AudioStream:
    if not container.streams.audio:
        raise SpokenError("no_sound", "There is no sound in this file. Choose a recording, or a video that has sound.")
    stream = container.streams.audio[0]
    if not _CODECS.fullmatch(stream.codec_context.name):
        raise SpokenError(
            "unsupported_codec",
            "The sound in this file is stored in a way that is not read here. Save it as WAV, FLAC, MP3 or M4A first.",
        )
    if not stream.rate or not stream.channels:
        raise _unreadable()
    return stream


def _stated_duration_s(container: InputContainer, stream: AudioStream) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None


class _Reader:
    """Reads one stream to mono blocks; a damaged packet is left out and told of, not fatal."""

    def __init__(self, container: InputContainer, stream: AudioStream) -> None:
        self._container, self._stream = container, stream
        self.samples = 0
        self.damaged = False

    def mono(self) -> Iterator[FloatArray]:
        """Blocks of (n,) float32 at the stream's own rate, until the sound or its readable part ends."""
        to_float = av.AudioResampler(format="fltp")
        to_mono = ToMono(self._stream.rate)
        try:
            for packet in self._container.demux(self._stream):
                for frame in self._frames(packet):
                    for converted in to_float.resample(frame):
                        self.samples += converted.samples
                        yield to_mono.add(np.asarray(converted.to_ndarray(), np.float32))
        except (FFmpegError, ValueError):  # ValueError: rate or channels change half-way, as in files glued together
            self.damaged = True
        yield to_mono.finish()

    def _frames(self, packet: av.Packet[AudioStream]) -> list[av.AudioFrame]:
        with suppress(EOFError):
            try:
                return list(self._stream.decode(packet))
            except FFmpegError:
                self.damaged = True
        return []


def _limited(blocks: Iterator[FloatArray], rate_hz: int, max_duration_s: float) -> Iterator[FloatArray]:
    left = int(max_duration_s * rate_hz)
    for block in blocks:
        left -= len(block)
        if left < 0:
            raise _too_long(max_duration_s)
        yield block


def _at_rate(blocks: Iterator[FloatArray], from_hz: int, to_hz: int) -> Iterator[FloatArray]:
    """The same sound at another rate, block by block, so that the original is never held as a whole."""
    if from_hz == to_hz:
        yield from blocks
        return
    stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def _too_long(max_duration_s: float) -> SpokenError:
    return SpokenError(
        "too_long",
        f"This recording is longer than {max_duration_s / 60:.0f} minutes, the most that is taken at once. Cut out the "
        "parts in which the person speaks alone: a few minutes are enough.",
    )


def _unreadable() -> SpokenError:
    return SpokenError(
        "unreadable",
        "This file cannot be read as a recording. It may be damaged, or cut off while it was copied. Copy it again "
        "from where it came from, or save it as WAV or MP3 first. What was added before is safe.",
    )
