"""The log of a run: what its commands printed, for reading after something went wrong.

The log never decides anything and never stops a run: when it cannot be written (a full disk),
that is noted in `trouble` and the run goes on. The journal is what must be written.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

PER_COMMAND = 8 << 20  # bytes of one command's output; its last lines are logged in any case


class Log:
    """Append to a text file that only its owner can read; None as path logs nothing."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.trouble = ""
        self._room = PER_COMMAND
        self._left_out = 0

    def note(self, text: str) -> None:
        """A line of our own, with the time."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        self._append(f"[{stamp}] {text}\n")

    def begin(self, words: str) -> None:
        """A command starts: its output follows."""
        self._room = PER_COMMAND
        self._left_out = 0
        self.note(f"$ {words}")

    def output(self, text: str) -> None:
        """Output of the running command, as much as has room."""
        if not text:
            return
        taken = text[: self._room]
        self._room -= len(taken)
        self._left_out += len(text) - len(taken)
        if taken:
            self._append(taken)

    def end(self, words: str, tail: tuple[str, ...]) -> None:
        """The running command has ended."""
        if self._left_out:
            self._append(f"\n[{self._left_out} characters left out; the last lines:]\n")
            self._append("".join(f"{line}\n" for line in tail))
        self.note(words)

    def _append(self, text: str) -> None:
        if self.path is None:
            return
        try:
            descriptor = os.open(
                self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
            try:
                os.write(descriptor, text.encode(errors="replace"))
            finally:
                os.close(descriptor)
        except OSError as error:
            self.trouble = f"The log {self.path} cannot be written: {error.strerror}."
