"""Installed packages, and what the package manager could install (dpkg and apt)."""

from __future__ import annotations

from steps.reading.view import View
from steps.what_matters import PACKAGE_PATTERNS, PACKAGES

_HYPERVISORS = "xen-hypervisor-*"  # their names have Xen's version in them
_STATUS = "/var/lib/dpkg/status"
_LISTS = (
    "/etc/apt/sources.list",
    "/etc/apt/sources.list.d",
    "/var/lib/apt/lists",
    "/var/lib/apt/lists/partial",
)


_INSTALLED = (
    "dpkg-query",
    "--show",
    "--showformat",
    "${Package}\t${Version}\t${db:Status-Abbrev}\n",
    *PACKAGES,
    *PACKAGE_PATTERNS,
)
_POLICY = ("apt-cache", "policy", *PACKAGES, _HYPERVISORS)


def begin_packages(view: View) -> None:
    """Start what the two readers will ask."""
    view.begin_when_changed(_INSTALLED, (_STATUS,))
    view.begin_when_changed(_POLICY, (*_LISTS, _STATUS))


def parse_installed(text: str) -> dict[str, str]:
    """`dpkg-query --show` with name, version and state by tabs: what is installed, by name."""
    found = {}
    for line in text.splitlines():
        fields = line.split("\t")
        # The second letter is the state: "i" installed; "c" is only its configuration.
        if len(fields) == 3 and fields[2][1:2] == "i":
            found[fields[0]] = fields[1]
    return found


def parse_policy(text: str) -> tuple[str, ...]:
    """`apt-cache policy`: the names that have a version to install, sorted."""
    found = set()
    name = ""
    for line in text.splitlines():
        if line and not line[0].isspace():
            name = line.strip().removesuffix(":")
        elif line.strip().startswith("Candidate:") and line.split()[-1] != "(none)":
            found.add(name)
    return tuple(sorted(found))


def read_packages(view: View) -> dict[str, str]:
    """The installed ones of the packages that matter, name to version."""
    answer = view.ask_again_when_changed(_INSTALLED, 60.0, (_STATUS,))
    if answer.status == 127:
        view.not_known("packages", "this machine has no dpkg; others are not read yet")
    # It exits 1 as soon as one name is unknown to it, and lists the others all the same.
    return parse_installed(answer.out)


def read_installable(view: View) -> tuple[str, ...]:
    """Those of the packages that matter that apt could install, by its lists as they are."""
    return parse_policy(view.ask_again_when_changed(_POLICY, 60.0, (*_LISTS, _STATUS)).out)
