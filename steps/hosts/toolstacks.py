"""The two toolstacks, by which dom0 gives Xen its orders, as data.

From Xen's release notes: xl came as a preview with 4.0 and whole with 4.1; xend and xm were taken
out with 4.5.
"""

from __future__ import annotations

from dataclasses import dataclass

Version = tuple[int, int]


@dataclass(frozen=True)
class Toolstack:
    """`name` is the command. `first` and `beyond`: the versions of Xen that have it, from the one
    on, and up to before the other. `services` must run in dom0, in that order: those of
    Debian's packages, and those of a tarball (Xen's own build). `disk` is what a guest's disk is
    called in its configs, and by the kernels of its time.
    """

    name: str
    daemon: str
    services: tuple[str, ...]
    tarball_services: tuple[str, ...]
    disk: str
    first: Version | None = None
    beyond: Version | None = None


TOOLSTACKS = {
    toolstack.name: toolstack
    for toolstack in (
        Toolstack(
            "xl", "", ("xen", "xendomains"), ("xencommons", "xendomains"), "xvda", first=(4, 1)
        ),
        Toolstack(
            "xm", "xend", ("xend", "xendomains"), ("xend", "xendomains"), "hda", beyond=(4, 5)
        ),
    )
}


def services_of(toolstack: str, source: str) -> tuple[str, ...]:
    """The services that must start with the machine, the one that the others need first."""
    found = TOOLSTACKS[toolstack]
    return found.tarball_services if source == "tarball" else found.services
