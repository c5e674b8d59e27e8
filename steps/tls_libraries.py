"""/lib/tls on the host: looked for, moved where it costs something, explained where not."""

from __future__ import annotations

from dataclasses import replace

from steps import tls
from steps.expected import with_file
from steps.facts import Facts, TlsDirectory
from steps.lessons import tls_libraries as lesson
from steps.settings import Settings
from wizard.actions import MovePath, WriteFile, text_hash
from wizard.step import Plan, Problem

TITLE = "Libraries for thread-local storage"
LESSON = lesson.LESSON
QUESTIONS: tuple[str, ...] = ("host.tls",)


def check(settings: Settings, facts: Facts) -> list[Problem]:
    """Whether the place to move each directory to is free, or the library built for Xen is here."""
    if _takes_nosegneg(settings, facts) and not any(known.nosegneg for known in facts.tls):
        return [
            Problem(
                "tls-nosegneg",
                "host.tls says nosegneg, and no C library that was built so is here.",
                "Debian's is in libc6-xen (to Debian 10), Fedora's in glibc.i686. Or move the "
                "libraries: host.tls: auto",
            )
        ]
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
    if _takes_nosegneg(settings, facts):
        return _plan_nosegneg(facts)
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
    """Nothing that matters is left where the loader looks, or it is told of what is better."""
    if _takes_nosegneg(settings, facts) and not tls.is_told_of_nosegneg(facts.files):
        return [
            Problem(
                "tls-active",
                "The loader does not know that it shall take the C library built for Xen.",
                f"Write `{tls.NOSEGNEG_LINE}` into {tls.NOSEGNEG_FILE}, then: ldconfig",
            )
        ]
    return [
        Problem(
            "tls-active",
            f"{known.path} is still there, with {known.libraries} libraries.",
            f"mv {known.path} {tls.disabled_path(known)}",
        )
        for known in _to_move(settings, facts)
    ]


def _plan_nosegneg(facts: Facts) -> Plan[Facts]:
    if tls.is_told_of_nosegneg(facts.files):
        return Plan((), facts, skipped=("The loader takes the C library built for Xen already.",))
    before = facts.files.get(tls.NOSEGNEG_FILE, "")
    text = tls.text_with_nosegneg(before)
    write = WriteFile(
        tls.NOSEGNEG_FILE,
        text,
        "Under Xen the kernel says that it has nosegneg; by this line the loader then takes the C "
        "library that was built without the segments that Xen must guard.",
        refresh=("ldconfig",),
        estimate=1.0,
        made_from=text_hash(before),
    )
    return Plan((write,), with_file(facts, tls.NOSEGNEG_FILE, text))


def _takes_nosegneg(settings: Settings, facts: Facts) -> bool:
    return tls.takes_nosegneg(settings.host.tls, facts.architecture, facts.glibc)


def _to_move(settings: Settings, facts: Facts) -> tuple[TlsDirectory, ...]:
    return tls.to_move(settings.host.tls, facts.tls, facts.architecture, facts.glibc)
