"""A run told live, at the foot of a terminal. With console.py the only user of rich."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TextIO, cast

from rich.console import Console as RichConsole
from rich.console import Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from wizard.actions import Action
from wizard.columns import READABLE
from wizard.errors import SetupError
from wizard.keys import Keys
from wizard.records import StepState
from wizard.reporter import where_the_log_is
from wizard.schedule import Prospect, Row, Schedule
from wizard.step import Plan, Problem
from wizard.wording import about, commands, duration, headline, printable, verdict

_EVERY = 0.25  # seconds between two drawings
_RECENT = 10  # lines of output that are shown when somebody asks for it
_BELOW_STEPS = 8  # lines that must be free beside the list of steps: the command, and what came
_TIMES = 32  # columns for the mark, the number and the times beside a title
# A mark for each state, so that nothing is said by colour alone.
_MARKS: Mapping[StepState, tuple[str, str]] = {
    "to do": (" ", ""),
    "begun": ("»", "bold"),
    "verified": ("✓", "green"),
    "left out": ("-", "magenta"),
    "rolled back": ("↶", "magenta"),
}


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
    `source`: where keys are pressed; `v` shows and hides what the commands print.
    """

    def __init__(
        self,
        rich: RichConsole,
        clock: Callable[[], float] = time.monotonic,
        *,
        verbose: bool = False,
        source: TextIO | None = None,
    ) -> None:
        self._rich = rich
        self._verbose = verbose
        self.log_stays = True
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
        self._schedule = Schedule(clock)
        self._recent: deque[str] = deque(maxlen=_RECENT)
        self._keys = Keys(source, self.pressed)
        # Keys, the clock and the run itself draw from threads of their own.
        self._drawing = threading.RLock()

    def __enter__(self) -> LiveReporter:
        self._stream = self._rich.file
        self._rich.file = cast("IO[str]", _Lasting(self._stream))
        self._live = Live(
            get_renderable=self._render,
            console=self._rich,
            auto_refresh=False,  # rich's own thread and a printing one get in each other's way
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()
        self._stopped = threading.Event()
        self._ticker = threading.Thread(target=self._tick, args=(self._stopped,), daemon=True)
        self._ticker.start()
        self._keys.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._keys.stop()
        if self._live is not None:
            self._stopped.set()
            self._ticker.join()
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
        with self._drawing:
            if self._live is not None:
                self._live.refresh()

    def _tick(self, stopped: threading.Event) -> None:
        while not stopped.wait(_EVERY):
            self.refresh()

    def _print(self, what: RenderableType, *, whole: bool = False) -> None:
        with self._drawing:
            self._rich.print(what, width=None if whole else min(self._rich.width, READABLE))

    def pressed(self, key: str) -> None:
        """`v`: from now on what commands print stays on the screen, or not any more."""
        if key not in "vV":
            return
        with self._drawing:  # no line may come between those that are shown again
            self._verbose = not self._verbose
            if self._verbose:
                for line in self._recent:
                    self._keep("       |", line, whole=True)
            else:
                self._keep("     ·", "What commands print is in the log only again.")

    def _render(self) -> RenderableType:
        rows: list[RenderableType] = []
        if self._schedule.rows:
            if len(self._schedule.rows) + _BELOW_STEPS <= self._rich.height:
                rows += [self._step_row(number, row) for number, row in
                         enumerate(self._schedule.rows, start=1)]  # fmt: skip
            rows.append(self._total_row())
        if not self._action:
            return Group(*rows)
        since = duration(self._clock() - self._begun)
        width = max(self._rich.width - 4, 20)
        now: list[RenderableType] = [Text(_cut(f"{self._action}  ({since})", width), "bold")]
        if self._command:
            now.append(Text(_cut(f"$ {self._command}", width), "bold"))
        if self._fraction is not None:
            bar = ProgressBar(total=1.0, completed=self._fraction, width=min(40, width - 8))
            line = label_grid(0)
            line.add_row(bar, Text(f"{self._fraction:4.0%}"))
            now.append(line)
        if self._words:
            now.append(Text(_cut(self._words, width)))
        if self._output and self._output != self._words and not self._verbose:
            now.append(Text(_cut(self._output, width)))
        return Group(*rows, Padding(Group(*now), (0, 0, 0, 4)))

    def _step_row(self, number: int, row: Row) -> Text:
        match row.state:
            case "begun":
                times = f"{duration(self._schedule.taken(row))} of {about(row.seconds)}"
            case "verified" | "left out" if row.seconds >= 1:
                times = duration(row.seconds)
            case "to do" | "rolled back" if row.seconds >= 5:
                times = about(row.seconds)
            case _:
                times = ""
        mark, style = _MARKS[row.state]
        longest = max(len(each.title) for each in self._schedule.rows)
        room = min(longest, max(self._rich.width - _TIMES, 10))
        title = _cut(row.title, room)
        text = Text(f"{mark} ", style)
        text.append(f"{number:2}  {title:<{room}}  ", "bold" if row.state == "begun" else "")
        return text.append(times)

    def _total_row(self) -> Text:
        left = self._schedule.remaining
        words = f"{duration(self._schedule.elapsed)} so far"
        if left is not None:
            words += f", {about(left)} left"
        if self._keys.listening:
            words += f"    v {'hides' if self._verbose else 'shows'} what commands print"
        return Text(_cut(words, self._rich.width))

    def _keep(self, mark: str, text: str, style: str = "", *, whole: bool = False) -> None:
        """A line that stays. What is `whole` may be as wide as the terminal."""
        grid = label_grid(len(mark) + 1)
        grid.add_row(Text(mark, style), Text(printable(text), overflow="fold"))
        self._print(grid, whole=whole)

    def _show(self, action: str, command: str = "") -> None:
        self._action, self._command = printable(action), printable(command)
        self._fraction, self._words, self._output = None, "", ""
        self._begun = self._clock()

    def run_begins(self, log: Path, steps: tuple[str, ...], /) -> None:
        """Where to read what the commands print."""
        self._steps = steps
        self._print(Text(where_the_log_is(log, stays=self.log_stays)))

    def outlook(self, prospects: tuple[Prospect, ...], /) -> None:
        """The steps, at the foot of the screen from now on."""
        self._schedule.expect(prospects)

    def step_begins(self, name: str, title: str, plan: Plan[Any], /) -> None:
        """The step's number and title."""
        number = f"{self._steps.index(name) + 1}/{len(self._steps)}" if name in self._steps else ""
        self._step = f"{number:>5}  {title}"
        self._print(Text(self._step, "bold"))
        for words in plan.skipped:
            self._keep("     ✓", f"{words} (there already)", "green")
        self._schedule.step_begins(name, plan)
        self._show("looking at the machine")

    def action_begins(self, action: Action, index: int, of: int, /) -> None:
        """What is done, and the command."""
        self._schedule.action_begins(action)
        with self._drawing:
            self._recent.clear()
        self._show(f"{index}/{of}  {headline(action)}", "; ".join(commands(action)))

    def output(self, line: str, /) -> None:
        """The last line of output is shown while the command runs; all stay if that is wanted."""
        with self._drawing:
            self._recent.append(line.expandtabs(8))
            if self._verbose:
                self._keep("       |", line.expandtabs(8), whole=True)
                return
        self._output = printable(line).replace("\n", " ").expandtabs(4).strip() or self._output

    def progress(self, fraction: float | None, words: str, /) -> None:
        """How far it is."""
        self._schedule.progress(fraction)
        if fraction is not None:
            self._fraction = min(max(fraction, 0.0), 1.0)
        self._words = printable(words)

    def action_done(self, action: Action, seconds: float, /) -> None:
        """A line that stays."""
        self._schedule.action_ends(seconds)
        self._keep("     ✓", f"{headline(action)}  {duration(seconds)}", "green")
        self._show("")

    def action_skipped(self, action: Action, /) -> None:
        """It was there: not ours."""
        self._keep("     ✓", f"{headline(action)} (there already)", "green")
        self._show("")

    def step_done(self, name: str, seconds: float, problems: tuple[Problem, ...], /) -> None:
        """Verified."""
        self._schedule.step_ends(name, "verified", seconds)
        for problem in problems:
            self._keep("     !", f"{problem.what} {problem.hint} [{problem.name}]", "magenta")
        self._keep("     ✓", f"verified by reading the machine again  {duration(seconds)}", "green")
        self._show("")

    def undoing(self, action: Action, /) -> None:
        """What is taken back."""
        if not self._undoes:
            self._undoes = True
            self._print(Text("Taking back, newest first", "bold magenta"))
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

    def machine_goes_down(self) -> None:
        """Nothing is drawn any more: a terminal that is cut off would keep a hidden cursor."""
        self.__exit__()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def label_grid(width: int) -> Table:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(min_width=width - 1, no_wrap=True)
    grid.add_column(overflow="fold")
    return grid
