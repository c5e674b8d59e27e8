"""The mirror, from apt sources in both formats."""

from __future__ import annotations

from pathlib import Path

import pytest

from wizard.practice.errors import HostNotReady
from wizard.practice.sources import Mirror, Source, find_mirror, parse_deb822, parse_one_line

MAIN = "http://mirror.example.org/debian"
SECURITY = "http://security.example.org/debian-security"

ONE_LINE = {
    f"deb {MAIN} bookworm main contrib": [Source(MAIN, "bookworm")],
    f"deb [arch=amd64 signed-by=/a/b.gpg] {MAIN}/ trixie main": [Source(MAIN, "trixie")],
    f"deb-src {MAIN} bookworm main": [],
    f"# deb {MAIN} bookworm main": [],
    f"  deb\t{MAIN}\tbookworm-updates\tmain  # why": [Source(MAIN, "bookworm-updates")],
    "": [],
    "nonsense": [],
}


@pytest.mark.parametrize("line", ONE_LINE)
def test_one_line_sources_are_read(line: str) -> None:
    assert list(parse_one_line(line)) == ONE_LINE[line]


DEB822 = {
    f"Types: deb\nURIs: {MAIN}\nSuites: bookworm bookworm-updates\nComponents: main": [
        Source(MAIN, "bookworm"),
        Source(MAIN, "bookworm-updates"),
    ],
    f"# why\nTypes: deb deb-src\nURIs:\n {MAIN}/\nSuites: sid\nComponents: main": [
        Source(MAIN, "sid")
    ],
    f"types: deb\nuris: {MAIN}\nsuites: sid\nSigned-By:\n -----BEGIN\n .\n Suites: x": [
        Source(MAIN, "sid")
    ],
    f"Types: deb-src\nURIs: {MAIN}\nSuites: sid": [],
    f"Enabled: no\nTypes: deb\nURIs: {MAIN}\nSuites: sid": [],
    f"Types: deb\nURIs: {MAIN}\nSuites: sid\n\nTypes: deb\nURIs: {SECURITY}\nSuites: stable": [
        Source(MAIN, "sid"),
        Source(SECURITY, "stable"),
    ],
}


@pytest.mark.parametrize("text", DEB822)
def test_deb822_sources_are_read(text: str) -> None:
    assert list(parse_deb822(text)) == DEB822[text]


def apt(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / "apt" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "apt"


def test_main_and_security_mirror_come_from_the_first_debian_sources(tmp_path: Path) -> None:
    folder = apt(
        tmp_path,
        {
            "sources.list": "deb http://ubuntu.example.org/ubuntu noble main\n",
            "sources.list.d/a.list": "deb http://tools.example.org/apt ./\n",
            "sources.list.d/b.sources": f"Types: deb\nURIs: {SECURITY}\nSuites: trixie-security\n",
            "sources.list.d/c.list": f"deb {MAIN} trixie main\ndeb http://later.example.org/ sid x",
            "sources.list.d/d.list.save": "deb http://saved.example.org/ sid main\n",
        },
    )
    assert find_mirror(folder, tmp_path / "none") == Mirror(MAIN, SECURITY)


def test_a_mirror_list_file_is_followed(tmp_path: Path) -> None:
    listed = tmp_path / "debian list"
    listed.write_text(f"# first\n{MAIN}/ priority:1\nhttp://other.example.org/debian\n")
    uri = "mirror+file://" + str(listed).replace(" ", "%20")
    folder = apt(tmp_path, {"sources.list": f"deb {uri} bookworm main\n"})
    assert find_mirror(folder, tmp_path / "none") == Mirror(MAIN)


def test_what_the_machine_cannot_reach_is_no_mirror(tmp_path: Path) -> None:
    folder = apt(tmp_path, {"sources.list": "deb cdrom:[x]/ sid main\ndeb file:/srv sid main\n"})
    with pytest.raises(HostNotReady) as caught:
        find_mirror(folder, tmp_path / "none")
    assert "debootstrap" in caught.value.hint


def test_debootstraps_default_mirror_is_read_from_its_script(tmp_path: Path) -> None:
    script = tmp_path / "debootstrap"
    script.write_text(f'#!/bin/sh\nDEF_MIRROR="{MAIN}"\nDEF_HTTPS_MIRROR="x"\n')
    assert find_mirror(apt(tmp_path, {"sources.list": ""}), script) == Mirror(MAIN)


def test_the_machines_sources_have_updates_and_security() -> None:
    assert Mirror(MAIN, SECURITY).lines() == (
        f"deb {MAIN} bookworm main\n"
        f"deb {MAIN} bookworm-updates main\n"
        f"deb {SECURITY} bookworm-security main\n"
    )
    assert "security" not in Mirror(MAIN).lines()
