"""What a run did is gone by another hand, and a later step cannot go on without it.

A step that was verified is not done again by itself: whoever removed its work may have meant it.
Nor is everything taken back for it. The run stops, and says from where it can be done again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

from wizard.errors import StepFailed, Stopped
from wizard.preview import errors_in
from wizard.records import Ledger
from wizard.scope import Scope
from wizard.step import Step, ignoring, step_name

S = TypeVar("S")
F = TypeVar("F")

_GONE = "-missing"  # how problems are named that say of a thing that it is not there


def lost_work(
    steps: Sequence[Step[S, F]],
    ledger: Ledger,
    settings: S,
    read_facts: Callable[[], F],
    failed: StepFailed,
    *,
    ignore: frozenset[str] = frozenset(),
) -> Stopped | None:
    """The error to stop with, if an earlier step's work is missing now; None if it is all there.

    `ignore`: names of problems that the user would go on with. The run's first step counts as
    there: nothing stands before it to go back to.
    """
    known = {step_name(step): step for step in steps}
    verified = [
        (before, name, known[name])
        for before, name in pairwise(ledger.steps)
        if name in known and ledger.step_states[name] == "verified"
    ]
    if not verified:
        return None
    facts = read_facts()
    for before, name, step in verified:
        errors = errors_in(ignoring(step.verify(settings, facts), ignore))
        gone = [problem for problem in errors if problem.name.endswith(_GONE)]
        if gone:
            told = Stopped(
                f"{failed.what} The work of an earlier step, {name}, is not there any more: "
                f"{gone[0].what}",
                hint=f"Have it done again: `{Scope(to=before).command}`, then "
                "`sudo xen-setup resume`.",
                details=failed.details,
            )
            told.likely = failed.likely
            return told
    return None
