"""The first words on a machine that is not fit: all that stands in the way, before any question."""

from __future__ import annotations

import os
from collections.abc import Sequence

from steps.facts import Facts
from steps.settings import Settings
from wizard.answers import Answers
from wizard.console import Console
from wizard.errors import Cancelled
from wizard.objections import obstacles
from wizard.own_name import as_typed
from wizard.prompts import Option, Prompter
from wizard.step import Problem, Step

_PRACTICE = "xen-setup practice"
_NO_ROOT = Problem(
    "no-root",
    "You are not root: nothing can be changed, and not everything can be read.",
    "Start it with sudo: sudo xen-setup",
)


def refuse_unfit(
    steps: Sequence[Step[Settings, Facts]],
    answers: Answers[Settings],
    facts: Facts,
    console: Console,
    prompter: Prompter,
    *,
    needs_root: bool,
) -> None:
    """Say all that stands in the way of a run, and offer practice; returns when there is nothing,
    or the person wants the questions all the same. `needs_root`: it would be done for real.
    """
    ignore = answers.given.get("host.ignore")
    found = obstacles(steps, answers, facts, frozenset(ignore.value if ignore else ()))
    unprivileged = needs_root and os.geteuid() != 0
    if not found and not unprivileged:
        return
    console.heading("As it is, this machine does not become a Xen host:")
    console.problems([*([_NO_ROOT] if unprivileged else []), *found])
    console.line()
    console.line(
        f"To try all of it without touching this machine: {as_typed(_PRACTICE)} (a throwaway "
        "Debian in QEMU)."
    )
    if unprivileged:
        return  # nothing to ask: the command itself says how to start it
    options = [
        Option("quit", "quit, to mend that or to practise"),
        Option("on", "ask the questions all the same: other answers may help"),
    ]
    if prompter.pick("What now?", options, "quit") == "quit":
        raise Cancelled("You quit. Nothing was changed.", hint=f"To practise: {_PRACTICE}")
