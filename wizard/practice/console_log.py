"""What a practice machine's serial console showed, as QEMU logged it: its last lines, its end.

A kernel that panics and is not to reset says "---[ end Kernel panic - not syncing: … ]---" as its
last word, and stands (Linux's kernel/panic.c); one that resets never says that.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

# What a terminal acts on instead of showing it (ECMA-48): colours, movements, titles.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_c78=>])")
_PANIC = "Kernel panic - not syncing"
_END = f"---[ end {_PANIC}"
# A boot after it, by somebody's hand: what GRUB, Xen and Linux say first.
_BOOTS = re.compile(r"GNU GRUB|Loading Linux|Loading Xen|Xen version|Linux version")
_LAST_BYTES = 64 * 1024


def file_length(path: Path) -> int:
    """In bytes; 0 when it is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def last_lines(log: Path, lines: int) -> list[str]:
    """The last lines, without control characters."""
    return _lines(_end_of(log, 400 * lines, 0))[-lines:]


def panic(log: Path, since: int) -> tuple[str, ...]:
    """The lines of a panic that the machine will not leave by itself, none if there is no such.

    `since`: the log's length when the machine was switched on.
    """
    text = _end_of(log, _LAST_BYTES, since)
    if _END not in text:
        return ()
    lines = _lines(text)
    end = max(number for number, line in enumerate(lines) if _END in line)
    if any(_BOOTS.search(line) for line in lines[end:]):
        return ()
    begin = max((n for n in range(end) if _PANIC in lines[n] and _END not in lines[n]), default=end)
    # What led to it stands before; the processor's state in between says nothing to a reader.
    return (*lines[max(0, begin - 6) : begin + 1], *lines[end : end + 1])


def _end_of(log: Path, size: int, since: int) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(since, file.seek(0, os.SEEK_END) - size))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _lines(text: str) -> list[str]:
    shown = (
        "".join(char for char in line if char.isprintable() or char == "\t").rstrip()
        for line in _ESCAPES.sub("", text).replace("\r", "\n").split("\n")
    )
    return [line for line in shown if line]
