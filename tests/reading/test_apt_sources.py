"""apt's sources in both formats, and what debootstrap is to fetch from."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from steps.facts import Distribution
from steps.reading.apt_sources import (
    Source,
    has_login,
    mirrors,
    parse_deb822,
    parse_one_line,
    read_apt,
    without_login,
)
from tests.reading.looking import Said, view_of

MIRROR = "http://mirror.example.org/debian"
SECURITY = "http://mirror.example.org/debian-security"
BOOKWORM = Distribution("debian", "Debian GNU/Linux 12 (bookworm)", "12", "bookworm", ("debian",))

ONE_LINE = f"""\
# deb http://old.example.org/debian bookworm main
deb cdrom:[Debian 12]/ bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/own.gpg] {MIRROR}/ bookworm main contrib # ours
deb-src {MIRROR} bookworm main
deb {MIRROR} bookworm-updates main
  deb\t{SECURITY}   bookworm-security main
deb {MIRROR} bookworm-backports main
deb broken
"""

DEB822 = f"""\
# written by the installer
Types: deb deb-src
URIs: {MIRROR}
Suites: trixie trixie-updates
Components: main
 non-free-firmware
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://off.example.org/debian
Suites: trixie
Components: main
Enabled: no

types: deb-src
uris: http://sources.example.org/debian
suites: trixie
components: main

Types: deb
URIs: {SECURITY}
Suites: trixie-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEZ
"""


def test_one_line_entries_without_comments_and_source_packages() -> None:
    assert parse_one_line(ONE_LINE) == [
        Source("cdrom:[Debian 12]/", "bookworm", ("main",)),
        Source(f"{MIRROR}/", "bookworm", ("main", "contrib"), "/usr/share/keyrings/own.gpg"),
        Source(MIRROR, "bookworm-updates", ("main",)),
        Source(SECURITY, "bookworm-security", ("main",)),
        Source(MIRROR, "bookworm-backports", ("main",)),
    ]


def test_deb822_stanzas_that_are_on_and_have_binary_packages() -> None:
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    components = ("main", "non-free-firmware")
    assert parse_deb822(DEB822) == [
        Source(MIRROR, "trixie", components, keyring),
        Source(MIRROR, "trixie-updates", components, keyring),
        Source(SECURITY, "trixie-security", ("main",)),
    ]


@pytest.mark.parametrize(
    ("sources", "codename", "expected"),
    [
        (
            parse_one_line(ONE_LINE),
            "bookworm",
            (MIRROR, SECURITY, ("main", "contrib"), "/usr/share/keyrings/own.gpg"),
        ),
        (parse_one_line(ONE_LINE), "trixie", ("", "", (), "")),
        ([], "bookworm", ("", "", (), "")),
        ([Source(MIRROR, "bookworm", ("main",))], "", ("", "", (), "")),
        ([Source("mirror+file:/etc/list", "bookworm", ("main",))], "bookworm", ("", "", (), "")),
        ([Source(MIRROR, "stable", ("main",))], "bookworm", (MIRROR, "", ("main",), "")),
        (
            [Source(MIRROR, "stable", ("main",)), Source("file:/srv/deb", "bookworm", ("main",))],
            "bookworm",
            ("file:/srv/deb", "", ("main",), ""),
        ),
        (
            [
                Source("http://extra.example.org", "bookworm", ("contrib",)),
                Source(MIRROR, "bookworm", ("main",)),
                Source(SECURITY, "bookworm/updates", ("main",)),
            ],
            "bookworm",
            (MIRROR, SECURITY, ("main",), ""),
        ),
    ],
)
def test_the_mirror_is_the_one_of_the_release(
    sources: list[Source], codename: str, expected: tuple[str, str, tuple[str, ...], str]
) -> None:
    assert mirrors(sources, codename) == expected


@pytest.mark.parametrize("text", ["", "\n\n", ":", " leading", "URIs: x", "Types: deb\nURIs:"])
def test_broken_stanzas_give_no_source(text: str) -> None:
    assert parse_deb822(text) == []


def test_a_machine_with_both_formats_and_its_keyring(tmp_path: Path) -> None:
    view = view_of(
        tmp_path,
        {
            "/etc/apt/sources.list": "# moved to sources.list.d\n",
            "/etc/apt/sources.list.d/a.list": f"deb {MIRROR} bookworm main\n",
            "/etc/apt/sources.list.d/debian.sources": DEB822,
            "/etc/apt/sources.list.d/old.list.save": "deb http://no.example.org bookworm main\n",
            "/usr/share/keyrings/debian-archive-keyring.gpg": "",
            "/var/lib/apt/lists/mirror.example.org_debian_Packages": "",
            "/var/lib/apt/lists/partial": None,
        },
    )
    three_hours_ago = time.time() - 3 * 3600 - 60
    for path in ("var/lib/apt/lists", "var/lib/apt/lists/partial"):
        os.utime(tmp_path / path, (three_hours_ago, three_hours_ago))
    apt = read_apt(view, BOOKWORM, reach=False)
    assert apt.mirror == MIRROR
    assert apt.security == ""
    assert apt.components == ("main",)
    assert apt.keyring == "/usr/share/keyrings/debian-archive-keyring.gpg"
    assert apt.lists_age_hours == 3
    assert apt.reachable is None


def test_a_machine_without_apt_has_none_of_it(tmp_path: Path) -> None:
    apt = read_apt(view_of(tmp_path, {}), BOOKWORM, reach=True)
    assert (apt.mirror, apt.security, apt.components, apt.keyring) == ("", "", (), "")
    assert apt.lists_age_hours is None
    assert apt.reachable is None


@pytest.mark.parametrize(("status", "reachable"), [(0, True), (100, False), (124, False)])
def test_the_mirror_is_tried_only_when_wanted(tmp_path: Path, status: int, reachable: bool) -> None:
    helper = "/usr/lib/apt/apt-helper"
    view = view_of(tmp_path, {"/etc/apt/sources.list": ONE_LINE}, {helper: Said(status=status)})
    assert read_apt(view, BOOKWORM, reach=True).reachable is reachable


# ---- a mirror that asks for a name and a password


@pytest.mark.parametrize(
    ("address", "bare", "login"),
    [
        ("http://me:PLANTED@mirror.example.org/debian", MIRROR, True),
        ("http://me@mirror.example.org/debian", MIRROR, True),
        ("http://me:P@ANTED@mirror.example.org/debian", MIRROR, True),
        ("http://mirror.example.org/debian", MIRROR, False),
        ("http://mirror.example.org/a@b", "http://mirror.example.org/a@b", False),
        ("https://me:x@[2001:db8::1]:8080", "https://[2001:db8::1]:8080", True),
        ("file:/srv/a@b", "file:/srv/a@b", False),
        ("", "", False),
    ],
)
def test_a_name_and_password_are_taken_out_of_an_address(
    address: str, bare: str, login: bool
) -> None:
    assert (bare, login) == without_login(address)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("machine mirror.example.org login me password PLANTED", True),
        ("machine mirror.example.org\nlogin me\npassword PLANTED\n", True),
        ("machine other.example.org login a password b machine mirror.example.org login c", True),
        ("machine http://mirror.example.org/deb login me", True),
        ("machine https://mirror.example.org login me", False),
        ("machine mirror.example.org/ubuntu login me", False),
        ("machine mirror.example.org:8080 login me", False),
        ("# machine mirror.example.org login me", False),
        ("machine example.org login me", False),
        ("", False),
    ],
)
def test_what_auth_conf_has_for_a_mirror(text: str, found: bool) -> None:
    assert has_login(text, MIRROR) is found


@pytest.mark.parametrize("way", ["in the sources", "in auth.conf", "in auth.conf.d"])
def test_the_login_of_a_mirror_is_in_no_fact(tmp_path: Path, way: str) -> None:
    sources = f"deb {MIRROR} bookworm main\ndeb {SECURITY} bookworm-security main\n"
    files = {"/etc/apt/sources.list": sources}
    entry = "machine mirror.example.org login me password PLANTED\n"
    match way:
        case "in the sources":
            files["/etc/apt/sources.list"] = sources.replace("http://", "http://me:PLANTED@")
        case "in auth.conf":
            files["/etc/apt/auth.conf"] = entry
        case _:
            files["/etc/apt/auth.conf.d/mirror.conf"] = entry
    helper = "/usr/lib/apt/apt-helper"
    apt = read_apt(view_of(tmp_path, files, {helper: Said(status=0)}), BOOKWORM, reach=True)
    assert (MIRROR, SECURITY, True) == (apt.mirror, apt.security, apt.login)
    assert "PLANTED" not in repr(apt)
    # With an address without its login the mirror would only say no.
    assert apt.reachable is (None if way == "in the sources" else True)
