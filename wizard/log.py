"""The log of a run: what its commands printed, for reading after something went wrong.

The log never decides anything and never stops a run: when it cannot be written (a full disk),
that is noted in `trouble` and the run goes on. The journal is what must be written.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from wizard.errors import UsageError

PER_COMMAND = 8 << 20  # bytes of one command's output; its last lines are logged in any case
# A pipe that nobody reads must not make a run wait.
_HOW = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK


def refuse_unwritable_log(path: Path) -> None:
    """Raise `UsageError` when nothing can be appended to the file; it is made if it is missing."""
    try:
        # Not waiting: a pipe that nobody reads would keep us here for ever.
        os.close(os.open(path, _HOW, 0o600))
    except OSError as error:
        raise UsageError(
            f"The log file {path} cannot be written: {error.strerror}.",
            hint="Name a file in a directory that is there: --log-file FILE",
        ) from error


class Log:
    """Append to a text file that only its owner can read; None as path logs nothing.

    `copy` is a second file that gets the same.
    """

    def __init__(self, path: Path | None, copy: Path | None = None) -> None:
        self.path = path
        self._copy = copy
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
        for path in (self.path, self._copy):
            if path is None:
                continue
            try:
                descriptor = os.open(path, _HOW, 0o600)
                try:
                    os.write(descriptor, text.encode(errors="replace"))
                finally:
                    os.close(descriptor)
            except OSError as error:
                self.trouble = f"The log {path} cannot be written: {error.strerror}."
