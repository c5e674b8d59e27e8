"""Initrds of every make: archives one after the other, plain and compressed."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import subprocess
from pathlib import Path

import pytest

from steps.reading.initrd import InitrdContent, UnreadableInitrd, read_initrd

WANTED = frozenset({"xen-blkfront.ko", "ext4.ko"})


def archive(*members: tuple[str, bytes]) -> bytes:
    """A "newc" cpio archive with these members and its trailer."""
    whole = b""
    for name, body in (*members, ("TRAILER!!!", b"")):
        fields = [0, 0o100644, 0, 0, 1, 0, len(body), 0, 0, 0, 0, len(name) + 1, 0]
        whole += b"070701" + b"".join(b"%08X" % field for field in fields)
        whole += name.encode() + b"\0"
        whole += b"\0" * (-len(whole) % 4) + body
        whole += b"\0" * (-len(whole) % 4)
    return whole + b"\0" * (-len(whole) % 512)


def size_of(name: str, body: bytes) -> int:
    return 110 + len(name) + 1 + len(body)


def zstd(data: bytes) -> bytes:
    if not shutil.which("zstd"):
        pytest.skip("the program zstd makes the test's input")
    return subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout


BLKFRONT = ("usr/lib/modules/6.1/kernel/drivers/block/xen-blkfront.ko", b"x" * 700_001)
EXT4 = ("usr/lib/modules/6.1/kernel/fs/ext4/ext4.ko.xz", b"y" * 10)
MICROCODE = ("kernel/x86/microcode/AuthenticAMD.bin", b"m" * 600_000)
INIT = ("init", b"#!/bin/sh\n")


@pytest.mark.parametrize(
    "pack",
    [bytes, gzip.compress, bz2.compress, lzma.compress, zstd],
    ids=lambda pack: pack.__name__,
)
@pytest.mark.parametrize("early", [False, True])
def test_modules_and_size_are_found_in_each_compression(
    tmp_path: Path, pack: type[bytes], early: bool
) -> None:
    path = tmp_path / "initrd"
    members = [INIT, BLKFRONT, EXT4]
    first = archive(MICROCODE) if early else b""
    path.write_bytes(first + pack(archive(*members)))
    size = sum(size_of(*member) for member in [*members, *([MICROCODE] if early else [])])
    assert read_initrd(path, WANTED) == InitrdContent(WANTED, size)


def test_several_compressed_parts_are_read_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "initrd"
    parts = [gzip.compress(archive(INIT)), lzma.compress(archive(EXT4)), archive(BLKFRONT)]
    path.write_bytes(b"\0" * 512 + (b"\0" * 512).join(parts) + b"\0" * 1000)
    assert read_initrd(path, WANTED).found == WANTED


def test_a_name_only_like_the_module_is_not_the_module(tmp_path: Path) -> None:
    path = tmp_path / "initrd"
    path.write_bytes(archive(("old-xen-blkfront.ko", b""), ("xen-blkfront.ko/readme", b"")))
    assert read_initrd(path, WANTED).found == frozenset()


def test_an_empty_initrd_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "initrd"
    path.write_bytes(b"")
    assert read_initrd(path, WANTED) == InitrdContent(frozenset(), 0)


WHOLE = archive(INIT, EXT4)


@pytest.mark.parametrize(
    "content",
    [
        b"not an initrd",
        b"\x02\x21\x4c\x18lz4 is not read",
        b"070701",
        WHOLE[:60],
        WHOLE[:200],
        b"070701" + b"Z" * 104,
        b"070701" + b"F" * 104,
        gzip.compress(WHOLE, mtime=0)[:-30],
        gzip.compress(WHOLE, mtime=0)[:20] + b"damage" + gzip.compress(WHOLE, mtime=0)[26:],
        lzma.compress(WHOLE)[:-30],
        gzip.compress(b"something else in it", mtime=0),
        b"\x28\xb5\x2f\xfd" + b"\xff" * 40,
        b"\xfd7zXZ\0" + b"\xff" * 40,
    ],
)
def test_a_damaged_initrd_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "initrd"
    path.write_bytes(content)
    with pytest.raises(UnreadableInitrd):
        read_initrd(path, WANTED)


def test_every_cut_of_an_initrd_is_refused_or_read(tmp_path: Path) -> None:
    whole = archive((MICROCODE[0], b"m" * 50), INIT) + gzip.compress(archive(EXT4))
    path = tmp_path / "initrd"
    refused = 0
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            read_initrd(path, WANTED)
        except UnreadableInitrd:
            refused += 1
    # Only a cut in the padding between the parts, and at the very start, leaves whole archives.
    assert refused > len(whole) / 2


def test_it_is_read_again_only_when_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "initrd"
    path.write_bytes(archive(INIT))
    assert read_initrd(path, WANTED) is read_initrd(path, WANTED)
    path.unlink()
    path.write_bytes(archive(INIT, EXT4))
    assert read_initrd(path, WANTED).found == {"ext4.ko"}
