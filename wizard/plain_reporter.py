"""A run told in plain lines: for pipes, logs, dumb terminals and screen readers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from wizard.actions import Action
from wizard.columns import at_words, columns_of
from wizard.errors import SetupError
from wizard.records import ENDED
from wizard.reporter import where_the_log_is
from wizard.schedule import Prospect, Schedule
from wizard.step import Plan, Problem
from wizard.wording import about, commands, duration, headline, printable, verdict

_EVERY = 15.0  # seconds between two lines of progress of one action


class PlainReporter:
    """Writes a line for each thing that happens. A stream that breaks ends the lines, not the
    run: `xen-setup apply answers.yaml | head` still finishes what it began.
    """

    def __init__(
        self,
        stream: TextIO,
        clock: Callable[[], float] = time.monotonic,
        *,
        verbose: bool = False,
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._verbose = verbose
        self.log_stays = True
        self._mute = False
        self._steps: tuple[str, ...] = ()
        self._place = ""
        self._told = 0.0
        self._undoes = False
        self._schedule = Schedule(clock)

    def __enter__(self) -> PlainReporter:
        return self

    def __exit__(self, *_: object) -> None: ...

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Lines need not make room for a question."""
        yield

    def refresh(self) -> None:
        """What was told is there already."""

    def _line(self, text: str, *, whole: bool = False) -> None:
        if self._mute:
            return
        try:
            columns = None if whole else columns_of(self._stream)
            self._stream.write(at_words(printable(text), columns) + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._mute = True

    def run_begins(self, log: Path, steps: tuple[str, ...], /) -> None:
        """Where to read what the commands print."""
        self._steps = steps
        self._line(where_the_log_is(log, stays=self.log_stays))

    def outlook(self, prospects: tuple[Prospect, ...], /) -> None:
        """How much there is to do."""
        self._schedule.expect(prospects)
        left = [one for one in prospects if one.state not in ENDED]
        remaining = self._schedule.remaining
        if left and remaining is not None:
            noun = "step" if len(left) == 1 else "steps"
            self._line(f"{len(left)} {noun} to do, which takes {about(remaining)}.")

    def step_begins(self, name: str, title: str, plan: Plan[Any], /) -> None:
        """The step's number and title, and how long all of it will still take."""
        number = f"{self._steps.index(name) + 1}/{len(self._steps)} " if name in self._steps else ""
        self._schedule.step_begins(name, plan)
        remaining = self._schedule.remaining
        left = f"; {about(remaining)} left in all" if remaining and remaining >= 5 else ""
        self._line(f"{number}{title} ({name}){left}")
        for words in plan.skipped:
            self._line(f"    already there: {words}")

    def action_begins(self, action: Action, index: int, of: int, /) -> None:
        """What is done, and the command."""
        self._schedule.action_begins(action)
        self._place = f"{index}/{of}"
        self._told = self._clock()
        self._line(f"    {self._place} {headline(action)}")
        for command in commands(action):
            self._line(f"        $ {command}", whole=True)

    def output(self, line: str, /) -> None:
        """Goes to the log only, unless all is to be told."""
        if self._verbose:
            self._line(f"        | {line}", whole=True)

    def progress(self, fraction: float | None, words: str, /) -> None:
        """Now and then, how far it is; the output itself says it where it is told."""
        self._schedule.progress(fraction)
        if self._verbose or self._clock() - self._told < _EVERY:
            return
        self._told = self._clock()
        share = f"{fraction:.0%} " if fraction is not None else ""
        self._line(f"        … {share}{words}")

    def action_done(self, _action: Action, seconds: float, /) -> None:
        """Said only when it took long enough to wonder."""
        self._schedule.action_ends(seconds)
        if seconds >= 1:
            self._line(f"        done after {duration(seconds)}")

    def action_skipped(self, action: Action, /) -> None:
        """It was there: not ours."""
        self._line(f"    already there: {headline(action)}")

    def step_done(self, name: str, seconds: float, problems: tuple[Problem, ...], /) -> None:
        """Verified."""
        self._schedule.step_ends(name, "verified", seconds)
        for problem in problems:
            self._line(f"    warning: {problem.what} {problem.hint} [{problem.name}]")
        self._line(f"    verified ({duration(seconds)})")

    def undoing(self, action: Action, /) -> None:
        """What is taken back."""
        if not self._undoes:
            self._undoes = True
            self._line("Taking back, newest first:")
        self._line(f"    undo: {headline(action)}")

    def undone(self, action: Action, /) -> None:
        """Nothing to add: the next line says what comes next."""

    def conflict(self, action: Action, text: str, /) -> None:
        """What is left, and why."""
        self._line(f"    LEFT AS IT IS: {headline(action)}: {text}")

    def failed(self, name: str, action: Action | None, error: SetupError, /) -> None:
        """Which step failed; what it said comes with the error at the end."""
        self._line(f"    FAILED: {verdict(name, action, error)}")

    def waiting(self, words: str, seconds: float, /) -> None:
        """What is waited for."""
        self._line(f"    waiting, at most {duration(seconds)}: {words}")

    def note(self, words: str, /) -> None:
        """Something to know."""
        self._line(f"    {words}")

    def machine_goes_down(self) -> None:
        """How the run ends says it."""


class QuietReporter(PlainReporter):
    """Tells only what went wrong; how it ended is said by whoever started the run."""

    def run_begins(self, log: Path, steps: tuple[str, ...], /) -> None:
        """No problem."""

    def outlook(self, prospects: tuple[Prospect, ...], /) -> None:
        """No problem."""

    def step_begins(self, name: str, title: str, plan: Plan[Any], /) -> None:
        """No problem."""

    def action_begins(self, action: Action, index: int, of: int, /) -> None:
        """No problem."""

    def progress(self, fraction: float | None, words: str, /) -> None:
        """No problem."""

    def action_done(self, action: Action, seconds: float, /) -> None:
        """No problem."""

    def action_skipped(self, action: Action, /) -> None:
        """No problem."""

    def step_done(self, name: str, _seconds: float, problems: tuple[Problem, ...], /) -> None:
        """Warnings, and the step that they belong to."""
        for problem in problems:
            self._line(f"warning: {name}: {problem.what} {problem.hint} [{problem.name}]")

    def undoing(self, action: Action, /) -> None:
        """No problem."""

    def waiting(self, words: str, seconds: float, /) -> None:
        """No problem."""
