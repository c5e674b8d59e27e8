"""Ctrl-C, SIGTERM and a closed terminal: noted, so that what is running can end in order.

A handler only sets a flag and wakes whoever waits. The running command is ended by commands.py,
the pipeline finishes or undoes what was begun, and the words to the user come last.
"""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any

from wizard.errors import Exit, Interrupted

_STATUS = {
    signal.SIGINT: Exit.INTERRUPTED,
    signal.SIGTERM: Exit.TERMINATED,
    signal.SIGHUP: Exit.HUNG_UP,
}
_WORDS = {
    signal.SIGINT: "Ctrl-C",
    signal.SIGTERM: "the signal SIGTERM",
    signal.SIGHUP: "the end of the terminal session",
}


INSISTING = 3  # signals that break a shield


class Interrupts:
    """A context that notes the first of SIGINT, SIGTERM and SIGHUP; outside of it nothing changes.

    `shielded` makes it look as if none had come: for undoing what was begun. Who insists, with
    `INSISTING` signals, gets through a shield: an undo may hang. Main thread only.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._count = 0
        self._shields = 0
        self._pipe: tuple[int, int] | None = None
        self._woken = -1
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        self.received, self._count = None, 0
        self._pipe = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        # By the signal itself: Python's own handler does not run while a system call waits that
        # began just after the signal came, and nobody would wake it (seen: Ctrl-C at a prompt).
        self._woken = signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
        for number in _STATUS:
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()
        if self._pipe is not None:
            signal.set_wakeup_fd(self._woken)
            for descriptor in self._pipe:
                os.close(descriptor)
            self._pipe = None

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.note(signal.Signals(number))

    def note(self, number: signal.Signals) -> None:
        """Take a signal as received; the first one counts."""
        self._count += 1
        if self.received is None:
            self.received = number
        if self._pipe is not None:
            with suppress(BlockingIOError):  # the pipe is full: whoever waits is awake already
                os.write(self._pipe[1], b"!")

    @property
    def pending(self) -> bool:
        """A signal came, and nothing shields from it."""
        return self.received is not None and (self._shields == 0 or self._count >= INSISTING)

    @property
    def descriptor(self) -> int | None:
        """Readable when a signal came; `quiet` it if that is not `pending`. None: no context."""
        return self._pipe[0] if self._pipe is not None else None

    def quiet(self) -> None:
        """Make the descriptor wait for the next signal."""
        if self._pipe is not None:
            with suppress(BlockingIOError):
                os.read(self._pipe[0], 4096)

    def shielded(self) -> _Shield:
        """A context in which signals are noted and wait."""
        return _Shield(self)

    def wait(self, seconds: float) -> None:
        """Sleep, but no longer than until a signal comes."""
        if self.descriptor is None:
            time.sleep(seconds)
        elif not self.pending:
            select.select([self.descriptor], [], [], seconds)

    def check(self) -> None:
        """Raise `Interrupted` if a signal came."""
        if self.pending:
            raise self.error()

    def error(self, hint: str = "") -> Interrupted:
        """The error that tells of the signal received."""
        number = self.received or signal.SIGINT
        return Interrupted(f"Stopped by {_WORDS[number]}.", hint=hint, status=_STATUS[number])

    def _shield(self, change: int) -> None:
        self._shields += change


class _Shield:
    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts

    def __enter__(self) -> None:
        self._interrupts._shield(1)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._interrupts._shield(-1)
