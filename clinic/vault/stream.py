"""Sealing what is too long for memory: 64 KiB chunks with a running counter and a final mark.

The STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár (CRYPTO 2015), with a key of its own for each blob
(HKDF-SHA256 over 32 random bytes), as Tink's AES-GCM-HKDF does. A chunk that was cut off, moved, repeated, or taken
from another blob does not open.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from clinic.vault import errors
from clinic.vault.sealing import TAG_BYTES, derive, fields

CHUNK_BYTES = 64 * 1024
BLOB_MAGIC = b"SVB\x01"
_SALT_BYTES = 32
_PREFIX_BYTES = 7
_HEADER = struct.Struct(f">4sI{_SALT_BYTES}s{_PREFIX_BYTES}s")
_SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES


def sealed_chunks(
    data_key: bytes, key_version: int, patient_id: str, blob_id: str, source: BinaryIO
) -> Iterator[bytes]:
    """The header, then the chunks of `source` sealed, in order. Holds two chunks in memory at most."""
    salt, prefix = os.urandom(_SALT_BYTES), os.urandom(_PREFIX_BYTES)
    yield _HEADER.pack(BLOB_MAGIC, key_version, salt, prefix)
    cipher = AESGCM(derive(data_key, "samevoice blob 1", salt))
    about = fields("samevoice blob 1", patient_id, blob_id, key_version)
    chunk, number = _read_full(source), 0
    while True:
        # One chunk is read ahead: only then is it known which one is the last.
        following = _read_full(source) if len(chunk) == CHUNK_BYTES else b""
        yield cipher.encrypt(_nonce(prefix, number, final=not following), chunk, about)
        if not following:
            return
        chunk, number = following, number + 1


class BlobReader(io.RawIOBase):
    """A sealed blob as a readable, seekable file of plaintext; one chunk is open at a time.

    The last chunk is checked on opening, so that a blob that was cut short is refused before anything is heard of it.
    Raises VaultError 'tampered' from the constructor and from every read.
    """

    def __init__(self, file: BinaryIO, patient_id: str, blob_id: str, key: Callable[[int], bytes]) -> None:
        """`key(version)` gives the patient's data key. The reader closes `file`."""
        super().__init__()
        self._file = file
        header = file.read(_HEADER.size)
        if len(header) != _HEADER.size or not header.startswith(BLOB_MAGIC):
            raise errors.tampered()
        _magic, version, salt, self._prefix = _HEADER.unpack(header)
        self._cipher = AESGCM(derive(key(int(version)), "samevoice blob 1", salt))
        self._about = fields("samevoice blob 1", patient_id, blob_id, int(version))
        sealed_bytes = file.seek(0, os.SEEK_END) - _HEADER.size
        whole, rest = divmod(sealed_bytes, _SEALED_CHUNK_BYTES)
        if 0 < rest < TAG_BYTES or sealed_bytes <= 0:
            raise errors.tampered()
        self._chunks = whole + (1 if rest else 0)
        self.size_bytes = sealed_bytes - self._chunks * TAG_BYTES
        self._position = 0
        self._number, self._chunk = -1, b""
        self._load(self._chunks - 1)

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always: containers such as MP4 keep their index at the end."""
        return True

    def tell(self) -> int:
        """Where the next byte is read, in bytes of plaintext."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move, in bytes of plaintext."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size_bytes}[whence]
        if start + offset < 0:
            raise ValueError("cannot seek before the start")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` with plaintext of at most one chunk; 0 at the end."""
        if self._position >= self.size_bytes:
            return 0
        number, offset = divmod(self._position, CHUNK_BYTES)
        if number != self._number:
            self._load(number)
        piece = self._chunk[offset : offset + len(buffer)]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def close(self) -> None:
        """Close the sealed file too, and forget the open chunk."""
        if not self.closed:
            self._chunk = b""
            self._file.close()
        super().close()

    def _load(self, number: int) -> None:
        self._file.seek(_HEADER.size + number * _SEALED_CHUNK_BYTES)
        sealed = self._file.read(_SEALED_CHUNK_BYTES)
        final = number == self._chunks - 1
        try:
            self._chunk = self._cipher.decrypt(_nonce(self._prefix, number, final=final), sealed, self._about)
        except InvalidTag:
            raise errors.tampered() from None
        self._number = number


def _nonce(prefix: bytes, number: int, *, final: bool) -> bytes:
    return prefix + struct.pack(">IB", number, int(final))


def _read_full(source: BinaryIO) -> bytes:
    """Up to one chunk; less only at the end. A socket's file may give less than it was asked for."""
    pieces, missing = [], CHUNK_BYTES
    while missing and (piece := source.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)
