"""A real pseudo-terminal with a program in it, and what a person sees on its screen.

with Terminal([sys.executable, "-m", "…"], tmp_path) as terminal:
    terminal.wait_for("Which device?")
    terminal.type("\\r")
    assert terminal.ends() == 0
"""

from __future__ import annotations

import os
import signal
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pexpect
import pyte

from tests.cli.program import nursery
from tests.fast import FAST
from tests.nursery import ForkedInTerminal

PATIENCE = 30.0  # seconds: this may run beside emulated machines
ENTER, DOWN, UP, CTRL_C, CTRL_D = "\r", "\x1b[B", "\x1b[A", "\x03", "\x04"


class Screen(pyte.Screen):
    """An emulated screen, and what has gone over its upper edge.

    pyte's own with a history looks after it at each attribute that is read, and makes text of two
    thousand lines each time somebody asks: that was half of what a test with a terminal took.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.above: list[str] = []
        super().__init__(columns, rows)

    def row(self, number: int) -> str:
        """The words of one row; the second half of a wide character is an empty text."""
        line = self.buffer[number]
        last = max(line, default=-1)
        cell = line.get
        return "".join(
            [cell(column, line.default).data for column in range(min(last + 1, self.columns))]
        ).rstrip()

    @property
    def rows(self) -> list[str]:
        return [self.row(number) for number in range(self.lines)]

    @property
    def hides_cursor(self) -> bool:
        return pyte.modes.DECTCEM not in self.mode

    def index(self) -> None:
        top, bottom = self.margins or (0, self.lines - 1)
        if self.cursor.y == bottom:
            self.above.append(self.row(top))
        super().index()

    def erase_in_display(self, how: int = 0, *others: object, **named: object) -> None:
        super().erase_in_display(how, *others, **named)
        if how == 3:
            self.above.clear()

    def reset(self) -> None:
        super().reset()
        self.above.clear()


class Terminal:
    """The program runs until it ends or the context does. `raw` is all that it wrote."""

    def __init__(
        self,
        argv: Sequence[str],
        folder: Path,
        *,
        columns: int = 80,
        rows: int = 24,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.screen = Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        env = {**kept, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **(environment or {})}
        self.process: Any
        if FAST and nursery().takes(argv, env):
            self.process = ForkedInTerminal(nursery(), argv, folder, env, (rows, columns))
            self.modes = self.process.modes
        else:
            self.process = pexpect.spawn(
                argv[0], list(argv[1:]), cwd=str(folder), env=env, dimensions=(rows, columns),
                timeout=PATIENCE,
            )  # fmt: skip
            self.process.delaybeforesend = None
            self.modes = self._modes()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.close(force=True)

    @property
    def text(self) -> str:
        """What the screen shows now."""
        return "\n".join(self.screen.rows).rstrip()

    @property
    def whole_text(self) -> str:
        """What the screen shows, and what has gone over its upper edge."""
        return "\n".join([*self.screen.above, self.text])

    @property
    def asked(self) -> str:
        """The line with the cursor: what waits for an answer."""
        return str(self.screen.display[self.screen.cursor.y]).rstrip()

    def type(self, keys: str) -> None:
        """Press these keys."""
        self.process.send(keys)

    def wait_for(self, words: str, *, without: str = "", seconds: float = PATIENCE) -> None:
        """Wait until the screen shows these words (and no longer those)."""
        ends = time.monotonic() + seconds
        while not (words in (text := self.text) and not (without and without in text)):
            if time.monotonic() > ends or not self._read(0.2):
                raise AssertionError(f"{words!r} did not come. The screen:\n{self.text}")

    def is_quiet(self, seconds: float = 0.15) -> bool:
        """Whether it writes nothing for that long: it waits for a key, then."""
        before = len(self.raw)
        self._read(seconds)
        return len(self.raw) == before

    def signal(self, number: signal.Signals) -> None:
        """Send the program a signal, as `kill` would."""
        os.kill(self.process.pid, number)

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size, as a window's user would."""
        self.screen.resize(rows, columns)
        self.process.setwinsize(rows, columns)

    def ends(self, *, seconds: float = PATIENCE) -> int:
        """The program's exit status, once it has ended; a signal's is 128 and its number."""
        ends = time.monotonic() + seconds
        while self._read(0.2):
            if time.monotonic() > ends:
                raise AssertionError(f"The program goes on. The screen:\n{self.text}")
        # The process's own end of the terminal must be open to ask for the modes.
        self.modes_after = self._modes()
        self.process.wait()
        if self.process.signalstatus is not None:
            return 128 + int(self.process.signalstatus)
        return int(self.process.exitstatus)

    @property
    def is_whole(self) -> bool:
        """Whether the terminal is as it was: its modes, and a cursor that can be seen."""
        return bool(self.modes == self.modes_after and not self.screen.hides_cursor)

    def _modes(self) -> list[Any]:
        return list(termios.tcgetattr(self.process.child_fd))

    def _read(self, seconds: float) -> bool:
        """Take in what the program wrote; False once it has ended."""
        try:
            chunk = self.process.read_nonblocking(65536, seconds)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += chunk
        self._stream.feed(chunk)
        return True
