"""Whether /lib/tls costs anything, on the host and in a guest: asked in one place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from steps.facts import TlsDirectory

DISABLED = ".disabled"
_LAST_SEARCHED = (2, 36)  # glibc 2.37 took the search of such directories out of its loader
# Bit 1: so says the note in the vDSO of a Linux under Xen (its vdso32/note.S).
NOSEGNEG_LINE = "hwcap 1 nosegneg"
NOSEGNEG_FILE = "/etc/ld.so.conf.d/xen.conf"
LOADER_FILES = "/etc/ld.so.conf.d/"
_NOSEGNEG = re.compile(r"^\s*hwcap\s+\d+\s+nosegneg\s*$", re.MULTILINE)
_32_BIT = re.compile(r"i[3-6]86|x86")


def is_moved(choice: str, architecture: str, glibc: str) -> bool:
    """Whether such libraries are moved away here, by the answer host.tls.

    With `nosegneg` they are in a guest, whose C library is another one than the host's.
    """
    return choice == "move" or (choice in ("auto", "nosegneg") and matters(architecture, glibc))


def takes_nosegneg(choice: str, architecture: str, glibc: str) -> bool:
    """Whether the host is to use the C library that was built for Xen, by the answer host.tls."""
    return choice == "nosegneg" and matters(architecture, glibc)


def is_told_of_nosegneg(files: Mapping[str, str]) -> bool:
    """Whether a file of the loader's, of these texts by path, has such a line already."""
    return any(
        _NOSEGNEG.search(text) for path, text in files.items() if path.startswith(LOADER_FILES)
    )


def text_with_nosegneg(before: str) -> str:
    """The loader's file with the line in it, and what was there before it."""
    kept = before if not before or before.endswith("\n") else f"{before}\n"
    return f"{kept}# The C library that was built for Xen (xen-setup).\n{NOSEGNEG_LINE}\n"


def matters(architecture: str, glibc: str) -> bool:
    """Whether libraries in a `tls` directory slow a paravirtual system of this kind down.

    Only 32-bit x86 addresses a thread's own storage through a segment that Xen must guard. An
    empty `glibc` (not known) counts as an old one.
    """
    version = tuple(int(part) for part in re.findall(r"\d+", glibc)[:2])
    return _32_BIT.fullmatch(architecture) is not None and version <= _LAST_SEARCHED


def to_move(
    choice: str, directories: Sequence[TlsDirectory], architecture: str, glibc: str
) -> tuple[TlsDirectory, ...]:
    """Those that must be moved out of the loader's way."""
    if takes_nosegneg(choice, architecture, glibc) or not is_moved(choice, architecture, glibc):
        return ()
    return tuple(known for known in directories if known.libraries and not known.disabled)


def disabled_path(directory: TlsDirectory) -> str:
    """Where it is moved to: the tutorial's name."""
    return directory.path + DISABLED


def moved(
    directories: Sequence[TlsDirectory], moving: Sequence[TlsDirectory]
) -> tuple[TlsDirectory, ...]:
    """The directories as they are after these have been moved."""
    return tuple(
        replace(known, path=disabled_path(known), disabled=True) if known in moving else known
        for known in directories
    )


def about_nosegneg(directories: Sequence[TlsDirectory], architecture: str, glibc: str) -> str:
    """What is better than moving, where the C library has it; "" elsewhere.

    Debian's libc6-xen and Fedora's glibc had the library a second time, built without negative
    offsets; the loader takes it where /etc/ld.so.conf.d says that this "hardware" has nosegneg.
    """
    if not matters(architecture, glibc) or not any(known.nosegneg for known in directories):
        return ""
    return (
        "This C library is here a second time, built for Xen (nosegneg). The loader can be told "
        "to take that, and then nothing need be moved: host.tls: nosegneg."
    )


def why_nothing(
    choice: str, directories: Sequence[TlsDirectory], architecture: str, glibc: str
) -> str:
    """One sentence: why nothing is to be moved here."""
    there = [known.path for known in directories if known.libraries and not known.disabled]
    away = [known.path for known in directories if known.disabled]
    if away:
        return f"{' and '.join(away)}: moved away already."
    if there and choice == "leave":
        return f"{' and '.join(there)} stays, as host.tls says."
    if not matters(architecture, glibc):
        reason = (
            f"{architecture} reaches thread-local storage without the segments that Xen guards"
            if not _32_BIT.fullmatch(architecture)
            else f"glibc {glibc} does not look there any more"
        )
        place = f"{' and '.join(there)} can stay: " if there else "There is no /lib/tls, and "
        return f"{place}{reason}."
    return "There is no /lib/tls with libraries in it."
