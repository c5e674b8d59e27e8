"""A command's output as it comes: bytes in, clean lines out, in bounded memory."""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path

from wizard.log import Log

TAIL_LINES = 40
_LINE_LIMIT = 1000  # characters of a kept line
_PENDING_LIMIT = 1 << 16  # characters without a line's end that are kept waiting for it
_WINDOW = 4096  # characters of earlier output in which `until` may begin to match
_FLOOD = 2 << 20  # characters after which only the last lines of each piece are handed over

_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles
    r"|\x1b[ -/]*[0-~]"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)


def without_controls(text: str) -> str:
    """The text without colours, titles and other control characters; line ends stay."""
    return _CONTROL.sub("", text)


def last_lines(path: Path, lines: int = 6) -> tuple[str, ...]:
    """The end of a text file, as a command's last lines are kept, what is said again left out;
    nothing if it is no such file. So few, that a person who is asked what to do sees them all.
    Raises `OSError` where it cannot be read.
    """
    if not path.is_file():
        return ()
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - lines * _LINE_LIMIT, 0))
        text = file.read(lines * _LINE_LIMIT).decode(errors="replace")
    found = without_controls(text.replace("\r", "\n")).split("\n")
    kept = (line[:_LINE_LIMIT] for line in found if line.strip())
    return tuple(line for line, _same in groupby(kept))[-lines:]


class Stream:
    """Bytes in; lines out, a bounded tail, the log, and whether `until` was seen."""

    def __init__(
        self,
        on_output: Callable[[str], None] | None,
        log: Log,
        until: str | None,
        masks: Sequence[str],
    ) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._on_output = on_output
        self._log = log
        self._until = re.compile(until, re.MULTILINE) if until else None
        lines = {line for mask in masks for line in mask.splitlines() if line}
        self._masks = sorted(lines, key=len, reverse=True)
        self._overlap = max((len(mask) for mask in self._masks), default=1) - 1
        self._pending = ""
        self._window = ""
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._taken = 0
        self.matched = False

    @property
    def tail(self) -> tuple[str, ...]:
        return tuple(self._tail)

    def feed(self, data: bytes, *, final: bool = False) -> None:
        text = self._decoder.decode(data, final)
        self._taken += len(text)
        if self._until is not None and not self.matched:
            self._window = without_controls((self._window + text).replace("\r", "\n"))
            self.matched = self._until.search(self._window) is not None
            self._window = self._window[-_WINDOW:]
        text = self._pending + text
        cut = max(text.rfind("\n"), text.rfind("\r")) + 1
        if len(text) - cut > _PENDING_LIMIT:
            # A mask must not be cut in two: hide it first, and keep what may be its beginning.
            text = self._mask(text)
            cut = len(text) - self._overlap
        if final:
            cut = len(text)
        self._pending = text[cut:]
        self._hand_over(text[:cut])

    def finish(self) -> None:
        self.feed(b"", final=True)

    def _mask(self, text: str) -> str:
        for mask in self._masks:
            text = text.replace(mask, "********")
        return text

    def _hand_over(self, text: str) -> None:
        if not text:
            return
        text = without_controls(self._mask(text).replace("\r\n", "\n").replace("\r", "\n"))
        self._log.output(text)
        lines = [line for line in text.split("\n") if line.strip()]
        if self._taken > _FLOOD:
            lines = lines[-TAIL_LINES:]
        for line in lines:
            shown = line[:_LINE_LIMIT]
            self._tail.append(shown)
            if self._on_output is not None:
                self._on_output(shown)
