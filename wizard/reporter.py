"""Who is told what the pipeline does, as it does it: the screen, plain lines, or nobody.

console.py implements `Reporter`; `NullReporter` tells nobody; `RecordingReporter` keeps the
names of what it was told, in order, for tests and transcripts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from wizard.actions import Action
from wizard.errors import SetupError
from wizard.step import Plan, Problem


class Reporter(Protocol):
    """What the pipeline tells. `output` and `progress` come often; the rest once a thing."""

    def run_begins(self, log: Path, steps: tuple[str, ...], /) -> None: ...
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


class NullReporter:
    """Tells nobody."""

    def run_begins(self, log: Path, steps: tuple[str, ...], /) -> None: ...
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


class RecordingReporter:
    """Keeps what it was told as (event, words), in order."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def named(self, event: str) -> list[str]:
        """The words of all events of that name."""
        return [words for name, words in self.events if name == event]

    def run_begins(self, log: Path, steps: tuple[str, ...], /) -> None:
        """Kept."""
        self.events.append(("run_begins", " ".join(steps)))

    def step_begins(self, name: str, title: str, plan: Plan[Any], /) -> None:
        """Kept."""
        self.events.append(("step_begins", name))

    def action_begins(self, action: Action, index: int, of: int, /) -> None:
        """Kept."""
        self.events.append(("action_begins", f"{action.kind} {index}/{of}"))

    def output(self, line: str, /) -> None:
        """Kept."""
        self.events.append(("output", line))

    def progress(self, fraction: float | None, words: str, /) -> None:
        """Kept."""
        self.events.append(("progress", words))

    def action_done(self, action: Action, seconds: float, /) -> None:
        """Kept."""
        self.events.append(("action_done", action.kind))

    def action_skipped(self, action: Action, /) -> None:
        """Kept."""
        self.events.append(("action_skipped", action.kind))

    def step_done(self, name: str, seconds: float, problems: tuple[Problem, ...], /) -> None:
        """Kept."""
        self.events.append(("step_done", name))

    def undoing(self, action: Action, /) -> None:
        """Kept."""
        self.events.append(("undoing", action.kind))

    def undone(self, action: Action, /) -> None:
        """Kept."""
        self.events.append(("undone", action.kind))

    def conflict(self, action: Action, text: str, /) -> None:
        """Kept."""
        self.events.append(("conflict", text))

    def failed(self, name: str, action: Action | None, error: SetupError, /) -> None:
        """Kept."""
        self.events.append(("failed", f"{name}: {error.what}"))

    def waiting(self, words: str, seconds: float, /) -> None:
        """Kept."""
        self.events.append(("waiting", words))

    def note(self, words: str, /) -> None:
        """Kept."""
        self.events.append(("note", words))
