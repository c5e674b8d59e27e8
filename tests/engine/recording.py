"""A reporter that keeps what it was told, in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wizard.actions import Action
from wizard.errors import SetupError
from wizard.schedule import Prospect
from wizard.step import Plan, Problem


class RecordingReporter:
    """Keeps what it was told as (event, words), in order."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self.reckoned: list[list[str]] = []
        self.failures: list[tuple[str, Action | None]] = []  # the step, and what it was doing

    def named(self, event: str) -> list[str]:
        """The words of all events of that name."""
        return [words for name, words in self.events if name == event]

    def run_begins(self, log: Path, steps: tuple[str, ...], /) -> None:
        """Kept."""
        self.events.append(("run_begins", " ".join(steps)))

    def outlook(self, prospects: tuple[Prospect, ...], /) -> None:
        """Kept apart: it is told often, and says nothing of what is done."""
        self.reckoned.append([prospect.name for prospect in prospects])

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
        self.failures.append((name, action))

    def waiting(self, words: str, seconds: float, /) -> None:
        """Kept."""
        self.events.append(("waiting", words))

    def note(self, words: str, /) -> None:
        """Kept."""
        self.events.append(("note", words))

    def machine_goes_down(self) -> None:
        """Kept."""
        self.events.append(("machine goes down", ""))
