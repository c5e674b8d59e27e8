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
QUESTIONS: tuple[str, ...] = ("host.tls",)


def check(settings: Settings, facts: Facts) -> list[Problem]:
    """Whether the place to move each directory to is free."""
    taken = {known.path for known in facts.tls}
    return [
        Problem(
            "tls-taken",
            f"{known.path} is back beside {tls.disabled_path(known)}: an upgrade of the C library "
            "has brought it again.",
            f"The new one counts: rm -r {tls.disabled_path(known)}, then start again, and it is "
            f"moved. So that it stays away: dpkg-divert --divert {tls.disabled_path(known)}/FILE "
            "for each file in it.",
        )
        for known in _to_move(settings, facts)
        if tls.disabled_path(known) in taken
    ]


def plan(settings: Settings, facts: Facts) -> Plan[Facts]:
    """Move what slows this host down; mostly nothing."""
    moving = _to_move(settings, facts)
    better = tls.about_nosegneg(facts.tls, facts.architecture, facts.glibc)
    notes = (better,) if better else ()
    if not moving:
        choice = settings.host.tls
        reason = tls.why_nothing(choice, facts.tls, facts.architecture, facts.glibc)
        return Plan((), facts, skipped=(reason,), notes=notes)
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
    return Plan(actions, replace(facts, tls=tls.moved(facts.tls, moving)), notes=notes)


def verify(settings: Settings, facts: Facts) -> list[Problem]:
    """Nothing that matters is left where the loader looks."""
    return [
        Problem(
            "tls-active",
            f"{known.path} is still there, with {known.libraries} libraries.",
            f"mv {known.path} {tls.disabled_path(known)}",
        )
        for known in _to_move(settings, facts)
    ]


def _to_move(settings: Settings, facts: Facts) -> tuple[TlsDirectory, ...]:
    return tls.to_move(settings.host.tls, facts.tls, facts.architecture, facts.glibc)
