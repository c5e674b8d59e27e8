"""Who goes through a run with a learner, one step at a time, as the pipeline knows them; and that
the run remembers it.

tutor.py has the one that talks. All of it may raise `Cancelled`, for leaving: the run is paused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from wizard.journal import Journal
from wizard.records import Taught
from wizard.step import Plan, Step

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)
F = TypeVar("F")


class Companion(Protocol[S_co, F]):
    """Is with the learner before a step, when its plan is made, and after it."""

    def before(self, step: Step[S_co, F], facts: F, /, *, again: bool) -> S_co:
        """The lesson and the step's questions; the settings to go on with. `again`: the step was
        begun before, and goes on.
        """

    def answers(self, facts: F, /) -> str:
        """The answers so far, as the text that is kept with the run."""

    def ignored(self) -> frozenset[str]:
        """The names of checks that only warn."""

    def ready(self, step: Step[S_co, F], plan: Plan[F], facts: F, /, *, because: str) -> None:
        """What will be done, and why. `because`: an answer asks for more of an earlier step."""

    def after(self, step: Step[S_co, F], facts: F, /) -> None:
        """What has changed, and what comes next."""


def led_through(
    companion: Companion[S, F],
    step: Step[S, F],
    facts: F,
    keep: Callable[[str], None],
    *,
    again: bool,
) -> S:
    """The settings after a step's lesson and questions. The answers are kept in any case: who
    leaves in the middle of them finds them again.
    """
    try:
        return companion.before(step, facts, again=again)
    finally:
        keep(companion.answers(facts))


def remember(journal: Journal, companion: Companion[S_co, F] | None, *, ends: bool) -> None:
    """Journal that the run is a lesson from now on, or (`ends`) none any more. Without a companion
    it stays what it was: it may only be that nobody is there, as in the service after the boot.
    """
    taught = companion is not None or (journal.ledger.taught and not ends)
    if taught != journal.ledger.taught:
        journal.append(Taught(taught))
