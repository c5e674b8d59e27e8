"""What the program shows: plans, checks, facts, the state of a run. The only user of rich.

On a terminal with colours it uses them, and wraps at its width. With `plain`, on a pipe and on a
dumb terminal, each thing is a line of its own, without a single escape sequence.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, TypeVar

from rich.console import Console as RichConsole
from rich.console import Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from wizard.actions import Action, WriteFile, undo_class
from wizard.errors import SetupError
from wizard.pipeline import Outcome
from wizard.plain_reporter import PlainReporter
from wizard.preview import StepPreview
from wizard.prompts import is_plain as is_plain_terminal
from wizard.status import Status, StepStatus
from wizard.step import Plan, Problem, Severity
from wizard.wording import (
    UNDO_MEANING,
    commands,
    details,
    difference,
    duration,
    headline,
    printable,
    undo_summary,
    undo_words,
    verdict,
)

F = TypeVar("F")

_UNDO_STYLE = {
    "exact": "green",
    "by removal": "cyan",
    "nothing to undo": "dim",
    "no undo": "bold red",
}
_SEVERITY_STYLE: Mapping[Severity, str] = {
    "error": "bold red",
    "warning": "yellow",
    "unknown": "magenta",
}
_SEVERITY_WORD: Mapping[Severity, str] = {
    "error": "PROBLEM",
    "warning": "warning",
    "unknown": "unknown",
}
# Below this many columns rich's wrapping helps nobody.
_NARROWEST = 40


def is_plain(stream: TextIO, *, asked: bool) -> bool:
    """Whether a stream gets plain lines: asked for, no terminal, or one that can do nothing."""
    return asked or not stream.isatty() or is_plain_terminal(os.environ)


class Console:
    """Shows things on one stream. `plain`: as lines without colours, as wide as they are."""

    def __init__(self, stream: TextIO, *, plain: bool = False) -> None:
        self.stream = stream
        self.plain = is_plain(stream, asked=plain)
        self._rich = RichConsole(
            file=stream,
            force_terminal=not self.plain,
            color_system=None if self.plain else "auto",
            no_color=True if self.plain else None,
            markup=False,
            highlight=False,
            emoji=False,
        )
        self._rich.width = max(self._rich.width, _NARROWEST)

    def line(self, text: str = "", style: str = "", indent: int = 0) -> None:
        """One line, or a paragraph that keeps its indentation where it is wrapped."""
        text = printable(text)
        if self.plain:
            for part in text.split("\n"):
                self.stream.write(f"{' ' * indent}{part}".rstrip() + "\n")
            return
        words = Text(text.expandtabs(8), style=style, overflow="fold")
        self._rich.print(Padding(words, (0, 0, 0, indent)))

    def labelled(self, label: str, text: str, style: str = "", indent: int = 0) -> None:
        """A label and its text; further lines of the text stand below its first."""
        if self.plain:
            self.line(f"{label} {text}".rstrip(), indent=indent)
            return
        words = Text(printable(text).expandtabs(8), overflow="fold")
        grid = _grid(len(label) + 1)
        grid.add_row(Text(label, style=style), words)
        self._rich.print(Padding(grid, (0, 0, 0, indent)))

    def heading(self, text: str) -> None:
        """The title of what follows."""
        self.line()
        self.line(text, "bold")

    def rows(self, rows: Sequence[tuple[str, str]]) -> None:
        """Labels and their words, in two columns."""
        width = max((len(label) for label, _ in rows), default=0)
        for label, words in rows:
            first, *others = words.split("\n")
            self.labelled(f"{label:{width}} ", first, "bold")
            for other in others:
                self.line(other, indent=width + 2)

    # ---- checks

    def problems(self, problems: Sequence[Problem], indent: int = 2) -> None:
        """What is wrong and what to do about it, each with the name to ignore it by."""
        for problem in problems:
            word = f"{_SEVERITY_WORD[problem.severity]:8}"
            self.labelled(
                word,
                f"{problem.what} [{problem.name}]",
                _SEVERITY_STYLE[problem.severity],
                indent,
            )
            if problem.hint:
                self.line(problem.hint, indent=indent + 9)

    def checks(self, previews: Sequence[StepPreview[Any, Any]]) -> None:
        """Every step with what its checks found."""
        for preview in previews:
            worst = [problem.severity for problem in preview.problems]
            word = next((w for w in ("error", "unknown", "warning") if w in worst), "")
            mark = {"error": "failed", "unknown": "not known", "warning": "warnings"}.get(
                word, "ready"
            )
            style = {"error": "bold red", "unknown": "magenta", "warning": "yellow"}.get(
                word, "green"
            )
            self.labelled(f"{mark:9}", preview.step.TITLE, style)
            self.problems(preview.problems)

    # ---- plans

    def plan(
        self,
        previews: Sequence[StepPreview[Any, F]],
        text_of: Callable[[F, str], str | None],
        *,
        lessons: bool = False,
    ) -> None:
        """All steps with their actions: what, why, the exact command or difference, the undo.

        `text_of` gives the present text of a file, None when there is none.
        """
        for number, preview in enumerate(previews, start=1):
            self.step(preview, number, len(previews), text_of, lesson=lessons)
        actions = [a for preview in previews if preview.plan for a in preview.plan.actions]
        self.line()
        self.summary(actions, blocked=any(preview.plan is None for preview in previews))

    def step(
        self,
        preview: StepPreview[Any, F],
        number: int,
        of: int,
        text_of: Callable[[F, str], str | None],
        *,
        lesson: bool = False,
    ) -> None:
        """One step of the plan."""
        self.heading(f"Step {number} of {of}: {preview.step.TITLE}  ({preview.name})")
        if lesson:
            self.line(preview.step.LESSON, "italic", 2)
            self.line()
        self.problems(preview.problems)
        plan = preview.plan
        if plan is None:
            self.line("There is no plan for this step before its problems are solved.", "red", 2)
            return
        for skipped in plan.skipped:
            self.labelled("already there:", skipped, "green", 2)
        for index, action in enumerate(plan.actions, start=1):
            self.action(action, f"{index}.", text_of, preview.before)
        if not plan.actions:
            self.line("Nothing to do.", "green", 2)
        if plan.guard is not None:
            self.labelled(
                "safety net:",
                f"this is taken back by itself after {plan.guard.seconds} s unless "
                + (
                    "you confirm it"
                    if plan.guard.ask
                    else f"`{' '.join(plan.guard.probe)}` succeeds"
                ),
                "bold yellow",
                2,
            )
        for note in plan.notes:
            self.labelled("note:", note, "yellow", 2)

    def action(
        self,
        action: Action,
        label: str,
        text_of: Callable[[F, str], str | None],
        facts: F,
    ) -> None:
        """One action: what it does, why, exactly how, and how it is taken back."""
        what = headline(action)
        self.labelled(f"{label:>3}", what[:1].upper() + what[1:], "bold", 2)
        self.line(action.why, indent=6)
        for command in commands(action):
            then = "then " if isinstance(action, WriteFile) or action.kind == "MovePath" else ""
            self.line(f"{then}$ {command}", "bold cyan", 6)
        if isinstance(action, WriteFile):
            self._difference(text_of(facts, action.path), action)
        for detail in details(action):
            self.line(detail, "dim", 6)
        self.labelled("undo:", undo_words(action), _UNDO_STYLE[undo_class(action)], 6)

    def summary(self, actions: Sequence[Action], *, blocked: bool = False) -> None:
        """How much there is to do, how long it takes, and what cannot be undone."""
        if blocked:
            self.line("The plan is not complete: problems stand in its way.", "bold red")
        if not actions:
            if not blocked:
                self.line("Nothing is to be done: everything is there.", "bold green")
            return
        noun = "action" if len(actions) == 1 else "actions"
        usual = duration(sum(action.estimate for action in actions))
        self.line(f"{len(actions)} {noun}, usually about {usual}.", "bold")
        self.line(f"Undo: {undo_summary(actions)}.")
        for action in actions:
            if undo_class(action) == "no undo":
                self.labelled("NO WAY BACK:", f"{headline(action)}: {UNDO_MEANING['no undo']}.",
                              "bold red", 2)  # fmt: skip

    # ---- runs

    def reporter(self) -> LiveReporter | PlainReporter:
        """Who tells of a run on this stream; to be used as a context."""
        return PlainReporter(self.stream) if self.plain else LiveReporter(self._rich)

    def finished(self, outcome: Outcome, what_now: Sequence[tuple[str, str]]) -> None:
        """A run that ended well, and what to type next."""
        self.line()
        if outcome.run is None:
            self.line("Nothing was to be done: everything is as it should be.", "bold green")
        else:
            self.line(
                f"Done and verified in {duration(outcome.seconds)}"
                f" ({duration(outcome.command_seconds)} of it in commands).",
                "bold green",
            )
        self.line("To type next:")
        for command, words in what_now:
            self.line(command, "bold cyan", 4)
            self.line(words, indent=8)

    def rollback(self, actions: Sequence[Action]) -> None:
        """What a rollback would take back, newest first."""
        self.line("This is taken back, newest first:", "bold")
        for action in actions:
            self.labelled("-", headline(action), "", 2)
            self.line(undo_words(action), _UNDO_STYLE[undo_class(action)], 6)

    def rolled_back(self, count: int) -> None:
        """A rollback that ended well."""
        if count == 0:
            self.line("There was nothing to take back.")
            return
        noun = "action was" if count == 1 else "actions were"
        self.line(f"{count} {noun} taken back; nothing of them is left.", "bold green")

    def status(self, status: Status) -> None:
        """The newest run step by step, the earlier ones in a line each, and what to type next."""
        for run in status.runs[:-1]:
            self.line(f"Run {run.number}: {run.state}")
        for run in status.runs[-1:]:
            self.line(f"Run {run.number}: {status.state}", "bold")
            if run.reason and status.state != "running":
                self.line(run.reason, indent=2)
            self.steps(run.steps)
            for left in run.left:
                self.labelled("left as it is:", left, "bold red", 2)
            self.line(f"The log is {run.log}", "dim", 2)
        if not status.runs:
            self.line("Nothing was begun on this machine yet.")
        if status.holder is not None:
            self.line(
                f"Process {status.holder.pid} ({status.holder.command}) is at work"
                f" since {status.holder.since}."
            )
        if status.next:
            self.labelled("Next:", status.next, "bold", 0)

    def steps(self, steps: Sequence[StepStatus]) -> None:
        """The steps of a run, each with its state."""
        style = {"verified": "green", "begun": "bold yellow", "rolled back": "cyan"}
        for step in steps:
            done = f"{step.actions} done" if step.actions else ""
            there = f"{step.skipped} there already" if step.skipped else ""
            when = f"{step.begun} to {step.ended}" if step.ended else step.begun
            words = ", ".join(part for part in (done, there, when) if part)
            self.labelled(f"{step.state:11}", f"{step.name:16} {words}".rstrip(),
                          style.get(step.state, "dim"), 2)  # fmt: skip

    def _difference(self, before: str | None, action: WriteFile) -> None:
        lines = list(difference(before, action))
        if not lines and before is not None:
            self.line("(the text stays the same)", "dim", 6)
        for line in lines:
            style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
            self.line(line, "bold" if line.startswith(("+++", "---")) else style, 6)


def _grid(width: int) -> Table:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(min_width=width - 1, no_wrap=True)
    grid.add_column(overflow="fold")
    return grid


class LiveReporter:
    """A run as it goes, at the foot of the terminal: the step, the command, how far, how long.

    What is finished scrolls up as lines that stay. Use it as a context: the cursor and the
    terminal are as before at its end, whatever ends it. `paused` makes room for a question.
    """

    def __init__(self, rich: RichConsole, clock: Callable[[], float] = time.monotonic) -> None:
        self._rich = rich
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

    def __enter__(self) -> LiveReporter:
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
            rows.append(Text(_cut(f"$ {self._command}", width), "cyan"))
        if self._fraction is not None:
            bar = ProgressBar(total=1.0, completed=self._fraction, width=min(40, width - 8))
            line = _grid(0)
            line.add_row(bar, Text(f"{self._fraction:4.0%}"))
            rows.append(line)
        if self._words:
            rows.append(Text(_cut(self._words, width)))
        if self._output and self._output != self._words:
            rows.append(Text(_cut(self._output, width), "dim"))
        return Padding(Group(*rows), (0, 0, 0, 4))

    def _keep(self, mark: str, text: str, style: str = "") -> None:
        """A line that stays."""
        grid = _grid(len(mark) + 1)
        grid.add_row(Text(mark, style), Text(printable(text), overflow="fold"))
        self._rich.print(grid)

    def _show(self, action: str, command: str = "") -> None:
        self._action, self._command = printable(action), printable(command)
        self._fraction, self._words, self._output = None, "", ""
        self._begun = self._clock()

    def run_begins(self, log: Path, steps: tuple[str, ...], /) -> None:
        """Where to read what the commands print."""
        self._steps = steps
        self._rich.print(Text(f"The log is {log}", "dim"))

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
        """The last line of output is shown while the command runs."""
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
            self._keep("     !", f"{problem.what} {problem.hint} [{problem.name}]", "yellow")
        self._keep("     ✓", f"verified by reading the machine again  {duration(seconds)}", "green")
        self._show("")

    def undoing(self, action: Action, /) -> None:
        """What is taken back."""
        if not self._undoes:
            self._undoes = True
            self._rich.print(Text("Taking back, newest first", "bold yellow"))
        self._show(f"undo: {headline(action)}")

    def undone(self, action: Action, /) -> None:
        """A line that stays."""
        self._keep("     ↶", f"taken back: {headline(action)}", "yellow")
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
