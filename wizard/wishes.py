"""How the user wants a run, and how one went."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from wizard.errors import SetupError
from wizard.journal import RunDirectory

OnFailure = Literal["roll back", "stop", "retry"]


@dataclass(frozen=True)
class Wishes:
    """How the user wants it.

    `ignore`: names of checks that only warn. `consent`: actions without undo are agreed to.
    `on_failure`: what becomes of a run whose step failed, or who decides it, given the step's
    name and the error; "roll back" only stops after a reboot was done. `confirm`: asks a person,
    with a question and seconds to answer in; None: nobody is there. `program`: how to start this
    program again.
    """

    ignore: frozenset[str] = frozenset()
    consent: bool = False
    on_failure: OnFailure | Callable[[str, SetupError], OnFailure] = "roll back"
    confirm: Callable[[str, float], bool] | None = None
    program: tuple[str, ...] = ("xen-setup",)


@dataclass(frozen=True)
class Outcome:
    """How a run went that ended well. Without changes there is no run (None).

    `seconds` is the whole time, `command_seconds` what commands took of it.
    """

    run: RunDirectory | None
    seconds: float
    command_seconds: float
