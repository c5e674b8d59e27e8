"""How the user wants a run, and how one went."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from wizard.errors import Cancelled
from wizard.failure import Change, Failure, OnFailure
from wizard.journal import RunDirectory
from wizard.step import Step, step_name

__all__ = ["OnFailure", "Outcome", "Wishes"]

S = TypeVar("S")
F = TypeVar("F")


@dataclass(frozen=True)
class Wishes:
    """How the user wants it.

    `ignore`: names of checks that only warn. `consent`: actions without undo are agreed to.
    `on_failure`: what becomes of a run whose step failed, or who decides it; "roll back" only stops
    after a reboot was done. `optional`: steps that later ones do not need, by name, and why a run
    may go on without. `change`: asks a person for other answers. `confirm`: asks a person,
    with a question and seconds to answer in; None: nobody is there. `lesson_ends`: a run that was
    a lesson goes on without. `last`: the step after which it stops, to be gone on with later.
    `program`: how to start this program again.
    """

    ignore: frozenset[str] = frozenset()
    consent: bool = False
    on_failure: OnFailure | Callable[[Failure], OnFailure] = "roll back"
    optional: Mapping[str, str] = field(default_factory=dict)
    change: Change[Any, Any] | None = None
    confirm: Callable[[str, float], bool] | None = None
    lesson_ends: bool = False
    last: str = ""
    program: tuple[str, ...] = ("xen-setup",)

    def wanted(self, steps: Sequence[Step[S, F]]) -> Sequence[Step[S, F]]:
        """Those of the steps that are to be done now."""
        names = [step_name(step) for step in steps]
        return steps[: names.index(self.last) + 1] if self.last else steps

    def stop_past_last(self, steps: Sequence[Step[S, F]], place: int) -> None:
        """Raise `Cancelled` where the next step, at this place, is not to be done now."""
        if (wanted := len(self.wanted(steps))) <= place:
            stands = "Done as far as" if wanted == place else "This run is already past"
            raise Cancelled(f"{stands} {self.last}; the next step is {step_name(steps[place])}.")


@dataclass(frozen=True)
class Outcome:
    """How a run went that ended well. Without changes there is no run (None).

    `seconds` is the whole time, `command_seconds` what commands took of it; `left_out` are steps
    that failed, and that a person went on without.
    """

    run: RunDirectory | None
    seconds: float
    command_seconds: float
    left_out: tuple[str, ...] = ()
