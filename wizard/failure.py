"""A step failed, and a person decides: what they are told, and what an answer changed then means.

An answer is used by the steps that plan something else with it. So whether one can still be
changed, and how far the run must go back for it, is not declared anywhere: it is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

from wizard.actions import Action, Reboot
from wizard.diagnosis import Rule, explain_error
from wizard.errors import SetupError, StepFailed, Stopped
from wizard.interrupts import Interrupts
from wizard.journal import Journal, RunDirectory
from wizard.performer import Performer
from wizard.preview import problem_words
from wizard.records import ENDED, Entry, Ledger
from wizard.reporter import Reporter
from wizard.rollback import incomplete, must_take_back
from wizard.scope import Scope, newest
from wizard.step import Plan, Problem, Step, step_name

S = TypeVar("S")
F = TypeVar("F")

OnFailure = Literal["roll back", "stop", "retry", "change", "skip"]


@dataclass(frozen=True)
class Failure:
    """What failed: a step, in this action or (None) in its checks or verification.

    `skip` says why the run may go on without this step ("": it may not). `changes`: answers can be
    changed. `log` has what all commands printed.
    """

    step: str
    title: str
    action: Action | None
    error: SetupError
    log: Path
    skip: str = ""
    changes: bool = False


@dataclass(frozen=True)
class Changed(Generic[S]):
    """Other settings, as a person wants them now, and their text for the run's record."""

    settings: S
    answers: str


@dataclass(frozen=True)
class Changing(Generic[S, F]):
    """A run that stands still for a person to change answers: its settings, the step that failed,
    the machine as it is, and `redone`: the verified steps that would be taken back and done again
    with other settings, in their order. `reached`: the step that the run has come to, which is a
    later one where its answers had that one done again.
    """

    settings: S
    step: str
    facts: F
    redone: Callable[[S], Sequence[Step[S, F]]]
    reached: str


# Asks for other settings; None when the person left all as it was.
Change = Callable[[Changing[S, F]], Changed[S] | None]


def stop_for(name: str, words: str, problems: Sequence[Problem]) -> None:
    """Raise `StepFailed` when there are problems, with all of them."""
    if problems:
        error = StepFailed(
            f"The step {name} {words}.",
            hint=problems[0].hint,
            details=tuple(map(problem_words, problems)),
        )
        error.first_problem = problems[0].what
        raise error


def refuse_boot_loop(ledger: Ledger, name: str, plan: Plan[F]) -> None:
    """Raise `StepFailed` for a boot that did not bring what the step waits for: it is not repeated
    by itself.
    """
    if name in ledger.booted_for and any(isinstance(item, Reboot) for item in plan.actions):
        raise StepFailed(
            "The machine was booted, but not into what was prepared.",
            hint="Perhaps another entry of the boot menu was chosen, or the prepared one did not "
            "start. `xen-setup resume` boots once more.",
        )


def stopped(step: str, error: SetupError, go_on: str) -> Stopped:
    """The error of a run that stops where it failed; `go_on` says how it is resumed."""
    told = Stopped(
        f"Stopped in the step {step}: {error.what}",
        hint=f"{error.hint} {go_on}".strip(),
        details=error.details,
    )
    told.likely = error.likely
    return told


def waited_out(
    error: SetupError, rules: Sequence[Rule], interrupts: Interrupts, reporter: Reporter
) -> bool:
    """Whether the failure is one that may pass by itself; then it was waited for."""
    first = next(iter(explain_error(error, rules)), None)
    if first is None or not first.rule.passes:
        return False
    reporter.note(
        f"That may pass by itself: the step is tried once more in {first.rule.passes:g} s."
    )
    interrupts.wait(first.rule.passes)
    interrupts.check()
    return True


def rolled_back(error: SetupError, left: list[Entry], scope: Scope) -> SetupError:
    """The error of a run that was taken back because it failed; `left` is what stays."""
    if left:
        told: SetupError = incomplete(left, scope, error.what)
    else:
        told = StepFailed(
            f"{error.what} All that was done is taken back.",
            hint=error.hint,
            details=error.details,
        )
    told.likely = error.likely
    return told


def reached(ledger: Ledger) -> str:
    """The step after all that ended."""
    ended = [ledger.step_states[name] in ENDED for name in ledger.steps]
    after = len(ended) - ended[::-1].index(True) if True in ended else 0
    return ledger.steps[min(after, len(ended) - 1)]


def used_by(
    steps: Sequence[Step[S, F]], ledger: Ledger, old: S, new: S, facts: F
) -> list[Step[S, F]]:
    """The steps that did something and do not think the same of other settings, and those after
    the first of them that are verified or left out: all that must be done again.
    """
    ended = [one for one in steps if ledger.step_states.get(step_name(one)) in ENDED]
    did = {entry.step for entry in ledger.to_take_back}
    for index, step in enumerate(ended):
        if step_name(step) in did and _verdict(step, old, facts) != _verdict(step, new, facts):
            return ended[index:]
    return []


def take_back_from(
    journal: Journal, machine: Performer, reporter: Reporter, again: Sequence[Step[S, F]]
) -> None:
    """Take back what the first of these steps did, and all after it: they are to do again.

    Raises `RollbackIncomplete`, and `Stopped` where nothing of the run could stay.
    """
    if not again:
        return
    place = journal.ledger.steps.index(step_name(again[0]))
    if place == 0:
        back = newest(RunDirectory(journal.path.parent))
        raise Stopped(
            "With these answers nothing of this run can stay.",
            hint=f"Take it back with `{back.command}`, and begin anew.",
        )
    must_take_back(journal, machine, reporter, Scope(to=journal.ledger.steps[place - 1]))


def _verdict(step: Step[S, F], settings: S, facts: F) -> object:
    """What a step says of settings on this machine: the errors, or the actions."""
    problems = [one for one in step.check(settings, facts) if one.severity == "error"]
    return problems or (step.plan(settings, facts).actions, step.verify(settings, facts))
