"""Who goes through a run with a learner, one step at a time, as the pipeline knows them; and that
the run remembers it.

tutor.py has the one that talks. All of it may raise `Cancelled`, for leaving: the run is paused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from wizard.journal import Journal
from wizard.preview import errors_in
from wizard.records import StepBegun, Taught
from wizard.step import Plan, Step, ignoring, step_name

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)
F = TypeVar("F")


class Companion(Protocol[S_co, F]):
    """Is with the learner before a step, when its plan is made, and after it."""

    def before(self, step: Step[S_co, F], facts: F, /, *, again: bool) -> S_co:
        """The lesson and the step's questions; the settings to go on with. `again`: the step was
        begun before, and goes on.
        """

    def wanted(self) -> S_co:
        """The settings by the answers so far."""

    def answers(self, facts: F, /) -> str:
        """The answers so far, as the text that is kept with the run."""

    def ignored(self) -> frozenset[str]:
        """The names of checks that only warn."""

    def ready(self, step: Step[S_co, F], plan: Plan[F], facts: F, /, *, because: str) -> None:
        """What will be done, and why. `because`: an answer asks for more of an earlier step."""

    def after(self, step: Step[S_co, F], facts: F, /) -> None:
        """What has changed, and what comes next."""


@dataclass(frozen=True)
class Asking(Generic[S, F]):
    """What stands around a step's questions: all steps, that one, the settings until then, the
    run's journal, and what keeps its answers.
    """

    steps: Sequence[Step[S, F]]
    step: Step[S, F]
    before: S
    journal: Journal
    keep: Callable[[str], None]


def led_through(companion: Companion[S, F], asking: Asking[S, F], facts: F) -> S:
    """The settings after a step's lesson and questions. Earlier steps of which the answers ask for
    more begin again, in the journal.

    The answers are kept in any case: who leaves in the middle of them finds them again. First the
    journal: by answers that are kept nobody could tell that they were others.
    """
    steps, step, journal = asking.steps, asking.step, asking.journal
    again = journal.ledger.step_states[step_name(step)] == "begun"
    try:
        return companion.before(step, facts, again=again)
    finally:
        # A run that only adds guests has not the host's steps in it.
        before = steps[: steps.index(step)]
        earlier = [one for one in before if step_name(one) in journal.ledger.steps]
        for more in _asked_for_more(earlier, asking.before, companion, facts):
            journal.append(StepBegun(step_name(more)))
        asking.keep(companion.answers(facts))


def _asked_for_more(
    earlier: Sequence[Step[S, F]], before: S, companion: Companion[S, F], facts: F
) -> Iterator[Step[S, F]]:
    """The steps that the answers give something to do, if they can. Where there was something
    before, it is gone by another hand: whoever removed it may have meant it.
    """
    now, ignored = companion.wanted(), companion.ignored()
    for step in earlier:
        plan = step.plan(now, facts)
        if (
            plan.actions
            and not errors_in(ignoring(step.check(now, facts), ignored))
            and not step.plan(before, facts).actions
        ):
            yield step
            facts = plan.then


def remember(journal: Journal, companion: Companion[S_co, F] | None, *, ends: bool) -> None:
    """Journal that the run is a lesson from now on, or (`ends`) none any more. Without a companion
    it stays what it was: it may only be that nobody is there, as in the service after the boot.
    """
    taught = companion is not None or (journal.ledger.taught and not ends)
    if taught != journal.ledger.taught:
        journal.append(Taught(taught))
