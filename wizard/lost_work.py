"""What a run did is gone by another hand, and a later step cannot go on without it.

A step that was verified is not done again by itself: whoever removed its work may have meant it.
Nor is everything taken back for it. The run stops, and says from where it can be done again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from wizard.errors import StepFailed, Stopped
from wizard.records import Ledger
from wizard.scope import Scope
from wizard.step import Step, step_name

S = TypeVar("S")
F = TypeVar("F")

_GONE = "-missing"  # how problems are named that say of a thing that it is not there


def lost_work(
    steps: Sequence[Step[S, F]],
    ledger: Ledger,
    settings: S,
    read_facts: Callable[[], F],
    failed: StepFailed,
) -> Stopped | None:
    """The error to stop with, if an earlier step's work is missing now; None if it is all there, or
    the run has verified no step that did anything.
    """
    names = list(ledger.steps)
    verified = [step for step in steps if ledger.step_states.get(step_name(step)) == "verified"]
    verified = [step for step in verified if names.index(step_name(step)) > 0]
    if not verified:
        return None
    facts = read_facts()
    for step in verified:
        name = step_name(step)
        gone = [problem for problem in step.verify(settings, facts) if _is_gone(problem.name)]
        if gone:
            before = Scope(to=names[names.index(name) - 1])
            return Stopped(
                f"{failed.what} The work of an earlier step, {name}, is not there any more: "
                f"{gone[0].what}",
                hint=f"Have it done again: `{before.command}`, then `sudo xen-setup resume`.",
                details=failed.details,
            )
    return None


def _is_gone(name: str) -> bool:
    return name.endswith(_GONE)
