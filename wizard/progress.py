"""What a command's output says of how far it is.

A reader is made anew for each command, takes its lines in order, and answers each with a
fraction from 0 to 1 (None when it cannot be known) and a few words, or None for a line that
says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

Progress = tuple[float | None, str]
Reader = Callable[[str], Progress | None]

# Downloading is taken as the first third: on the practice machine it was 25 to 40 % of the time.
_APT_DOWNLOAD = 0.3


def _apt() -> Reader:
    """`apt-get -o APT::Status-Fd=1`: its dlstatus and pmstatus lines."""
    status = re.compile(r"(dlstatus|pmstatus):([^:]*):(\d+(?:\.\d+)?):(.*)")

    def read(line: str) -> Progress | None:
        found = status.match(line)
        if not found:
            return None
        phase, _item, percent, words = found.groups()
        share = min(float(percent) / 100, 1.0)
        if phase == "dlstatus":
            return share * _APT_DOWNLOAD, words.strip() or "Downloading"
        return _APT_DOWNLOAD + share * (1 - _APT_DOWNLOAD), words.strip()

    return read


# Phases of debootstrap with their shares of its time (emulated, minbase: 343 s), in order.
_PHASES = (
    ("Retrieving", 0.30),
    ("Extracting", 0.15),
    ("Unpacking", 0.25),
    ("Configuring", 0.30),
)
_USUAL_PACKAGES = 110  # of a minbase system: the count is known only after retrieving


def _debootstrap() -> Reader:
    """debootstrap's "I:" lines; packages are counted, so each phase after the first is exact."""
    line_of = re.compile(
        r"I: (Retrieving|Extracting|Unpacking|Configuring) (\S+?)(?:\.\.\.)?(?: |$)"
    )
    seen: dict[str, set[str]] = {phase: set() for phase, _share in _PHASES}
    reached = 0.0

    def read(line: str) -> Progress | None:
        nonlocal reached
        if line.startswith("I: Base system installed successfully"):
            reached = 1.0
            return 1.0, "Base system installed"
        found = line_of.match(line)
        if not found:
            return (reached, line[3:]) if line.startswith("I: ") else None
        phase, item = found.groups()
        # "Unpacking required packages...", "Configuring the base system...": headings, not names
        if item in ("the", "required", "core", "InRelease", "Release", "Packages"):
            return reached, line[3:]
        seen[phase].add(item)
        total = len(seen["Retrieving"]) or _USUAL_PACKAGES
        if phase == "Retrieving":
            total = max(_USUAL_PACKAGES, total + 1)
        before = 0.0
        for name, share in _PHASES:
            if name == phase:
                reached = max(reached, before + share * min(len(seen[phase]) / total, 1.0))
                break
            before += share
        return reached, f"{phase} {item} ({len(seen[phase])})"

    return read


def _none() -> Reader:
    """Nothing is known of this output: its last line is what can be shown."""
    return lambda line: (None, line) if line.strip() else None


READERS: Mapping[str, Callable[[], Reader]] = {
    "": _none,
    "apt": _apt,
    "debootstrap": _debootstrap,
}


def reader(name: str) -> Reader:
    """A new reader by its name in `RunCommand.progress`; an unknown name reads nothing."""
    return READERS.get(name, _none)()
