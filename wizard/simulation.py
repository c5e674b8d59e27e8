"""A run that is only played, on a machine of which nothing is there but its facts.

The real steps plan, the real pipeline runs them, and a journal is kept; but the machine is a
simulated one, and what is read of it after a step is what the step's plan expects (`Plan.then`).
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from wizard.actions import Action, InstallPackages, Reboot, RunCommand
from wizard.errors import StepFailed
from wizard.lesson import Lesson
from wizard.running import Watch
from wizard.simulated_machine import PACE, SimulatedMachine
from wizard.step import Plan, Problem, Step, step_name
from wizard.wording import headline

S = TypeVar("S")
F = TypeVar("F")
S_contra = TypeVar("S_contra", contravariant=True)

MARK = "simulated"


class Script(Protocol[S_contra, F]):
    """What is played, which only the steps' side can know."""

    def output(self, action: Action, then: F, /) -> Sequence[str]:
        """The lines that the action's commands print; `then`: the facts after its step."""

    def failure(self, action: Action, /) -> Sequence[str]:
        """The last lines of the action's command when it fails."""

    def after(self, facts: F, action: Action, /) -> F:
        """The facts after an action, as far as a step that is cut off after it needs them."""

    def boot(self, settings: S_contra, facts: F, /) -> tuple[Sequence[str], F]:
        """What the screen shows while the machine boots, and the facts after that."""


@dataclass(frozen=True)
class SimulatedStep(Generic[S, F]):
    """A step whose plans are noted, and whose title says that it is only played."""

    step: Step[S, F]
    note: Callable[[str, F, Plan[F]], None]

    @property
    def TITLE(self) -> str:  # noqa: N802 - as of a step's module
        """The step's, marked."""
        return f"{self.step.TITLE} ({MARK})"

    @property
    def LESSON(self) -> Lesson:  # noqa: N802
        """The step's own."""
        return self.step.LESSON

    @property
    def QUESTIONS(self) -> tuple[str, ...]:  # noqa: N802
        """The step's own."""
        return self.step.QUESTIONS

    @property
    def __name__(self) -> str:
        return self.step.__name__

    def check(self, settings: S, facts: F, /) -> list[Problem]:
        """The step's own."""
        return self.step.check(settings, facts)

    def plan(self, settings: S, facts: F, /) -> Plan[F]:
        """The step's own; noted, as it says what comes after it."""
        plan = self.step.plan(settings, facts)
        self.note(step_name(self.step), facts, plan)
        return plan

    def verify(self, settings: S, facts: F, /) -> list[Problem]:
        """The step's own."""
        return self.step.verify(settings, facts)


class Simulation(Generic[S, F]):
    """The steps to run, the machine to run them on, and what is read of it.

    `fails_in`: a step that fails once, at what takes longest in it; "" for none.
    """

    def __init__(
        self,
        steps: Sequence[Step[S, F]],
        facts: F,
        script: Script[S, F],
        *,
        pace: float = PACE,
        fails_in: str = "",
    ) -> None:
        self.steps = tuple(SimulatedStep(step, self._note) for step in steps)
        self.machine = SimulatedMachine(self._begin, self._output, self._failure, pace)
        self._script = script
        self._fails_in = fails_in
        self._to_fail: Action | None = None
        self._start = facts  # before the first plan, or at the last boot
        self._plans: list[tuple[F, Plan[F]]] = []  # begun, each with the facts before it
        self._planned: tuple[F, Plan[F]] | None = None  # made last, and perhaps only to be shown

    def read_facts(self) -> F:
        """The machine as it is: as the last plan expects it that is done, and not taken back."""
        facts = self._start
        for before, plan in self._plans:
            if not all(map(self.machine.has_done, plan.actions)):
                facts = before
                for action in filter(self.machine.has_done, plan.actions):
                    facts = self._script.after(facts, action)
                break
            facts = plan.then
        return facts

    def boot(self, settings: S, watch: Watch, seconds: float = 60.0) -> None:
        """Boot the machine, into what was prepared."""
        lines, facts = self._script.boot(settings, self.read_facts())
        self.machine.boot(lines, watch, seconds)
        self._start, self._plans, self._planned = facts, [], None

    def _note(self, name: str, facts: F, plan: Plan[F]) -> None:
        self._planned = facts, plan
        if name == self._fails_in:
            self._to_fail = heaviest(plan.actions)

    def _begin(self, action: Action) -> None:
        """An action is begun: from now on its plan is the one that is done."""
        if self._planned is None or action not in self._planned[1].actions:
            return
        if self._plans and self._plans[-1] is self._planned:
            return
        whole = [each for each in self._plans if all(map(self.machine.has_done, each[1].actions))]
        self._plans = [*whole, self._planned]

    def _output(self, action: Action) -> Sequence[str]:
        assert self._plans, "an action is one of a plan"
        return self._script.output(action, self._plans[-1][1].then)

    def _failure(self, action: Action) -> StepFailed | None:
        if action != self._to_fail:
            return None
        self._fails_in, self._to_fail = "", None  # tried again, it succeeds
        lines = tuple(self._script.failure(action))
        match action:
            case RunCommand():
                what = f"`{shlex.join(action.argv)}` ended with exit status 1."
            case InstallPackages():
                what = "`apt-get install` ended with exit status 100."
            case _:
                what = f"This could not be done: {headline(action)}."
        return StepFailed(what, details=lines)


def heaviest(actions: Sequence[Action]) -> Action | None:
    """What takes longest; a boot is not counted."""
    own = [action for action in actions if not isinstance(action, Reboot)]
    return max(own, key=lambda action: action.estimate, default=None)
