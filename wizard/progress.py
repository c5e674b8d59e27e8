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
# apt's own machine-readable progress (APT::Status-Fd) is not used: apt sets close-on-exec on that
# descriptor, so with 1 or 2 dpkg and its scripts would start without that output (seen: a script
# failed with "echo: I/O error").
_APT_SHARES = {"Get": 0.3, "Unpacking": 0.3, "Setting up": 0.4}
_APT_LINE = re.compile(
    r"(?:(Get):(\d+) \S+ \S+ \S+ (\S+)|(Unpacking|Setting up|Removing) (\S+?)(?::\w+)? \()"
)
_APT_COUNT = re.compile(r"(\d+) upgraded, (\d+) newly installed, (\d+) to remove")


def _apt() -> Reader:
    """The lines of apt-get and dpkg; how many packages there are stands in apt's own count."""
    seen: dict[str, set[str]] = {}
    total = removals = 0

    def read(line: str) -> Progress | None:
        nonlocal total, removals
        if counted := _APT_COUNT.match(line):
            total = int(counted[1]) + int(counted[2])
            removals = int(counted[3])
            return 0.0, line
        if line.startswith("Processing triggers for "):
            return (1.0 if total or removals else None), line.removesuffix(" ...")
        found = _APT_LINE.match(line)
        if not found:
            return None
        phase, item = found[1] or found[4], found[3] or found[5]
        seen.setdefault(phase, set()).add(item)
        words = f"Fetching {item}" if phase == "Get" else f"{phase} {item}"
        if phase == "Removing":
            return (min(len(seen[phase]) / removals, 1.0) if removals else None), words
        if not total:
            return None, words
        reached = 0.0
        unpacks = "Unpacking" in seen or "Setting up" in seen
        for name, share in _APT_SHARES.items():
            done = min(len(seen.get(name, ())) / total, 1.0)
            # What is unpacked was fetched, even when it lay in apt's cache already.
            reached += share * (1.0 if name == "Get" and unpacks else done)
        return reached, words

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
