"""Long recordings: sealed chunk by chunk, refused when a chunk is missing, moved or borrowed."""

from __future__ import annotations

import io
import os
import tracemalloc
from typing import BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinic.vault import VaultError
from clinic.vault.stream import CHUNK_BYTES, BlobReader, sealed_chunks

KEY = bytes(range(32))
PATIENT, BLOB = "p" * 32, "b" * 32


def sealed(plaintext: bytes, blob_id: str = BLOB) -> list[bytes]:
    """Header, then chunks."""
    return list(sealed_chunks(KEY, 1, PATIENT, blob_id, io.BytesIO(plaintext)))


def reader(chunks: list[bytes], blob_id: str = BLOB) -> BlobReader:
    """Opens them again."""
    return BlobReader(io.BytesIO(b"".join(chunks)), PATIENT, blob_id, lambda _version: KEY)


THREE = os.urandom(2 * CHUNK_BYTES + 1000)


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES])
def test_every_length_comes_back(size: int) -> None:
    plaintext = os.urandom(size)
    opened = reader(sealed(plaintext))
    assert opened.size_bytes == size
    assert opened.read() == plaintext


def refused(chunks: list[bytes]) -> bool:
    """True when the chunks do not open as a whole."""
    try:
        reader(chunks).read()
    except VaultError as error:
        return error.code == "tampered"
    return False


def test_a_blob_cut_at_a_chunk_border_is_refused_before_a_byte_is_given() -> None:
    header, one, two, _last = sealed(THREE)
    with pytest.raises(VaultError):
        reader([header, one, two])
    with pytest.raises(VaultError):
        reader([header, one])


def test_chunks_moved_repeated_left_out_or_borrowed_are_refused() -> None:
    header, one, two, last = sealed(THREE)
    borrowed = sealed(THREE)  # same key, same blob id, written again
    assert not refused([header, one, two, last])
    for other in (
        [header, two, one, last],
        [header, one, one, last],
        [header, one, last],
        [header, one, two, last, last],
        [header, one, borrowed[2], last],
        [header, borrowed[1], two, last],
        [header, one, two, borrowed[3]],
        [borrowed[0], one, two, last],
    ):
        assert refused(other)


def test_a_blob_under_another_name_is_refused() -> None:
    with pytest.raises(VaultError):
        reader(sealed(b"hello"), blob_id="c" * 32)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(THREE) + 5), st.integers(0, 3 * CHUNK_BYTES)), max_size=5))
def test_reading_anywhere_gives_what_a_plain_file_gives(steps: list[tuple[int, int]]) -> None:
    plain, opened = io.BytesIO(THREE), io.BufferedReader(reader(SEALED_THREE), 4096)
    for offset, size in steps:
        plain.seek(offset)
        opened.seek(offset)
        assert opened.read(size) == plain.read(size)
        assert opened.tell() == plain.tell()
    assert opened.seek(0, os.SEEK_END) == len(THREE)
    assert opened.seek(-10, os.SEEK_CUR) == len(THREE) - 10
    assert opened.read() == THREE[-10:]


SEALED_THREE = sealed(THREE)


class Trickle(io.RawIOBase):
    """A file that gives little at a time, as a socket does."""

    def __init__(self, plaintext: bytes) -> None:
        self._rest = plaintext

    def read(self, size: int = -1) -> bytes:
        """At most 1000 bytes."""
        piece, self._rest = self._rest[: min(size, 1000)], self._rest[min(size, 1000) :]
        return piece


def test_a_source_that_gives_little_at_a_time_is_read_to_its_end() -> None:
    chunks = list(sealed_chunks(KEY, 1, PATIENT, BLOB, cast(BinaryIO, Trickle(THREE))))
    assert [len(chunk) for chunk in chunks[1:]] == [CHUNK_BYTES + 16, CHUNK_BYTES + 16, 1000 + 16]
    assert reader(chunks).read() == THREE


class Zeros(io.RawIOBase):
    """A recording of 24 MiB that is never in memory."""

    def __init__(self) -> None:
        self._left = 24 * 1024 * 1024

    def read(self, size: int = -1) -> bytes:
        """Zeros."""
        size = min(size, self._left)
        self._left -= size
        return bytes(size)


def test_a_long_recording_is_never_in_memory_as_a_whole() -> None:
    tracemalloc.start()
    try:
        total = sum(len(chunk) for chunk in sealed_chunks(KEY, 1, PATIENT, BLOB, cast(BinaryIO, Zeros())))
        _now, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total > 24 * 1024 * 1024
    assert peak_bytes < 1024 * 1024
