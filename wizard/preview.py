"""What a run would do, step by step, without touching anything: for `check`, `plan` and `apply`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from wizard.actions import agreed_by, undo_class
from wizard.errors import ChecksFailed
from wizard.step import Plan, Problem, Step, ignoring, step_name

S = TypeVar("S")
F = TypeVar("F")


@dataclass(frozen=True)
class StepPreview(Generic[S, F]):
    """One step as it would go: what its checks say, and its plan (None: the checks forbid one).

    `before` are the facts that it was checked and planned against: the machine's, changed by the
    plans of the steps before.
    """

    name: str
    step: Step[S, F]
    problems: tuple[Problem, ...]
    plan: Plan[F] | None
    before: F


def preview(
    steps: Sequence[Step[S, F]],
    settings: S,
    facts: F,
    ignore: frozenset[str] = frozenset(),
) -> list[StepPreview[S, F]]:
    """Every step checked and planned against what the step before is expected to leave.

    So all problems of all steps come at once. After a step that cannot be planned, the next ones
    are checked against the facts before it; what may follow from its problems is said to do so.
    """
    result: list[StepPreview[S, F]] = []
    for step in steps:
        stuck = any(earlier.plan is None for earlier in result)
        problems = tuple(
            replace(problem, follows=problem.follows and stuck)
            for problem in ignoring(step.check(settings, facts), ignore)
        )
        plan = None if errors_in(problems) else step.plan(settings, facts)
        result.append(StepPreview(step_name(step), step, problems, plan, facts))
        if plan is not None:
            facts = plan.then
    return result


def errors_in(problems: Iterable[Problem]) -> list[Problem]:
    """The problems that forbid going on."""
    return [problem for problem in problems if problem.severity == "error"]


def own_errors(problems: Iterable[Problem]) -> list[Problem]:
    """Those of them that do not follow from an earlier step's: what there is to be mended."""
    return [problem for problem in errors_in(problems) if not problem.follows]


def points_of_no_return(plan: Plan[F]) -> list[Problem]:
    """A problem for each action that cannot be taken back, and that no answer agrees to."""
    return [
        Problem(
            "no-undo",
            f"This cannot be taken back: {action.why}",
            "Agree to it (`--agree-no-undo`), or change the answer that asks for it.",
        )
        for action in plan.actions
        if undo_class(action) == "no undo" and not agreed_by(action)
    ]


def refuse_problems(previews: Iterable[StepPreview[S, F]], *, consent: bool) -> None:
    """Raise `ChecksFailed` with all that forbids a run, if anything does."""
    found = []
    for step in previews:
        problems = own_errors(step.problems)
        if step.plan is not None and not consent:
            problems += points_of_no_return(step.plan)
        found += [f"{step.name}: {problem_words(problem)}" for problem in problems]
    if found:
        count = "A check" if len(found) == 1 else f"{len(found)} checks"
        raise ChecksFailed(
            f"{count} failed; nothing was changed.",
            hint="Mend what is named, or turn a check you know better into a warning with "
            "`--ignore NAME`.",
            details=tuple(found),
        )


def problem_words(problem: Problem) -> str:
    """A problem in one line: what, what to do, and the name to ignore it by."""
    return f"{problem.what} {problem.hint} [{problem.name}]"
