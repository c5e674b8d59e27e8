"""What a step is: a module that checks, plans and verifies, and never touches the machine."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, Literal, Protocol, TypeVar

from wizard.actions import Action, Argv
from wizard.lesson import Lesson

Severity = Literal["error", "warning", "unknown"]


@dataclass(frozen=True)
class Problem:
    """What a check or a verification found: a name to ignore it by, what is wrong, what to do.

    "unknown" is for what could not be read (without root, say): it stops nothing that only shows.
    `follows`: it comes of an earlier step's problem if there is one, and is none of its own then.
    """

    name: str
    what: str
    hint: str
    severity: Severity = "error"
    follows: bool = False


def ignoring(problems: Sequence[Problem], names: frozenset[str]) -> list[Problem]:
    """The same problems, those with one of these names turned into warnings."""
    return [
        replace(problem, severity="warning") if problem.name in names else problem
        for problem in problems
    ]


@dataclass(frozen=True)
class Guard:
    """A step that may cut the user's own connection: it is undone by itself unless confirmed.

    `seconds` is the time allowed. Unattended, `probe` (exit status 0) confirms; when
    `ask` is true and a person is there, the person does, in the same session. `sign` says what the
    probe looks for, for one whose command says it badly.
    """

    seconds: int
    probe: Argv
    ask: bool
    question: str
    sign: str = ""  # "the gateway 10.0.2.2 answers over xenbr0"

    @property
    def condition(self) -> str:
        """What keeps the step where nobody is asked, to be read after "until" or "unless"."""
        return self.sign or f"`{shlex.join(self.probe)}` succeeds"


F = TypeVar("F")
S_contra = TypeVar("S_contra", contravariant=True)


@dataclass(frozen=True)
class Plan(Generic[F]):
    """A step's actions in order, and the facts expected after them.

    `skipped` says in words what is there already and is left alone. `notes` are for the reader
    (what to expect); `unknown` is what cannot be known before it is done. An empty `actions` means
    nothing to do.
    """

    actions: tuple[Action, ...]
    then: F
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    guard: Guard | None = None


class Step(Protocol[S_contra, F]):
    """The shape of a step's module; its name is the module's own (`volume_group`).

    TITLE is what the user gets. LESSON is what the reader learns here.
    QUESTIONS are the answer keys it asks for, in order ("host.bridge", "guests.memory").
    """

    @property
    def TITLE(self) -> str: ...  # noqa: N802 - a module's constant
    @property
    def LESSON(self) -> Lesson: ...  # noqa: N802 - a module's constant
    @property
    def QUESTIONS(self) -> tuple[str, ...]: ...  # noqa: N802 - a module's constant
    @property
    def __name__(self) -> str: ...

    def check(self, settings: S_contra, facts: F, /) -> list[Problem]: ...
    def plan(self, settings: S_contra, facts: F, /) -> Plan[F]: ...
    def verify(self, settings: S_contra, facts: F, /) -> list[Problem]: ...


def step_name(step: Step[S_contra, F]) -> str:
    """The name a step has in journals, options and texts: its module's."""
    return step.__name__.rpartition(".")[2]
