"""Whether /lib/tls costs anything, on the host and in a guest: asked in one place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from steps.facts import TlsDirectory

DISABLED = ".disabled"
_LAST_SEARCHED = (2, 36)  # glibc 2.37 took the search of such directories out of its loader
_32_BIT = re.compile(r"i[3-6]86|x86")


def is_moved(choice: str, architecture: str, glibc: str) -> bool:
    """Whether such libraries are moved away here, by the answer host.tls."""
    return choice == "move" or (choice == "auto" and matters(architecture, glibc))


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
    if not is_moved(choice, architecture, glibc):
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
        "This C library is here a second time, built for Xen (nosegneg): with the line "
        "`hwcap 1 nosegneg` in /etc/ld.so.conf.d/xen.conf, and ldconfig, the loader takes that, "
        "and nothing need be moved (host.tls: leave)."
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
