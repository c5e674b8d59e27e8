"""Packages that somebody needs by now, and what they need themselves."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from wizard.needed import with_needed

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
    ("kept", "found"),
    [
        (("lvm2",), {"lvm2", "dmsetup", "libdevmapper1.02.1", "libaio1"}),
        (("debootstrap",), {"debootstrap"}),
        (("mdadm",), {"mdadm", "exim4-daemon-light"}),  # by what it provides, and an alternative
        (("nothing",), {"nothing"}),
        (("of no list",), {"of no list"}),
        ((), set()),
    ],
)
def test_what_stays_keeps_what_it_needs_of_ours(kept: tuple[str, ...], found: set[str]) -> None:
    assert found == with_needed(kept, OURS, RELATIONS)


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="dpkg is not here")
def test_dpkg_says_what_its_own_package_needs() -> None:
    form = "--showformat=${binary:Package}\\t${Provides}\\t${Pre-Depends}, ${Depends}\\n"
    said = subprocess.run(
        ("dpkg-query", "--show", form), check=True, capture_output=True, text=True
    )
    assert {"dpkg", "tar", "libc6"} <= with_needed(["dpkg"], ["tar", "libc6", "bash"], said.stdout)
    assert "bash" not in with_needed(["tar"], ["libc6", "bash"], said.stdout)
