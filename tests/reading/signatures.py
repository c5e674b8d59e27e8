"""Old signatures as they are found on disks, written byte by byte where their tools are not
needed for it.

Places and numbers: on-disk formats in the kernel's documentation (md, btrfs), LVM2's label
(lib/format_text/layout.h), cryptsetup's LUKS On-Disk Format, the UEFI specification's GPT.
"""

from __future__ import annotations

import struct
import subprocess
import uuid
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.engine.devices import MIB, tool

SIZE = 160 * MIB
_UUID = uuid.UUID("1c2d3e4f-5a6b-4c7d-8e9f-a0b1c2d3e4f5")


def put(device: str, offset: int, data: bytes) -> None:
    """Write at a place of a device; from its end where `offset` is negative."""
    with Path(device).open("r+b") as file:
        end = file.seek(0, 2)
        file.seek(offset if offset >= 0 else end + offset)
        file.write(data)


def ext4(device: str) -> None:
    tool("mkfs.ext4", "-q", "-L", "photographs", device)


def swap(device: str) -> None:
    tool("mkswap", "--label", "swapspace", device)


def luks(device: str) -> None:
    """Version 1: magic, version, cipher, mode, hash, payload, …, UUID at 168."""
    head = b"LUKS\xba\xbe" + struct.pack(">H", 1)
    names = b"".join(word.ljust(32, b"\0") for word in (b"aes", b"xts-plain64", b"sha256"))
    put(device, 0, (head + names).ljust(168, b"\0") + str(_UUID).encode().ljust(40, b"\0"))


def lvm_label(uuid_text: str, size: int = SIZE) -> bytes:
    """The sector with a physical volume's label: its CRC counts from byte 20 to the sector's end.

    The CRC is the usual one, begun with LVM's own number and not turned over.
    """
    place = struct.pack("<QQ", 1 * MIB, 0) + struct.pack("<QQ", 0, 0)
    metadata = struct.pack("<QQ", 4096, MIB - 4096) + struct.pack("<QQ", 0, 0)
    volume = uuid_text.replace("-", "").encode() + struct.pack("<Q", size) + place + metadata
    rest = (struct.pack("<I", 32) + b"LVM2 001" + volume).ljust(512 - 20, b"\0")
    crc = zlib.crc32(rest, 0xF597A6CF ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
    return b"LABELONE" + struct.pack("<Q", 1) + struct.pack("<I", crc) + rest


def lvm(device: str) -> None:
    put(device, 512, lvm_label("Ca1na2-ryry-defg-hijk-lmno-pqrs-tuvwxy"))


def md(device: str) -> None:
    """Version 1.2: 256 bytes at 4 KiB; the sum of its words, carries added, at byte 216."""
    fields = struct.pack("<IIII", 0xA92B4EFC, 1, 0, 0) + _UUID.bytes + b"host:old".ljust(32, b"\0")
    fields += struct.pack("<QIIQII", 0, 1, 0, SIZE // 512 - 2048, 0, 2)  # time, level 1, disks
    fields = fields.ljust(128, b"\0") + struct.pack("<QQQ", 2048, SIZE // 512 - 2048, 8)
    block = bytearray(fields.ljust(256, b"\0"))
    total = sum(struct.unpack("<64I", bytes(block)))
    block[216:220] = struct.pack("<I", (total & 0xFFFFFFFF) + (total >> 32))
    put(device, 4096, bytes(block))


def btrfs(device: str) -> None:
    """The superblock at 64 KiB: its CRC-32C over all after its first 32 bytes."""
    block = bytearray(4096)
    block[32:48] = _UUID.bytes
    block[48:56] = struct.pack("<Q", 65536)
    block[64:72] = b"_BHRfS_M"
    block[112:120] = struct.pack("<Q", SIZE)
    block[136:144] = struct.pack("<Q", 1)  # devices
    block[144:160] = struct.pack("<IIII", 4096, 16384, 16384, 4096)
    block[0:4] = struct.pack("<I", crc32c(bytes(block[32:])))
    put(device, 65536, bytes(block))


def gpt_backup(device: str) -> None:
    """A disk with a GPT whose beginning was overwritten: the copy at its end is what is left."""
    table = b"label: gpt\nsize=9M\n"
    subprocess.run(
        ["sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", device], input=table, check=True
    )
    put(device, 0, bytes(MIB))


def two_at_once(device: str) -> None:
    """A btrfs over an ext4 whose head was left."""
    tool("mkfs.ext4", "-q", device)
    btrfs(device)


def crc32c(data: bytes) -> int:
    """Castagnoli's CRC, as btrfs has it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


# What is written, and the words that name it.
SIGNATURES: Mapping[str, tuple[Callable[[str], None], str]] = {
    "ext4": (ext4, "an ext4 filesystem labelled photographs"),
    "swap": (swap, "swap space labelled swapspace"),
    "LUKS": (luks, "an encrypted LUKS volume"),
    "LVM": (lvm, "an LVM physical volume"),
    "md": (md, "a member of a RAID array labelled host:old"),
    "btrfs": (btrfs, "a btrfs filesystem"),
    "GPT at the end": (gpt_backup, "remains of gpt"),
    "two at once": (two_at_once, "several contradicting signatures"),
}
