"""What differs between distributions on the host, as data.

Those with `supported` are installed by this program. The others are known by name, so that it can
say what to do there; their package names come from their own package indexes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HostDistribution:
    """One distribution, by os-release's ID. `oldest` is the first version that is supported, as
    a number ("" in os-release, a testing version, counts as new enough)."""

    id: str
    name: str
    supported: bool
    xen_packages: tuple[str, ...]
    oldest: float = 0.0


DISTRIBUTIONS = {
    distribution.id: distribution
    for distribution in (
        HostDistribution("debian", "Debian", True, ("xen-system-amd64",), 12),
        HostDistribution("ubuntu", "Ubuntu", True, ("xen-system-amd64",), 22.04),
        HostDistribution("opensuse", "openSUSE", False, ("xen", "xen-libs", "xen-tools")),
        HostDistribution("suse", "SUSE", False, ("xen", "xen-libs", "xen-tools")),
        HostDistribution("fedora", "Fedora", False, ("xen", "xen-hypervisor", "xen-runtime")),
        HostDistribution("alpine", "Alpine", False, ("xen", "xen-hypervisor", "xen-bridge")),
        HostDistribution("arch", "Arch Linux", False, ("xen",)),
    )
}


def host_distribution(family: tuple[str, ...]) -> HostDistribution | None:
    """The nearest known one: `family` is os-release's ID, and then its ID_LIKE words."""
    return next((DISTRIBUTIONS[word] for word in family if word in DISTRIBUTIONS), None)
