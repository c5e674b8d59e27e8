"""A run told live, at the foot of a terminal. With console.py the only user of rich."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from rich.console import Console as RichConsole
from rich.console import Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from wizard.actions import Action
from wizard.errors import SetupError
from wizard.step import Plan, Problem
from wizard.wording import commands, duration, headline, printable, verdict


class _Lasting:
    """A stream to which nothing is written any more once it has failed.

    The terminal may go (a session is cut while its network is rebuilt): the run must not.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._gone = False

    def write(self, text: str) -> int:
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._try(self._stream.flush)

    def _try(self, do: Callable[[], object]) -> None:
        if not self._gone:
            try:
                do()
            except OSError:
                self._gone = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class LiveReporter:
    """A run as it goes, at the foot of the terminal: the step, the command, how far, how long.

    What is finished scrolls up as lines that stay. Use it as a context: the cursor and the
    terminal are as before at its end, whatever ends it. `paused` makes room for a question.
    """

    def __init__(
        self,
        rich: RichConsole,
        clock: Callable[[], float] = time.monotonic,
        *,
        verbose: bool = False,
    ) -> None:
        self._rich = rich
        self._verbose = verbose
        self._clock = clock
        self._steps: tuple[str, ...] = ()
        self._step = ""
        self._action = ""
        self._command = ""
        self._begun = clock()
        self._fraction: float | None = None
        self._words = ""
        self._output = ""
        self._undoes = False
        self._live: Live | None = None
        self._stream: IO[str] = rich.file

    def __enter__(self) -> LiveReporter:
        self._stream = self._rich.file
        self._rich.file = cast("IO[str]", _Lasting(self._stream))
        self._live = Live(
            get_renderable=self._render,
            console=self._rich,
            refresh_per_second=4,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
            self._rich.file = self._stream

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The foot of the terminal is cleared meanwhile."""
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()

    def refresh(self) -> None:
        """Draw it now; otherwise it is drawn four times a second."""
        if self._live is not None:
            self._live.refresh()

    def _render(self) -> RenderableType:
        if not self._action:
            return Text("")
        since = duration(self._clock() - self._begun)
        width = max(self._rich.width - 4, 20)
        rows: list[RenderableType] = [Text(_cut(f"{self._action}  ({since})", width), "bold")]
        if self._command:
            rows.append(Text(_cut(f"$ {self._command}", width), "bold"))
        if self._fraction is not None:
            bar = ProgressBar(total=1.0, completed=self._fraction, width=min(40, width - 8))
            line = label_grid(0)
            line.add_row(bar, Text(f"{self._fraction:4.0%}"))
            rows.append(line)
        if self._words:
            rows.append(Text(_cut(self._words, width)))
        if self._output and self._output != self._words:
            rows.append(Text(_cut(self._output, width), "dim"))
        return Padding(Group(*rows), (0, 0, 0, 4))

    def _keep(self, mark: str, text: str, style: str = "") -> None:
        """A line that stays."""
        grid = label_grid(len(mark) + 1)
        grid.add_row(Text(mark, style), Text(printable(text), overflow="fold"))
        self._rich.print(grid)

    def _show(self, action: str, command: str = "") -> None:
        self._action, self._command = printable(action), printable(command)
        self._fraction, self._words, self._output = None, "", ""
        self._begun = self._clock()

    def run_begins(self, log: Path, steps: tuple[str, ...], /) -> None:
        """Where to read what the commands print."""
        self._steps = steps
        self._rich.print(Text(f"The log is {log}"))

    def step_begins(self, name: str, title: str, plan: Plan[Any], /) -> None:
        """The step's number and title."""
        number = f"{self._steps.index(name) + 1}/{len(self._steps)}" if name in self._steps else ""
        self._step = f"{number:>5}  {title}"
        self._rich.print(Text(self._step, "bold"))
        for words in plan.skipped:
            self._keep("     ✓", f"{words} (there already)", "green")
        self._show("looking at the machine")

    def action_begins(self, action: Action, index: int, of: int, /) -> None:
        """What is done, and the command."""
        self._show(f"{index}/{of}  {headline(action)}", "; ".join(commands(action)))

    def output(self, line: str, /) -> None:
        """The last line of output is shown while the command runs; all stay if that is wanted."""
        if self._verbose:
            self._keep("       |", line.expandtabs(8), "dim")
            return
        self._output = printable(line).replace("\n", " ").expandtabs(4).strip() or self._output

    def progress(self, fraction: float | None, words: str, /) -> None:
        """How far it is."""
        if fraction is not None:
            self._fraction = min(max(fraction, 0.0), 1.0)
        self._words = printable(words)

    def action_done(self, action: Action, seconds: float, /) -> None:
        """A line that stays."""
        self._keep("     ✓", f"{headline(action)}  {duration(seconds)}", "green")
        self._show("")

    def action_skipped(self, action: Action, /) -> None:
        """It was there: not ours."""
        self._keep("     ✓", f"{headline(action)} (there already)", "green")
        self._show("")

    def step_done(self, _name: str, seconds: float, problems: tuple[Problem, ...], /) -> None:
        """Verified."""
        for problem in problems:
            self._keep("     !", f"{problem.what} {problem.hint} [{problem.name}]", "magenta")
        self._keep("     ✓", f"verified by reading the machine again  {duration(seconds)}", "green")
        self._show("")

    def undoing(self, action: Action, /) -> None:
        """What is taken back."""
        if not self._undoes:
            self._undoes = True
            self._rich.print(Text("Taking back, newest first", "bold magenta"))
        self._show(f"undo: {headline(action)}")

    def undone(self, action: Action, /) -> None:
        """A line that stays."""
        self._keep("     ↶", f"taken back: {headline(action)}", "magenta")
        self._show("")

    def conflict(self, action: Action, text: str, /) -> None:
        """What is left, and why."""
        self._keep("     !", f"left as it is: {headline(action)}: {text}", "bold red")
        self._show("")

    def failed(self, name: str, action: Action | None, error: SetupError, /) -> None:
        """Which step failed; what it said comes with the error at the end."""
        self._keep("     ✗", verdict(name, action, error), "bold red")
        self._show("")

    def waiting(self, words: str, seconds: float, /) -> None:
        """What is waited for."""
        self._show(f"waiting, at most {duration(seconds)}: {words}")

    def note(self, words: str, /) -> None:
        """Something to know."""
        self._keep("     ·", words)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def label_grid(width: int) -> Table:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(min_width=width - 1, no_wrap=True)
    grid.add_column(overflow="fold")
    return grid
