"""What the program shows: plans, checks, facts, the state of a run. The only user of rich.

On a terminal with colours it uses them; text is wrapped at its width, or where a line is as long as
is easy to read, and what is whole (commands, files, tables) has all of it. With `plain`, on a pipe
and on a dumb terminal, each thing is a line of its own, without a single escape sequence.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TextIO, TypeVar

from rich.console import Console as RichConsole
from rich.live import Live
from rich.padding import Padding
from rich.text import Text

from wizard.actions import Action, Argv, WriteFile, agreed_by, download, undo_class
from wizard.columns import READABLE, at_words, columns_of
from wizard.lesson import Lesson, Line, wrapped
from wizard.lesson import lines as lesson_lines
from wizard.live_reporter import LiveReporter, label_grid
from wizard.own_name import as_typed
from wizard.pipeline import Outcome
from wizard.plain_reporter import PlainReporter, QuietReporter
from wizard.preview import StepPreview, own_errors
from wizard.prompts import is_plain as is_plain_terminal
from wizard.status import RunStatus, Status, StepStatus
from wizard.step import Plan, Problem
from wizard.styles import LESSON_STYLE, SEVERITY_STYLE, SEVERITY_WORD, UNDO_STYLE
from wizard.topics import pages
from wizard.wording import (
    commands,
    details,
    difference,
    duration,
    effort,
    folded,
    guard_words,
    headline,
    printable,
    shown,
    undo_summary,
    undo_words,
    usual,
)

F = TypeVar("F")

Telling = Literal["quiet", "usual", "verbose"]

# Below this many columns rich's wrapping helps nobody.
_NARROWEST = 40
_NO_LESSON = "Without: sudo xen-setup resume --no-teach"
_GOES_ON = "\N{DOWNWARDS ARROW WITH TIP RIGHTWARDS}"
_LONG = 10.0  # seconds: an action that usually takes longer says so


def is_plain(stream: TextIO, *, asked: bool, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a stream gets plain lines: asked for, no terminal, or one that can do nothing.

    FORCE_COLOR and CLICOLOR_FORCE change nothing: a pipe is never coloured.
    """
    return asked or not stream.isatty() or is_plain_terminal(environ)


def _no_colours(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("NO_COLOR")) or environ.get("CLICOLOR") == "0"


class Console:
    """Shows things on one stream. `plain`: as lines without colours, as wide as they are.

    `telling`: how much of a run is told.
    """

    def __init__(self, stream: TextIO, *, plain: bool = False, telling: Telling = "usual") -> None:
        self.stream = self._terminal = stream
        self._telling = telling
        self.plain = is_plain(stream, asked=plain)
        self._rich = RichConsole(
            file=stream,
            force_terminal=not self.plain,
            color_system=None if self.plain else "auto",
            no_color=True if self.plain or _no_colours(os.environ) else None,
            markup=False,
            highlight=False,
            emoji=False,
        )
        self._rich.width = max(self._rich.width, _NARROWEST)

    def line(
        self, text: str = "", style: str = "", indent: int = 0, *, whole: bool = False
    ) -> None:
        """One line, or a paragraph that keeps its indentation where it is wrapped. What is `whole`
        (of a file, a command, a table) may be as wide as the terminal; a plain one gets it as it
        is.
        """
        text = printable(text)
        if self.plain:
            columns = None if whole else columns_of(self._terminal)
            for part in text.split("\n"):
                self.stream.write(at_words(f"{' ' * indent}{part}".rstrip(), columns) + "\n")
            return
        words = Text(text.expandtabs(8), style=style, overflow="fold")
        width = None if whole else self.width
        self._rich.print(Padding(words, (0, 0, 0, indent)), width=width)

    def labelled(self, label: str, text: str, style: str = "", indent: int = 0) -> None:
        """A label and its text; further lines of the text stand below its first."""
        if self.plain:
            self.line(f"{label} {text}".rstrip(), indent=indent)
            return
        words = Text(printable(text).expandtabs(8), overflow="fold")
        grid = label_grid(len(label) + 1)
        grid.add_row(Text(label, style=style), words)
        self._rich.print(Padding(grid, (0, 0, 0, indent)), width=self.width)

    @property
    def width(self) -> int:
        """Columns of a line of text: as many as are easy to read; where nobody tells how many
        there are, those of a usual terminal.
        """
        columns = (columns_of(self._terminal) or 80) if self.plain else self._rich.width
        return max(min(columns, READABLE), _NARROWEST)

    @contextmanager
    def kept(self) -> Iterator[list[str]]:
        """What is shown inside comes into the list, as lines for `as_it_is`, and nowhere else."""
        lines: list[str] = []
        stream, rich_stream = self.stream, self._rich.file
        self.stream = self._rich.file = io.StringIO()
        try:
            yield lines
        finally:
            lines += self.stream.getvalue().splitlines()
            self.stream, self._rich.file = stream, rich_stream

    def as_it_is(self, lines: Sequence[str]) -> None:
        """Lines that were kept."""
        self.stream.write("".join(f"{line}\n" for line in lines))
        self.stream.flush()

    @contextmanager
    def renewed(self) -> Iterator[Callable[[Sequence[str]], None]]:
        """Shows lines in the place of those before; as plain lines, below them."""
        if self.plain:
            yield lambda lines: self.as_it_is([*lines, ""])
            return
        with Live(console=self._rich, auto_refresh=False, vertical_overflow="crop") as live:
            yield lambda lines: live.update(
                Text("\n".join(map(printable, lines)), no_wrap=True, overflow="crop"), refresh=True
            )

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
            said = "follows" if problem.follows else SEVERITY_WORD[problem.severity]
            word = f"{said:8}"
            self.labelled(
                word,
                f"{problem.what} [{problem.name}]",
                SEVERITY_STYLE[problem.severity],
                indent,
            )
            if problem.hint:
                self.line(problem.hint, indent=indent + 9)

    def checks(self, previews: Sequence[StepPreview[Any, Any]]) -> None:
        """Every step with what its checks found."""
        for preview in previews:
            worst = [problem.severity for problem in preview.problems]
            word = next((w for w in ("error", "unknown", "warning") if w in worst), "")
            if preview.plan is None and not own_errors(preview.problems):
                word = "waits"
            mark = {"error": "failed", "unknown": "not known", "warning": "warnings"}.get(
                word, word or "ready"
            )
            style = {"error": "bold red", "": "green"}.get(word, "magenta")
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
        self.heading("In all:")
        for number, preview in enumerate(previews, start=1):
            self._overview(preview, number)
        self.line()
        self.summary(actions, blocked=any(preview.plan is None for preview in previews))

    def _overview(self, preview: StepPreview[Any, Any], number: int) -> None:
        if preview.plan is None:
            words, style = "problems stand in its way", "bold red"
        elif preview.plan.actions:
            words, style = effort(preview.plan.actions), ""
        else:
            words, style = "nothing to do", "green"
        self.line(f"{number:2}  {preview.name:15} {words}", style, 2)

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
            self.lesson(preview.step.LESSON)
            self.line()
        self.problems(preview.problems)
        plan = preview.plan
        if plan is None:
            self.line("There is no plan for this step before its problems are solved.", "red", 2)
            return
        self.plan_head(plan)
        for index, action in enumerate(plan.actions, start=1):
            self.action(action, f"{index}.", text_of, preview.before)
        if not plan.actions:
            self.line("Nothing to do.", "green", 2)
        self.plan_foot(plan)

    def plan_head(self, plan: Plan[Any]) -> None:
        """How much a step has to do, and what is there already."""
        if plan.actions:
            self.line(f"{effort(plan.actions)}.", indent=2)
        for skipped in plan.skipped:
            self.labelled("already there:", skipped, "green", 2)

    def plan_foot(self, plan: Plan[Any]) -> None:
        """What takes a step back by itself, and what is to be known of it."""
        if plan.guard is not None:
            self.labelled("safety net:", guard_words(plan.guard), "bold magenta", 2)
        for note in (*plan.notes, *(f"Not known yet: {words}" for words in plan.unknown)):
            self.labelled("note:", note, "magenta", 2)

    def lesson(self, lesson: Lesson, indent: int = 2) -> None:
        """A step's lesson: the idea, then and now, how to check and to undo, what goes wrong."""
        self.told(lesson_lines(lesson), indent)

    def told(self, parts: Iterable[Line], indent: int = 2) -> None:
        """Pieces of a lesson."""
        for part in parts:
            style = LESSON_STYLE[part.kind]
            if self.plain:
                for line in wrapped(part, self.width - 2 - indent):
                    self.line(line, indent=indent)
            elif part.label:
                self.labelled(part.label, part.text, style, indent + part.indent)
            else:
                self.line(part.text, style, indent + part.indent)

    def reading(self, told: Iterable[Line], more: Callable[[], bool] | None) -> None:
        """Something to be read, at most as wide as a line is easy to read. `more` is asked between
        pages of the terminal's height; None shows all at once.
        """
        blocks: list[list[tuple[str, str]]] = [[]]
        for part in told:
            style = LESSON_STYLE[part.kind]
            blocks[-1] += [(line, style) for line in wrapped(part, self.width - 2)]
            if not part.text:
                blocks.append([])
        # One row is the question's, one stays free for what is typed after it.
        sizes = [[line for line, _ in block] for block in blocks]
        for number, page in enumerate(pages(sizes, max(self._rich.height - 2, 5))):
            if number and more is not None and not more():
                return
            for index in page:
                for line, style in blocks[index]:
                    self.line(line, style, whole=True)

    def action(
        self,
        action: Action,
        label: str,
        text_of: Callable[[F, str], str | None],
        facts: F,
    ) -> None:
        """One action: what it does, why, exactly how, and how it is taken back."""
        what = headline(action)
        last = undo_class(action) == "no undo"
        self.labelled(f"{label:>3}", what[:1].upper() + what[1:], "bold red" if last else "bold", 2)
        if last:
            agreed = f" The answer {agreed_by(action)} agrees to it." if agreed_by(action) else ""
            words = f"POINT OF NO RETURN: rollback cannot take this back.{agreed}"
            self.line(words, "bold red", 6)
        self.line(action.why, indent=6)
        for command in commands(action):
            then = "then " if isinstance(action, WriteFile) or action.kind == "MovePath" else ""
            self._command(f"{then}$ ", command)
        if isinstance(action, WriteFile):
            self._difference(text_of(facts, action.path), action)
        for detail in details(action):
            self.line(detail, indent=6)
        if action.estimate >= _LONG or download(action):
            self.line(f"usually {usual([action])}", indent=6)
        self.labelled("undo:", undo_words(action), UNDO_STYLE[undo_class(action)], 6)

    def summary(self, actions: Sequence[Action], *, blocked: bool = False) -> None:
        """How much there is to do, how long it takes, and what cannot be undone."""
        if blocked:
            self.line("The plan is not complete: problems stand in its way.", "bold red")
        if not actions:
            if not blocked:
                self.line("Nothing is to be done: everything is there.", "bold green")
            return
        self.line(f"{effort(actions)}.", "bold")
        self.line(f"Undo: {undo_summary(actions)}.")
        for action in actions:
            if undo_class(action) == "no undo":
                self.labelled("NO WAY BACK:", f"{headline(action)}: {undo_words(action)}.",
                              "bold red", 2)  # fmt: skip

    # ---- runs

    def reporter(self) -> LiveReporter | PlainReporter:
        """Who tells of a run on this stream; to be used as a context."""
        verbose = self._telling == "verbose"
        if self._telling == "quiet":
            return QuietReporter(self.stream)
        if self.plain:
            return PlainReporter(self.stream, verbose=verbose)
        return LiveReporter(self._rich, verbose=verbose, source=sys.stdin)

    def finished(
        self,
        outcome: Outcome,
        what_now: Sequence[tuple[str, str]],
        *,
        stays: bool = True,
        begun_before: float = 0.0,
    ) -> None:
        """A run that ended well, and what to type next. `stays`: its files do, and are named.
        `begun_before`: seconds since it began, if that was an earlier start of the program.
        """
        quiet = self._telling == "quiet"
        if not quiet:
            self.line()
        if outcome.run is None:
            self.line("Nothing was to be done: everything is as it should be.", "bold green")
        else:
            without = f", but for {', '.join(outcome.left_out)}," if outcome.left_out else ""
            spent = f"in {duration(outcome.seconds)}"
            if begun_before:
                went_on = f"{duration(outcome.seconds)} after it last went on"
                spent = f"{duration(begun_before)} after the run began, {went_on}"
            self.line(
                f"Done and verified{without} {spent}"
                f" ({duration(outcome.command_seconds)} of it in commands).",
                "bold green",
            )
            if stays and not quiet:
                self.line(f"The answers of this run are in {outcome.run.answers}")
        self._what_now(what_now, "To type next" if stays else "On a real machine, to type next")

    def rollback(self, actions: Sequence[Action]) -> None:
        """What a rollback would take back, newest first."""
        self.line("This is taken back, newest first:", "bold")
        for action in actions:
            self.labelled("-", headline(action), "", 2)
            self.line(undo_words(action), UNDO_STYLE[undo_class(action)], 6)

    def rolled_back(self, count: int, what_now: Sequence[tuple[str, str]]) -> None:
        """A rollback that ended well, and what to type next, if anything."""
        if count == 0:
            self.line("There was nothing to take back.")
            return
        noun = "action was" if count == 1 else "actions were"
        self.line(f"{count} {noun} taken back; nothing of them is left.", "bold green")
        self._what_now(what_now)

    def _what_now(self, commands: Sequence[tuple[str, str]], heading: str = "To type next") -> None:
        if self._telling == "quiet":
            return
        if commands:
            self.line(f"{heading}:")
        for command, words in commands:
            self._command("", as_typed(command), 4)
            self.line(words, indent=8)

    def status(self, status: Status) -> None:
        """The run that tells the state step by step, the others in a line each, and what to type
        next.
        """
        told = status.telling
        for run in status.runs:
            if run is not told:
                self.line(f"Run {run.number}: {run.state}")
                self._left(run)
        if told is not None:
            self.line(f"Run {told.number}: {status.state}", "bold")
            if told.reason and status.state != "running":
                self.line(told.reason, indent=2)
            if told.taught and status.state in {"stopped", "waiting for a boot"}:
                self.line(f"It is a lesson, and goes on as one. {as_typed(_NO_LESSON)}", indent=2)
            self.steps(told.steps)
            self._left(told)
            self.line(f"The log is {told.log}", "", 2)
        if not status.runs:
            self.line("Nothing was begun on this machine yet.")
        if status.holder is not None:
            self.line(
                f"Process {status.holder.pid} ({status.holder.command}) is at work"
                f" since {status.holder.since}."
            )
        if status.next:
            self.labelled("Next:", as_typed(status.next), "bold", 0)

    def _left(self, run: RunStatus) -> None:
        for left in run.left:
            self.labelled("left as it is:", left, "bold red", 2)

    def steps(self, steps: Sequence[StepStatus]) -> None:
        """The steps of a run, each with its state."""
        style = {"verified": "green", "begun": "bold magenta", "rolled back": "magenta"}
        for step in steps:
            done = f"{step.actions} done" if step.actions else ""
            there = f"{step.skipped} there already" if step.skipped else ""
            when = f"{step.begun} to {step.ended}" if step.ended else step.begun
            words = ", ".join(part for part in (done, there, when) if part)
            self.labelled(f"{step.state:11}", f"{step.name:16} {words}".rstrip(),
                          style.get(step.state, ""), 2)  # fmt: skip

    def _difference(self, before: str | None, action: WriteFile) -> None:
        lines = list(difference(before, action))
        if not lines and before is not None:
            self.line("(the text stays the same)", indent=6)
        for line in lines:
            style = {"+": "green", "-": "red", "@": "magenta"}.get(line[:1], "")
            self._file_line(line, "bold" if line.startswith(("+++", "---")) else style)

    def _file_line(self, line: str, style: str) -> None:
        """A line of a difference; where it is too long, what goes on is marked as such."""
        width = self._rich.width - 6
        text = printable(line).expandtabs(8)
        if self.plain or len(text) <= width:
            self.line(line, style, 6, whole=True)
            return
        first, *others = Text(text).wrap(self._rich, width - 2)
        self.line(first.plain, style, 6, whole=True)
        for other in others:
            self.labelled(_GOES_ON, other.plain, indent=6)

    def command(self, argv: Argv) -> None:
        """A command, as it is typed."""
        self._command("$ ", shown(argv), 2)

    def _command(self, prompt: str, command: str, indent: int = 6) -> None:
        if self.plain:
            self.line(prompt + command, indent=indent, whole=True)
            return
        for line in folded(command, self._rich.width - indent - len(prompt)):
            self.line(prompt + line, "bold", indent, whole=True)
            prompt = " " * len(prompt)
