"""Packages that somebody needs by now, and what they need themselves."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from wizard.actions import Need
from wizard.commands import Answer
from wizard.errors import Conflict, StepFailed
from wizard.needed import kept, with_needed
from wizard.signatures import Ask

# Debian 12's own, by `dpkg-query --show`, shortened.
RELATIONS = """\
lvm2\t\t, libaio1 (>= 0.3.93), libc6 (>= 2.33), dmsetup (>> 2:1.02.47), init-system-helpers
dmsetup\t\t, libc6 (>= 2.34), libdevmapper1.02.1 (>= 2:1.02.185)
libdevmapper1.02.1:amd64\t\t, libc6 (>= 2.34), libudev1, dmsetup (>= 2:1.02.185~)
libaio1:amd64\t\t, libc6 (>= 2.4)
exim4-daemon-light\tmail-transport-agent, default-mta\tdebconf (>= 1.4.69), libc6
mdadm\t\tdebconf, default-mta | postfix, python3:any
debootstrap\t\t, wget
nothing\t\t, \u0020
"""
OURS = ("lvm2", "dmsetup", "libdevmapper1.02.1", "libaio1", "debootstrap", "exim4-daemon-light")


@pytest.mark.parametrize(
    ("stays", "found"),
    [
        (("lvm2",), {"lvm2", "dmsetup", "libdevmapper1.02.1", "libaio1"}),
        (("debootstrap",), {"debootstrap"}),
        (("mdadm",), {"mdadm", "exim4-daemon-light"}),  # by what it provides, and an alternative
        (("nothing",), {"nothing"}),
        (("of no list",), {"of no list"}),
        ((), set()),
    ],
)
def test_what_stays_keeps_what_it_needs_of_ours(stays: tuple[str, ...], found: set[str]) -> None:
    assert found == with_needed(stays, OURS, RELATIONS)


XEN = Need("xen-system", "the domain", ("list",), r"^domain (\d+)$", stops=True)
LVM = Need("lvm2", "the volume group", ("list",), r"^group (\S+)$")
BROUGHT = ("xen-system", "xen-utils", "lvm2")


def listing(said: str, status: int = 0) -> Ask:
    return lambda argv, _seconds: Answer(status, said if argv == ("list",) else "", "")


@pytest.mark.parametrize("installed", [BROUGHT, ("xen-utils",)])
def test_what_a_domain_needs_stays_without_the_package_that_stands_for_all(
    installed: tuple[str, ...],
) -> None:
    # Who had purged xen-system alone lost the running domains with the rest.
    with pytest.raises(Conflict, match="for the domain 7"):
        kept((XEN,), installed, BROUGHT, listing("domain 7\n"))
    assert not kept((XEN,), installed, BROUGHT, listing("none\n")).names
    assert not kept((XEN,), ("bash",), BROUGHT, listing("domain 7\n")).names
    assert not kept((XEN,), installed, ("lvm2",), listing("domain 7\n")).names


def test_a_package_that_is_gone_keeps_nothing() -> None:
    assert not kept((LVM,), ("xen-utils",), BROUGHT, listing("group data\n")).names
    assert {"lvm2"} == kept((LVM,), BROUGHT, BROUGHT, listing("group data\n")).names


@pytest.mark.parametrize("need", [XEN, LVM])
@pytest.mark.parametrize("status", [1, 5, 124, 127, -9])
def test_what_does_not_answer_keeps_all(need: Need, status: int) -> None:
    with pytest.raises(StepFailed, match="cannot be told"):
        kept((need,), BROUGHT, BROUGHT, listing("", status))


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="dpkg is not here")
def test_dpkg_says_what_its_own_package_needs() -> None:
    form = "--showformat=${binary:Package}\\t${Provides}\\t${Pre-Depends}, ${Depends}\\n"
    said = subprocess.run(
        ("dpkg-query", "--show", form), check=True, capture_output=True, text=True
    )
    assert {"dpkg", "tar", "libc6"} <= with_needed(["dpkg"], ["tar", "libc6", "bash"], said.stdout)
    assert "bash" not in with_needed(["tar"], ["libc6", "bash"], said.stdout)
