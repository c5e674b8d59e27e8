"""What is found for each guest, said once where it is the same for several."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from steps.settings import GuestSettings, Settings
from wizard.step import Problem


def each_guest(
    settings: Settings, check: Callable[[GuestSettings], Iterable[Problem]]
) -> list[Problem]:
    """The problems that `check` finds for the guests, in their order; one that is the same for
    several, but for the guest's name, is told of the first, with how many it holds for.
    """
    found: dict[Problem, list[tuple[str, Problem]]] = {}
    for guest in settings.guests:
        for problem in check(guest):
            found.setdefault(_nameless(problem, guest.name), []).append((guest.name, problem))
    return [_told(told) for told in found.values()]


def _nameless(problem: Problem, name: str) -> Problem:
    return replace(
        problem, what=problem.what.replace(name, "\0"), hint=problem.hint.replace(name, "\0")
    )


def _told(told: list[tuple[str, Problem]]) -> Problem:
    (_, problem), *others = told
    if not others or all(problem == other for _, other in others):
        return problem  # nothing in it is a guest's
    names = [name for name, _ in others]
    holds = " and ".join(names)
    if len(names) > 2:
        holds = f"{len(names)} more, {names[0]} to {names[-1]}"
    return replace(problem, what=f"{problem.what} The same holds for {holds}.")
