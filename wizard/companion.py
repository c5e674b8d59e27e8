"""Who goes through a run with a learner, one step at a time, as the pipeline knows them.

tutor.py has the one that talks. All of it may raise `Cancelled`, for leaving: the run is paused.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from wizard.step import Plan, Step

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
