"""What an initrd holds: the names in it and its unpacked size, without unpacking it to disk.

An initrd is one cpio archive or several, each as it is or compressed as a whole (kernel
documentation: driver-api/early-userspace/buffer-format). gzip, xz and bzip2 are read with
Python's own modules, zstd with the system's libzstd; lz4 and lzop are not read.
"""

from __future__ import annotations

import bz2
import ctypes
import ctypes.util
import lzma
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Protocol

CHUNK = 256 * 1024
_HEADER = 110  # bytes of a "newc" cpio header
_MAGIC = (b"070701", b"070702")
_LONGEST_NAME = 4096


@dataclass(frozen=True)
class InitrdContent:
    """The base names of the files in an initrd that were asked for, and all its size in bytes."""

    found: frozenset[str]
    unpacked: int


class UnreadableInitrd(ValueError):
    """The initrd is damaged, or compressed in a way that is not read here."""


class _Decompressor(Protocol):
    """As in bz2 and lzma: what follows the end of the stream is left in `unused_data`."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def read_initrd(path: Path, wanted: frozenset[str]) -> InitrdContent:
    """What the initrd at `path` holds of the wanted base names; once read it is remembered.

    A name is wanted without its compression (".xz"). `UnreadableInitrd` or OSError if it fails.
    """
    state = path.stat()
    return _read(path, state.st_ino, state.st_mtime_ns, state.st_size, wanted)


@lru_cache(maxsize=4)
def _read(
    path: Path, _inode: int, _mtime: int, _size: int, wanted: frozenset[str]
) -> InitrdContent:
    found: set[str] = set()
    unpacked = 0
    with path.open("rb") as file:
        try:
            for name, size in _members(_Plain(file)):
                unpacked += size
                base = name.rpartition("/")[2]
                for suffix in (".xz", ".zst", ".gz"):
                    base = base.removesuffix(suffix)
                if base in wanted:
                    found.add(base)
        except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            raise UnreadableInitrd(f"{path} is damaged: {error}") from error
    return InitrdContent(frozenset(found), unpacked)


class _Plain:
    """The bytes of an initrd with its compressed parts unpacked, to be read or skipped in order."""

    def __init__(self, file: BinaryIO) -> None:
        self._chunks = _chunks(file)
        self._buffer = b""
        self._at = 0  # in the buffer
        self.position = 0  # in the unpacked bytes of this part

    def read(self, count: int) -> bytes:
        """The next bytes: fewer than asked for only at the end."""
        parts = []
        while count > 0:
            if self._at == len(self._buffer) and not self._fill():
                break
            part = self._buffer[self._at : self._at + count]
            self._at += len(part)
            self.position += len(part)
            count -= len(part)
            parts.append(part)
        return b"".join(parts)

    def skip(self, count: int) -> None:
        while count > 0:
            if self._at == len(self._buffer) and not self._fill():
                raise EOFError("it ends too early")
            step = min(count, len(self._buffer) - self._at)
            self._at += step
            self.position += step
            count -= step

    def _fill(self) -> bool:
        self._buffer, self._at = next(self._chunks, b""), 0
        return bool(self._buffer)


def _members(plain: _Plain) -> Iterator[tuple[str, int]]:
    """Name, and size with name and header in bytes, of every member of every archive."""
    while True:
        header = plain.read(1)
        while header == b"\0":  # archives are padded with zeros
            header = plain.read(1)
        if not header:
            return
        plain.position = 1
        header += plain.read(_HEADER - 1)
        if header[:6] not in _MAGIC or len(header) < _HEADER:
            raise UnreadableInitrd("it holds something that is no cpio archive")
        try:
            size = int(header[54:62], 16)
            name_size = int(header[94:102], 16)
        except ValueError as error:
            raise UnreadableInitrd("it has a header that is no number") from error
        if name_size > _LONGEST_NAME:
            raise UnreadableInitrd("it has a name that is too long")
        name = plain.read(name_size).rstrip(b"\0").decode("utf-8", errors="replace")
        plain.skip(-plain.position % 4)
        plain.skip(size)
        plain.skip(-size % 4)
        if name == "TRAILER!!!":
            continue
        yield name, _HEADER + name_size + size


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    """The unpacked bytes of all parts, one after the other."""
    pending = file.read(CHUNK)
    while pending:
        if pending[0] == 0:
            zeros = len(pending) - len(pending.lstrip(b"\0"))
            yield pending[:zeros]
            pending = pending[zeros:] or file.read(CHUNK)
            continue
        if len(pending) < 6:
            pending += file.read(CHUNK)
        if pending[:6] in _MAGIC:
            pending = yield from _archive(file, pending)
            continue
        unpack = _decompressor(pending)
        while True:
            out = unpack.decompress(pending)
            if out:
                yield out
            if unpack.eof:
                pending = unpack.unused_data or file.read(CHUNK)
                break
            pending = file.read(CHUNK)
            if not pending:
                raise EOFError("it ends too early")


def _archive(file: BinaryIO, pending: bytes) -> Generator[bytes, None, bytes]:
    """An uncompressed archive up to its trailer; returns the bytes that follow it."""
    while True:
        if len(pending) < _HEADER:
            pending += file.read(CHUNK)
        if pending[:6] not in _MAGIC or len(pending) < _HEADER:
            raise UnreadableInitrd("it holds something that is no cpio archive")
        try:
            size, name_size = int(pending[54:62], 16), int(pending[94:102], 16)
        except ValueError as error:
            raise UnreadableInitrd("it has a header that is no number") from error
        ends = _HEADER + name_size
        ends += -ends % 4
        whole = ends + size + -size % 4
        while len(pending) < ends:
            more = file.read(CHUNK)
            if not more:
                raise EOFError("it ends too early")
            pending += more
        last = pending[_HEADER : _HEADER + name_size].rstrip(b"\0") == b"TRAILER!!!"
        while whole > len(pending):
            yield pending
            whole -= len(pending)
            pending = file.read(CHUNK)
            if not pending:
                raise EOFError("it ends too early")
        yield pending[:whole]
        pending = pending[whole:] or file.read(CHUNK)
        if last or not pending:
            return pending


def _decompressor(start: bytes) -> _Decompressor:
    if start[:2] == b"\x1f\x8b":
        return _Gzip()
    if start[:6] == b"\xfd7zXZ\0":
        return lzma.LZMADecompressor()
    if start[:3] == b"BZh":
        return bz2.BZ2Decompressor()
    if start[:4] == b"\x28\xb5\x2f\xfd":
        return _Zstd()
    raise UnreadableInitrd("it is compressed in a way that is not read here")


class _Gzip:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes) -> bytes:
        return self._inner.decompress(data)


class _Buffer(ctypes.Structure):
    """ZSTD_inBuffer and ZSTD_outBuffer of zstd.h: the same shape."""

    _fields_ = (("data", ctypes.c_void_p), ("size", ctypes.c_size_t), ("at", ctypes.c_size_t))


class _Zstd:
    """One zstd frame after another, by libzstd: dpkg itself needs it, so it is there."""

    def __init__(self) -> None:
        self.eof = False
        self.unused_data = b""
        name = ctypes.util.find_library("zstd") or "libzstd.so.1"
        try:
            library = ctypes.CDLL(name)
        except OSError as error:
            raise UnreadableInitrd("libzstd is missing") from error
        library.ZSTD_createDStream.restype = ctypes.c_void_p
        library.ZSTD_freeDStream.argtypes = [ctypes.c_void_p]
        library.ZSTD_isError.argtypes = [ctypes.c_size_t]
        step = library.ZSTD_decompressStream
        step.restype = ctypes.c_size_t
        step.argtypes = [ctypes.c_void_p, ctypes.POINTER(_Buffer), ctypes.POINTER(_Buffer)]
        self._library = library
        self._stream = library.ZSTD_createDStream()
        self._out = ctypes.create_string_buffer(CHUNK)

    def decompress(self, data: bytes) -> bytes:
        source = _Buffer(ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p), len(data), 0)
        parts = []
        while True:
            target = _Buffer(ctypes.cast(self._out, ctypes.c_void_p), CHUNK, 0)
            left = self._library.ZSTD_decompressStream(
                self._stream, ctypes.byref(target), ctypes.byref(source)
            )
            if self._library.ZSTD_isError(left):
                raise UnreadableInitrd("its zstd stream is damaged")
            parts.append(self._out.raw[: target.at])
            if left == 0:
                self.eof, self.unused_data = True, data[source.at :]
                break
            if source.at == source.size and target.at < CHUNK:
                break
        return b"".join(parts)

    def __del__(self) -> None:
        stream = getattr(self, "_stream", None)
        if stream:
            self._library.ZSTD_freeDStream(stream)
