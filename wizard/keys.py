"""Single keys at a terminal while a run goes: read without echo, and without waiting for Enter.

Ctrl-C and the other signals stay what they are. Nothing is changed where the input is no terminal,
or where the program is in the background: reading there would stop it.
"""

from __future__ import annotations

import os
import select
import termios
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO

from wizard.terminal_input import never_waiting, read_typed

_LOCAL_MODES = 3  # the place in what tcgetattr gives


class Keys:
    """Calls `pressed` with each key between `start` and `stop`, from a thread of its own."""

    def __init__(self, source: TextIO | None, pressed: Callable[[str], None]) -> None:
        self._source = source
        self._pressed = pressed
        self._before: list[Any] | None = None
        self._wake: tuple[int, int] | None = None
        self._thread: threading.Thread | None = None

    @property
    def listening(self) -> bool:
        """Whether keys are read now."""
        return self._thread is not None

    def start(self) -> None:
        """Read keys from now on, if there is a terminal in front of which somebody may be."""
        descriptor = self._terminal()
        if descriptor is None or self._thread is not None:
            return
        try:
            self._before = termios.tcgetattr(descriptor)
            modes = termios.tcgetattr(descriptor)
            modes[_LOCAL_MODES] &= ~(termios.ECHO | termios.ICANON)
            termios.tcsetattr(descriptor, termios.TCSADRAIN, modes)
        except termios.error:  # it has just gone
            self._before = None
            return
        self._wake = os.pipe2(os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._read, args=(descriptor,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Give the terminal back as it was. What was typed meanwhile is forgotten: it was not
        meant as the answer to a question that nobody had seen.
        """
        if self._thread is None or self._wake is None:
            return
        os.write(self._wake[1], b"!")
        self._thread.join()
        self._thread = None
        for end in self._wake:
            os.close(end)
        self._wake = None
        with suppress(termios.error, OSError, ValueError):
            if self._source is not None and self._before is not None:
                termios.tcsetattr(self._source.fileno(), termios.TCSAFLUSH, self._before)
        self._before = None

    def _terminal(self) -> int | None:
        if self._source is None:
            return None
        try:
            descriptor = self._source.fileno()
            if os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp():
                return descriptor
        except (OSError, ValueError):  # no file, or a terminal that is not this session's
            pass
        return None

    def _read(self, descriptor: int) -> None:
        assert self._wake is not None, "it was made before the thread"
        with never_waiting(descriptor) as source:
            while True:
                ready, _, _ = select.select([source, self._wake[0]], [], [])
                if self._wake[0] in ready:
                    return
                came = read_typed(source)
                if came is None:
                    continue
                if not came:
                    return
                for key in came.decode(errors="replace"):
                    self._pressed(key)
