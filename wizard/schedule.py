"""How far a run is, and how long it will still take: from what actions usually take.

A machine that is slower or faster than usual is known after a while, and all that is still to do
is reckoned at its pace. A fraction that a command tells counts more than its usual time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from wizard.actions import Action
from wizard.preview import preview
from wizard.records import ENDED, Ledger, StepState
from wizard.step import Plan, Step, step_name

S = TypeVar("S")
F = TypeVar("F")

_KNOWN_AFTER = 20.0  # usual seconds that must be done before the machine's pace is believed
_SLOWEST, _FASTEST = 10.0, 0.2
_TELLING = 0.05  # a fraction below this one says little


@dataclass(frozen=True)
class Prospect:
    """A step of a run: where it stands, and what is usually still to do in it, in seconds."""

    name: str
    title: str
    state: StepState
    seconds: float = 0.0


def prospects(
    steps: Sequence[Step[S, F]], ledger: Ledger, settings: S, facts: F, ignore: frozenset[str]
) -> tuple[Prospect, ...]:
    """All steps of a run, those that are still to do with their usual time."""
    states = ledger.step_states
    to_do = [step for step in steps if states.get(step_name(step)) not in ENDED]
    usual = {
        one.name: sum(action.estimate for action in one.plan.actions) if one.plan else 0.0
        for one in preview(to_do, settings, facts, ignore)
    }
    return tuple(
        Prospect(name, step.TITLE, states.get(name, "to do"), usual.get(name, 0.0))
        for step in steps
        for name in [step_name(step)]
    )


@dataclass
class Row:
    """A step as it is shown: `seconds` is what it took, took so far, or will usually take."""

    name: str
    title: str
    state: StepState
    seconds: float
    begun: float | None = None  # by the clock


class Schedule:
    """Keeps the time of a run as its reporter is told of it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self.rows: list[Row] = []
        self._left: list[Action] = []  # of the step that is under way
        self._now: Action | None = None
        self._begun = clock()
        self._fraction: float | None = None
        self._usual = 0.0  # seconds that the actions done so far usually take
        self._taken = 0.0  # and those that they took

    def expect(self, found: Sequence[Prospect]) -> None:
        """What is to come, as it is reckoned now; what a step took before stays."""
        took = {row.name: row.seconds for row in self.rows if row.state in ENDED}
        self.rows = [
            Row(one.name, one.title, one.state, took.get(one.name, one.seconds)) for one in found
        ]

    def step_begins(self, name: str, plan: Plan[Any]) -> None:
        """From now on its time is taken."""
        self._left = list(plan.actions)
        for row in self.rows:
            if row.name == name:
                row.state, row.begun = "begun", self._clock()
                row.seconds = sum(action.estimate for action in plan.actions)

    def step_ends(self, name: str, state: StepState, seconds: float) -> None:
        """It took so long."""
        self._left, self._now = [], None
        for row in self.rows:
            if row.name == name:
                row.state, row.begun, row.seconds = state, None, seconds

    def action_begins(self, action: Action) -> None:
        """From now on its time is taken."""
        self._now, self._begun, self._fraction = action, self._clock(), None
        if action in self._left:
            self._left.remove(action)

    def progress(self, fraction: float | None) -> None:
        """How far the action is."""
        self._fraction = self._fraction if fraction is None else fraction

    def action_ends(self, seconds: float) -> None:
        """It took so long."""
        if self._now is not None:
            self._usual += self._now.estimate
            self._taken += seconds
        self._now, self._fraction = None, None

    @property
    def elapsed(self) -> float:
        """Seconds since the run began, or went on."""
        return self._clock() - self._started

    def taken(self, row: Row) -> float:
        """Seconds since a step began that is under way."""
        return 0.0 if row.begun is None else self._clock() - row.begun

    @property
    def remaining(self) -> float | None:
        """Seconds that it will probably still take; None when nothing is known of it."""
        if not self.rows:
            return None
        pace = self._taken / self._usual if self._usual >= _KNOWN_AFTER else 1.0
        pace = min(max(pace, _FASTEST), _SLOWEST)
        later = sum(row.seconds for row in self.rows if row.state not in ENDED and not row.begun)
        here = sum(action.estimate for action in self._left)
        return (later + here) * pace + self._rest_of_action(pace)

    def _rest_of_action(self, pace: float) -> float:
        if self._now is None:
            return 0.0
        since = self._clock() - self._begun
        if self._fraction is not None and self._fraction >= _TELLING:
            return since * (1 - self._fraction) / self._fraction
        return max(self._now.estimate * pace - since, 0.0)
