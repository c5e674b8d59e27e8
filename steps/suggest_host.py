"""What is suggested for the four choices that make hosts differ: what was found on this machine."""

from __future__ import annotations

from steps.facts import Facts
from steps.hosts.choices import (
    BOOT_LOADERS,
    boot_loader_here,
    service_manager_here,
    source_here,
    toolstack_here,
)
from wizard.questions import Known


def _facts(known: Known) -> Facts:
    facts: Facts = known.facts
    return facts


def default_boot_loader(known: Known) -> str:
    return boot_loader_here(_facts(known))


def because_boot_loader(known: Known) -> str:
    facts = _facts(known)
    if facts.boot.kind not in BOOT_LOADERS:
        return "that is what this program prefers"
    return f"its menu is here: {facts.boot.config}"


def default_service_manager(known: Known) -> str:
    return service_manager_here(_facts(known))


def because_service_manager(known: Known) -> str:
    first = _facts(known).service_manager
    return "process 1 is not one that is known" if first == "unknown" else f"process 1 is {first}"


def default_toolstack(known: Known) -> str:
    return toolstack_here(_facts(known))


def because_toolstack(known: Known) -> str:
    if default_toolstack(known) == "xm":
        return "xm is here, and xl is not"
    return "every Xen since 4.1 has it"


def default_source(known: Known) -> str:
    return source_here(_facts(known))


def because_source(known: Known) -> str:
    if default_source(known) == "tarball":
        return "there is a Xen here that no package brought"
    return "upgrades of the distribution then keep Xen up to date"


def from_tarball(known: Known) -> bool:
    return known.answers.get("host.xen_source") == "tarball"


def signed_tarball(known: Known) -> bool:
    return from_tarball(known) and bool(known.answers.get("host.tarball_signature"))
