"""What an ELF file says of itself: for which processor it is, and which libraries it needs.

The format is that of the System V ABI (gABI, chapters 4 and 5); little-endian files only, which is
all that Xen's x86 builds have.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_MAGIC = b"\x7fELF"
_LITTLE_ENDIAN = 1
_64_BIT = 2
_MACHINES = {3: "i686", 40: "armv7l", 62: "x86_64", 183: "aarch64"}  # e_machine
_LOAD, _DYNAMIC = 1, 2  # p_type
_NEEDED, _STRINGS = 1, 5  # d_tag
_MOST_ENTRIES = 4096
_LONGEST_NAME = 256


@dataclass(frozen=True)
class Elf:
    """`machine` in uname's words ("" for one that is not known here)."""

    machine: str
    needed: tuple[str, ...]


def parse_elf(content: bytes) -> Elf | None:
    """What the file is; None if it is no ELF file, or a damaged one."""
    if content[:4] != _MAGIC or len(content) < 64 or content[5] != _LITTLE_ENDIAN:
        return None
    try:
        return _parse(content, is_64=content[4] == _64_BIT)
    except (struct.error, IndexError, OverflowError):
        return None


def _parse(content: bytes, *, is_64: bool) -> Elf:
    (machine,) = struct.unpack_from("<H", content, 18)
    if is_64:
        (table,) = struct.unpack_from("<Q", content, 32)
        size, count = struct.unpack_from("<HH", content, 54)
    else:
        (table,) = struct.unpack_from("<I", content, 28)
        size, count = struct.unpack_from("<HH", content, 42)
    loads, dynamic = [], None
    for number in range(min(count, _MOST_ENTRIES)):
        at = table + number * size
        if is_64:
            kind, _flags, offset, address, _, length = struct.unpack_from("<IIQQQQ", content, at)
        else:
            kind, offset, address, _, length = struct.unpack_from("<IIIII", content, at)
        if kind == _LOAD:
            loads.append((address, offset, length))
        elif kind == _DYNAMIC:
            dynamic = offset
    name = _MACHINES.get(machine, "")
    if dynamic is None:
        return Elf(name, ())
    form, step = ("<QQ", 16) if is_64 else ("<II", 8)
    pairs = []
    for number in range(_MOST_ENTRIES):
        tag, value = struct.unpack_from(form, content, dynamic + number * step)
        if tag == 0:
            break
        pairs.append((tag, value))
    strings = next((value for tag, value in pairs if tag == _STRINGS), None)
    at = None if strings is None else _offset(strings, loads)
    if at is None:
        return Elf(name, ())
    return Elf(name, tuple(_text(content, at + value) for tag, value in pairs if tag == _NEEDED))


def _offset(address: int, loads: list[tuple[int, int, int]]) -> int | None:
    for start, offset, length in loads:
        if start <= address < start + length:
            return address - start + offset
    return None


def _text(content: bytes, at: int) -> str:
    return content[at : at + _LONGEST_NAME].partition(b"\0")[0].decode("ascii", errors="replace")
