"""Tarballs of Xen as upstream makes them, and thirty that are none."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

SCRIPT = b"#!/bin/sh\n(cd install; tar -cf - *) | tar -C $1 -xf -\n"
# The start of an ELF file: 64 bits, little-endian, for the processor of that number.
ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00%b" + bytes(60)

FILES: Mapping[str, bytes] = {
    "dist/README": b"Xen, built for a test.\nSecond line.\n",
    "dist/install.sh": SCRIPT,
    "dist/install/boot/xen-4.17.gz": b"\x1f\x8b hypervisor",
    "dist/install/usr/sbin/xl": ELF % b"\x3e\x00",
    "dist/install/etc/init.d/xencommons": b"#!/bin/sh\n",
    "dist/install/etc/init.d/xendomains": b"#!/bin/sh\n",
    "dist/install/etc/xen/xl.conf": b"# nothing\n",
    "dist/install/etc/udev/rules.d/xen.rules": b"# of 2006\n",
}

Change = Callable[[tarfile.TarFile], None]


def member(name: str, content: bytes = b"", **others: object) -> Change:
    """A further member, with these fields of its header."""

    def add(archive: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        for key, value in others.items():
            setattr(info, key, value)
        archive.addfile(info, io.BytesIO(content))

    return add


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> Change:
    return member(name, type=kind, linkname=target)


def tarball(
    path: Path,
    *changes: Change,
    files: Mapping[str, bytes] = FILES,
    without: str = "\n",
    mode: str = "w:gz",
) -> Path:
    """Write a tarball: the files but those whose names have `without` in them, then the changes."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            if without not in name:
                member(name, content, mode=0o755 if "/sbin/" in name else 0o644)(archive)
        for change in changes:
            change(archive)
    return path


TREE = "dist/install"
# What is wrong, how it is made, and the words that it is refused with.
HOSTILE: Mapping[str, tuple[tuple[Change, ...], str]] = {
    "an absolute path": ((member("/etc/passwd", b"x"),), "/etc/passwd has an absolute path"),
    "a way up": ((member(f"{TREE}/../../../etc/passwd", b"x"),), "leads out of it with .."),
    "a way up at the start": ((member("../evil", b"x"),), "leads out of it with .."),
    "a block device": ((member(f"{TREE}/sda", type=tarfile.BLKTYPE),), "is a device, and no file"),
    "a character device": (
        (member(f"{TREE}/null", type=tarfile.CHRTYPE),),
        "is a device, and no file",
    ),
    "a pipe": ((member(f"{TREE}/p", type=tarfile.FIFOTYPE),), "is a pipe, and no file"),
    "a strange type": ((member(f"{TREE}/s", type=b"Z"),), ""),
    "set-user-ID": ((member(f"{TREE}/usr/bin/su", b"x", mode=0o4755),), "set-user-ID"),
    "set-group-ID": ((member(f"{TREE}/usr/bin/sg", b"x", mode=0o2755),), "set-group-ID"),
    "writable by all": ((member(f"{TREE}/usr/bin/w", b"x", mode=0o666),), "by everybody"),
    "through a link": (
        (link(f"{TREE}/etc/xen/out", "/etc"), member(f"{TREE}/etc/xen/out/passwd", b"x")),
        "lies below a link",
    ),
    "a link out of the tree": (
        (link(f"{TREE}/boot/xen.gz", "../../../etc/shadow"),),
        "leads out of the tree",
    ),
    "a hard link outside": (
        (link(f"{TREE}/boot/x", "/etc/shadow", tarfile.LNKTYPE),),
        "is a hard link to /etc/shadow",
    ),
    "the same twice": ((member(f"{TREE}/usr/sbin/xl", b"other"),), "is in it twice"),
    "passwd": ((member(f"{TREE}/etc/passwd", b"x"),), "would install /etc/passwd"),
    "root's key": (
        (member(f"{TREE}/root/.ssh/authorized_keys", b"x"),),
        "would install /root/.ssh/authorized_keys",
    ),
    "sudoers": ((member(f"{TREE}/etc/sudoers.d/x", b"x"),), "would install /etc/sudoers.d/x"),
    "ld.so.preload": ((member(f"{TREE}/etc/ld.so.preload", b"x"),), "would install"),
    "a cron job": ((member(f"{TREE}/etc/cron.d/x", b"x"),), "would install /etc/cron.d/x"),
    "an escape sequence": ((member(f"{TREE}/\x1b[2J", b"x"),), "cannot be printed"),
    "a line end in a name": ((member(f"{TREE}/a\nb", b"x"),), "cannot be printed"),
    "a very long name": ((member(f"{TREE}/{'a/' * 600}b", b"x"),), "characters long"),
    "two Xens": ((member("old/install.sh", SCRIPT), member("old/install/boot/xen.gz", b"x")),
                 "several Xens"),
}  # fmt: skip
# Files left out, and the words for that.
INCOMPLETE = {
    "install.sh": "there is no install.sh",
    "install/": "there is no tree install/ beside install.sh",
    "/boot/": "there is no hypervisor in it",
    "sbin/xl": "there is neither xl nor xm",
}
