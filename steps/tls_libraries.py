"""/lib/tls on the host: looked for, moved where it costs something, explained where not."""

from __future__ import annotations

from dataclasses import replace

from steps import tls
from steps.facts import Facts, TlsDirectory
from steps.lessons import tls_libraries as lesson
from steps.settings import Settings
from wizard.actions import MovePath
from wizard.step import Plan, Problem

TITLE = "Libraries for thread-local storage"
LESSON = lesson.LESSON
QUESTIONS: tuple[str, ...] = ()


def check(_settings: Settings, facts: Facts) -> list[Problem]:
    """Whether the place to move each directory to is free."""
    taken = {known.path for known in facts.tls}
    return [
        Problem(
            "tls-taken",
            f"{known.path} should be moved away, and {tls.disabled_path(known)} is there already.",
            f"Look into both. If nothing in the second is needed: rm -r {tls.disabled_path(known)}",
        )
        for known in _to_move(facts)
        if tls.disabled_path(known) in taken
    ]


def plan(_settings: Settings, facts: Facts) -> Plan[Facts]:
    """Move what slows this host down; mostly nothing."""
    moving = _to_move(facts)
    if not moving:
        reason = tls.why_nothing(facts.tls, facts.architecture, facts.glibc)
        return Plan((), facts, skipped=(reason,))
    actions = tuple(
        MovePath(
            known.path,
            tls.disabled_path(known),
            f"{known.libraries} libraries here use segments that Xen must guard on a 32-bit "
            "machine; without them the loader takes the ordinary ones.",
            refresh=("ldconfig",),
            estimate=1.0,
        )
        for known in moving
    )
    return Plan(actions, replace(facts, tls=tls.moved(facts.tls, moving)))


def verify(_settings: Settings, facts: Facts) -> list[Problem]:
    """Nothing that matters is left where the loader looks."""
    return [
        Problem(
            "tls-active",
            f"{known.path} is still there, with {known.libraries} libraries.",
            f"mv {known.path} {tls.disabled_path(known)}",
        )
        for known in _to_move(facts)
    ]


def _to_move(facts: Facts) -> tuple[TlsDirectory, ...]:
    return tls.to_move(facts.tls, facts.architecture, facts.glibc)
