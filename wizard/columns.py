"""Text in lines that fit a terminal, broken at words."""

from __future__ import annotations

import os
import textwrap
from typing import TextIO

READABLE = 100  # columns: a longer line of text is hard to read, however wide the terminal is
_NARROWEST = 20
_HANGING = "   "  # how much further in the second line of an indented one begins


def at_words(text: str, columns: int | None) -> str:
    """The text in lines of at most that many columns, where its words allow; what is indented
    stays so. None leaves it as it is.
    """
    if columns is None:
        return text
    width = max(columns, _NARROWEST)
    lines = []
    for line in text.split("\n"):
        if len(line) <= width:
            lines.append(line)
            continue
        indent = line[: len(line) - len(line.lstrip())]
        lines += textwrap.wrap(
            line,
            width,
            subsequent_indent=indent + _HANGING if indent else "",
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "\n".join(lines)


def columns_of(stream: TextIO) -> int | None:
    """How wide text may be on the terminal that the stream writes to: its columns, but no more
    than are easy to read. None when it writes to none, or to one that does not tell (a serial
    line says 0).
    """
    try:
        columns = os.get_terminal_size(stream.fileno()).columns if stream.isatty() else 0
    except (OSError, ValueError):  # no file, or closed
        return None
    return min(columns, READABLE) or None
