"""The four things in which hosts differ: what each can be, what this machine has, what does not go
together.

Boot loader, service manager, toolstack and source of Xen are four questions, and not one "era": a
machine with GRUB Legacy can have systemd and Xen 4.17. Each is detected (the question's default),
and an answer counts over that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from steps.facts import BootLoader, Facts
from steps.hosts.service_managers import MANAGERS
from steps.hosts.toolstacks import TOOLSTACKS, Version
from wizard.step import Problem

BOOT_LOADERS: Mapping[str, str] = {"grub2": "GRUB 2", "grub-legacy": "GRUB Legacy"}
_PROCESS_1 = {"systemd": "systemd", "sysvinit": "SysV init", "openrc": "OpenRC"}


# ---- what this machine has


def boot_loader_here(facts: Facts) -> str:
    """The boot loader whose menu the machine shows."""
    return facts.boot.kind if facts.boot.kind in BOOT_LOADERS else "grub2"


def service_manager_here(facts: Facts) -> str:
    """What puts services into the start of this machine: the first known tool below process 1."""
    for manager in MANAGERS.values():
        if facts.service_manager == manager.below[0] and _is_there(facts, manager.tool):
            return manager.name
    return next(
        (item.name for item in MANAGERS.values() if facts.service_manager == item.below[0]),
        "systemd",
    )


def toolstack_here(facts: Facts) -> str:
    """xl, unless xm alone is there."""
    return "xm" if facts.xen.commands == ("xm",) else "xl"


def source_here(facts: Facts) -> str:
    """Where the Xen that is installed comes from; packages where there is none yet."""
    is_there = bool(facts.xen.images) and bool(facts.xen.commands)
    return "tarball" if is_there and not xen_packages(facts) else "packages"


def xen_packages(facts: Facts) -> tuple[str, ...]:
    """The installed packages that Xen itself is in."""
    parts = ("xen-system-", "xen-hypervisor-", "xen-utils-")
    return tuple(sorted(name for name in facts.packages if name.startswith(parts)))


def chosen_boot(boot_loader: str, facts: Facts) -> BootLoader:
    """The boot loader that counts: the one found, or the other one whose menu is here too."""
    other = facts.other_boot
    return other if other is not None and other.kind == boot_loader else facts.boot


def xen_version(facts: Facts) -> Version | None:
    """The version of Xen that runs, is installed, or would come of packages; None: not known."""
    texts = [
        facts.xen.version,
        *sorted(facts.xen.images, key=_last_version, reverse=True),
        *sorted(facts.installable, key=_last_version, reverse=True),
    ]
    for text in texts:
        found = re.search(r"(?:^|/xen-|xen-hypervisor-)(\d+)\.(\d+)", text)
        if found:
            return int(found[1]), int(found[2])
    return None


def _last_version(text: str) -> Version:
    found = re.search(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _is_there(facts: Facts, tool: str) -> bool:
    return facts.tools is None or tool in facts.tools


# ---- what does not go together


def disagreements(
    facts: Facts, *, boot_loader: str, service_manager: str, toolstack: str, source: str
) -> list[Problem]:
    """Each choice held against the machine and the others: what cannot work, and why."""
    return [
        *_boot_loader(boot_loader, facts),
        *_service_manager(service_manager, facts),
        *_toolstack(toolstack, facts),
        *_source(source, facts),
    ]


def _boot_loader(chosen: str, facts: Facts) -> Iterator[Problem]:
    here = facts.boot.kind
    if chosen == "grub-legacy" and facts.firmware == "uefi":
        yield Problem(
            "choice-boot-loader",
            "GRUB Legacy starts from a BIOS only, and this machine has booted by UEFI.",
            "Choose host.boot_loader: grub2.",
        )
    elif here in BOOT_LOADERS and chosen_boot(chosen, facts).kind != chosen:
        yield Problem(
            "choice-boot-loader",
            f"{BOOT_LOADERS[chosen]} is chosen, and the machine has only a menu of "
            f"{BOOT_LOADERS[here]} ({facts.boot.config}).",
            f"Leave host.boot_loader out, or choose {here}; or install the other boot loader "
            "first, and boot with it.",
        )


def _service_manager(chosen: str, facts: Facts) -> Iterator[Problem]:
    manager = MANAGERS[chosen]
    if facts.service_manager not in manager.below and facts.service_manager in _PROCESS_1:
        yield Problem(
            "choice-service-manager",
            f"{chosen} is chosen to start Xen's services, and {_PROCESS_1[facts.service_manager]} "
            "is process 1 here, which takes no orders from it.",
            f"Choose host.service_manager: {service_manager_here(facts)}.",
        )
    elif not _is_there(facts, manager.tool):
        yield Problem(
            "choice-service-manager",
            f"{chosen} is chosen to start Xen's services, and the command {manager.tool} is not "
            "here.",
            "Install it (the packages are init-system-helpers, insserv, openrc), or choose "
            "another host.service_manager.",
        )


def _toolstack(chosen: str, facts: Facts) -> Iterator[Problem]:
    version, toolstack = xen_version(facts), TOOLSTACKS[chosen]
    if version is None:
        return
    words = f"Xen {version[0]}.{version[1]}"
    if toolstack.beyond is not None and version >= toolstack.beyond:
        yield Problem(
            "choice-toolstack",
            f"xm is chosen, and this is {words}: xend and xm were taken out of Xen with version "
            f"{toolstack.beyond[0]}.{toolstack.beyond[1]}.",
            "Choose host.toolstack: xl. It takes the same words, and needs no daemon xend.",
        )
    elif toolstack.first is not None and version < toolstack.first:
        yield Problem(
            "choice-toolstack",
            f"xl is chosen, and this is {words}: xl came with Xen "
            f"{toolstack.first[0]}.{toolstack.first[1]}.",
            "Choose host.toolstack: xm.",
        )


def _source(chosen: str, facts: Facts) -> Iterator[Problem]:
    here = source_here(facts)
    if chosen == "tarball" and xen_packages(facts):
        yield Problem(
            "choice-source",
            f"Xen from a tarball is chosen, and packages have Xen here already "
            f"({', '.join(xen_packages(facts))}): both would write the same files.",
            "Leave host.xen_source out, or purge these packages first.",
        )
    elif chosen == "packages" and here == "tarball" and facts.packages:
        yield Problem(
            "choice-source",
            f"Xen from packages is chosen, and there is a Xen here that no package brought "
            f"({', '.join(facts.xen.images)}): both would write the same files.",
            "Choose host.xen_source: tarball, or remove that Xen first.",
            "warning",
        )
