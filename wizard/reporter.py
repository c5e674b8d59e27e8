"""Who is told what the pipeline does, as it does it: the screen, plain lines, or nobody.

console.py implements `Reporter`; `NullReporter` tells nobody.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from wizard.actions import Action
from wizard.errors import SetupError
from wizard.schedule import Prospect
from wizard.step import Plan, Problem


class Reporter(Protocol):
    """What the pipeline tells. `output` and `progress` come often; the rest once a thing."""

    def run_begins(self, log: Path, steps: tuple[str, ...], /) -> None: ...
    def outlook(self, prospects: tuple[Prospect, ...], /) -> None:
        """All steps and what they will usually take: at the beginning, and when that changed."""

    def step_begins(self, name: str, title: str, plan: Plan[Any], /) -> None: ...
    def action_begins(self, action: Action, index: int, of: int, /) -> None:
        """`index` counts from 1."""

    def output(self, line: str, /) -> None: ...
    def progress(self, fraction: float | None, words: str, /) -> None: ...
    def action_done(self, action: Action, seconds: float, /) -> None: ...
    def action_skipped(self, action: Action, /) -> None:
        """Its work was there already: not ours, and never undone."""

    def step_done(self, name: str, seconds: float, problems: tuple[Problem, ...], /) -> None:
        """Verified; `problems` are warnings only."""

    def undoing(self, action: Action, /) -> None: ...
    def undone(self, action: Action, /) -> None: ...
    def conflict(self, action: Action, text: str, /) -> None:
        """An undo failed or was refused; `text` says why and what to do."""

    def failed(self, name: str, action: Action | None, error: SetupError, /) -> None:
        """The step failed, in this action or (None) in its checks or verification."""

    def waiting(self, words: str, seconds: float, /) -> None:
        """Something is waited for, at most that long."""

    def note(self, words: str, /) -> None:
        """Something to know that is no problem."""

    def machine_goes_down(self) -> None:
        """It reboots now, and may cut this terminal off at any moment."""


def where_the_log_is(log: Path, *, stays: bool) -> str:
    """Where to read what the commands print; a log that goes with its run is not pointed at."""
    if stays:
        return f"The log is {log}"
    return "A real run keeps a log of what commands print; this one's goes when it ends."


class NullReporter:
    """Tells nobody."""

    def run_begins(self, log: Path, steps: tuple[str, ...], /) -> None: ...
    def outlook(self, prospects: tuple[Prospect, ...], /) -> None: ...
    def step_begins(self, name: str, title: str, plan: Plan[Any], /) -> None: ...
    def action_begins(self, action: Action, index: int, of: int, /) -> None: ...
    def output(self, line: str, /) -> None: ...
    def progress(self, fraction: float | None, words: str, /) -> None: ...
    def action_done(self, action: Action, seconds: float, /) -> None: ...
    def action_skipped(self, action: Action, /) -> None: ...
    def step_done(self, name: str, seconds: float, problems: tuple[Problem, ...], /) -> None: ...
    def undoing(self, action: Action, /) -> None: ...
    def undone(self, action: Action, /) -> None: ...
    def conflict(self, action: Action, text: str, /) -> None: ...
    def failed(self, name: str, action: Action | None, error: SetupError, /) -> None: ...
    def waiting(self, words: str, seconds: float, /) -> None: ...
    def note(self, words: str, /) -> None: ...
    def machine_goes_down(self) -> None: ...
