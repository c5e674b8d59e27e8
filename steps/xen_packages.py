"""Xen itself: the hypervisor, its tools, and the programs that the later steps call."""

from __future__ import annotations

from dataclasses import replace

from steps import xen_tarball
from steps.boot_drop_in import default_entry, natural
from steps.expected import with_directories, with_packages, with_service
from steps.facts import Facts, Service
from steps.host_packages import (
    XEN,
    are_installed,
    check_sources,
    install,
    not_installed,
    wanted_by_guests,
)
from steps.hosts.boot_loaders import boot_loader, in_view, out_of_view
from steps.lessons import xen_packages as lesson
from steps.settings import NO_BRIDGE, Settings
from wizard.actions import Action
from wizard.step import Plan, Problem

TITLE = "Xen itself: hypervisor and tools"
LESSON = lesson.LESSON
QUESTIONS = (
    "host.xen_source", "host.tarball", "host.tarball_sha256", "host.tarball_signature",
    "host.tarball_keyring", "host.toolstack",
)  # fmt: skip

_HYPERVISOR = "xen-hypervisor-"


def check(settings: Settings, facts: Facts) -> list[Problem]:
    """Whether all that is missing can be installed, and whether Xen's hypervisor is one of us."""
    problems = check_sources(missing_packages(settings, facts), facts)
    if xen_tarball.from_tarball(settings):
        problems += xen_tarball.problems(settings, facts)
    return problems


def plan(settings: Settings, facts: Facts) -> Plan[Facts]:
    """Keep the boot default, bring the package lists up to date, install what is missing."""
    packages = _plan_packages(settings, facts)
    tarball = packages.then.tarball
    if not xen_tarball.from_tarball(settings) or tarball is None or tarball.wrong:
        return packages
    if not xen_tarball.missing(tarball):
        there = f"What is in {tarball.source} is installed."
        return replace(packages, skipped=(*packages.skipped, there))
    return replace(
        packages,
        actions=(
            *packages.actions,
            *boot_loader(settings).files_come(facts),
            xen_tarball.install(tarball),
        ),
        then=xen_tarball.installed(packages.then, tarball),
        notes=(*packages.notes, *xen_tarball.notes(tarball)),
    )


def _plan_packages(settings: Settings, facts: Facts) -> Plan[Facts]:
    missing = missing_packages(settings, facts)
    given, facts = facts, in_view(settings, facts)
    loader = boot_loader(settings)
    if not missing:
        left, then = loader.packages_are_in(facts)
        names = sorted(set(wanted_packages(settings, facts)))
        return Plan(tuple(left), out_of_view(given, then), skipped=(are_installed(names),))
    actions: list[Action] = []
    then = facts
    if XEN in missing:
        actions, then = loader.keep_default(facts)
    installing, then = install(missing, then)
    actions += installing
    then = _installed(settings, then, missing)
    after, then = loader.packages_are_in(then)
    actions += after
    skipped = [name for name in wanted_packages(settings, facts) if name in facts.packages]
    return Plan(
        tuple(actions),
        out_of_view(given, then),
        skipped=(are_installed(skipped),) if skipped else (),
        notes=(loader.PACKAGES_NOTE,) if XEN in missing else (),
    )


def verify(settings: Settings, facts: Facts) -> list[Problem]:
    """Packages, hypervisor and toolstack command, each looked for where it must be."""
    problems = not_installed(missing_packages(settings, facts))
    tarball = facts.tarball if xen_tarball.from_tarball(settings) else None
    others = xen_tarball.missing(tarball) if tarball is not None and not tarball.wrong else ()
    if tarball is not None and others:
        problems.append(
            Problem(
                "tarball-not-installed",
                f"{len(others)} of the files in {tarball.source} are not here as it has them: "
                f"{', '.join(others[:3])}{' …' if len(others) > 3 else ''}.",
                "Something wrote over them since; start again, and they are installed.",
            )
        )
    if not facts.xen.images:
        problems.append(
            Problem(
                "hypervisor-missing",
                "There is no hypervisor in /boot.",
                "The package xen-hypervisor-… brings it: "
                "apt-get install --reinstall xen-system-amd64"
                if not xen_tarball.from_tarball(settings)
                else f"{settings.host.tarball} must have it: install/boot/xen-….gz",
            )
        )
    facts = in_view(settings, facts)
    loader = boot_loader(settings)
    default = default_entry(facts)
    is_xen = default is not None and default.kind == "xen"
    if default is not None and is_xen and loader.default_should_be_plain(facts):
        problems.append(
            Problem(
                "default-changed",
                f"Installing Xen has made “{default.title}” the entry that boots by itself.",
                loader.DEFAULT_HINT,
            )
        )
    toolstack = settings.host.toolstack
    if toolstack not in facts.xen.commands:
        problems.append(
            Problem(
                "toolstack-missing",
                f"The command {toolstack} is not there.",
                "The package xen-utils-common brings it: "
                "apt-get install --reinstall xen-utils-common"
                if not xen_tarball.from_tarball(settings)
                else f"{settings.host.tarball} must have it, in install/usr/sbin.",
            )
        )
    return problems


def wanted_packages(settings: Settings, facts: Facts) -> tuple[str, ...]:
    """All that this setup calls on the host, installed or not, in the order of their use."""
    wanted = ["lvm2", "debootstrap"]
    # Where xm is, its Xen is there too, by packages whose names were others every year.
    has_xm = settings.host.toolstack == "xm" and "xm" in facts.xen.commands
    if not xen_tarball.from_tarball(settings) and not (has_xm and facts.xen.images):
        wanted.insert(0, XEN)
    if settings.host.bridge != NO_BRIDGE and facts.bridge(settings.host.bridge) is None:
        wanted.append("bridge-utils")
        # The static address's guard asks the gateway whether it is still reached.
        if "iputils-arping" not in facts.packages:
            wanted.append("iputils-ping")
    return tuple(dict.fromkeys((*wanted, *wanted_by_guests(settings))))


def missing_packages(settings: Settings, facts: Facts) -> tuple[str, ...]:
    """Those of the wanted packages that are not installed."""
    return tuple(name for name in wanted_packages(settings, facts) if name not in facts.packages)


def _installed(settings: Settings, facts: Facts, missing: tuple[str, ...]) -> Facts:
    then = with_packages(facts, missing)
    if XEN not in missing:
        return then
    hypervisor, image = _hypervisor_to_come(facts)
    then = with_packages(then, (hypervisor, "xen-hypervisor-common", "xen-utils-common"))
    then = with_directories(then, "/etc/xen", "/var/log/xen")
    for name in ("xen", "xendomains"):
        if not facts.service(name).present:
            # The package enables them; outside Xen neither has anything to do.
            then = with_service(then, Service(name, present=True, enabled=True, active=False))
    then = replace(
        then,
        xen=replace(
            then.xen,
            images=then.xen.images or (image,),
            commands=then.xen.commands if "xl" in then.xen.commands else ("xl",),
        ),
    )
    return boot_loader(settings).menu_after_packages(then)


def _hypervisor_to_come(facts: Facts) -> tuple[str, str]:
    names = [name for name in facts.installable if name.startswith(_HYPERVISOR)]
    names = [name for name in names if natural(name)[1:2] and name.endswith("-amd64")]
    newest = max(names, key=natural, default="xen-hypervisor-amd64")
    version = newest.removeprefix(_HYPERVISOR)
    return newest, f"/boot/xen-{version}.gz"
