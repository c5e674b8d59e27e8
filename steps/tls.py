"""Whether /lib/tls costs anything, on the host and in a guest: asked in one place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from steps.facts import TlsDirectory

DISABLED = ".disabled"
_LAST_SEARCHED = (2, 36)  # glibc 2.37 took the search of such directories out of its loader
_32_BIT = re.compile(r"i[3-6]86|x86")


def matters(architecture: str, glibc: str) -> bool:
    """Whether libraries in a `tls` directory slow a paravirtual system of this kind down.

    Only 32-bit x86 addresses a thread's own storage through a segment that Xen must guard. An
    empty `glibc` (not known) counts as an old one.
    """
    version = tuple(int(part) for part in re.findall(r"\d+", glibc)[:2])
    return _32_BIT.fullmatch(architecture) is not None and version <= _LAST_SEARCHED


def to_move(
    directories: Sequence[TlsDirectory], architecture: str, glibc: str
) -> tuple[TlsDirectory, ...]:
    """Those that must be moved out of the loader's way."""
    if not matters(architecture, glibc):
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


def why_nothing(directories: Sequence[TlsDirectory], architecture: str, glibc: str) -> str:
    """One sentence: why nothing is to be moved here."""
    there = [known.path for known in directories if known.libraries and not known.disabled]
    away = [known.path for known in directories if known.disabled]
    if away:
        return f"{' and '.join(away)}: moved away already."
    if not matters(architecture, glibc):
        reason = (
            f"{architecture} reaches thread-local storage without the segments that Xen guards"
            if not _32_BIT.fullmatch(architecture)
            else f"glibc {glibc} does not look there any more"
        )
        place = f"{' and '.join(there)} can stay: " if there else "There is no /lib/tls, and "
        return f"{place}{reason}."
    return "There is no /lib/tls with libraries in it."
