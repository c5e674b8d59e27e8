"""A view stays inside its root, and takes whatever is or is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reading.looking import program, view_of


def test_an_absolute_link_leads_inside_the_root(tmp_path: Path) -> None:
    view = view_of(
        tmp_path / "guest",
        {
            "/etc/shadow": "-> /usr/share/shadow",
            "/usr/share/shadow": "root:*:",
            "/etc/away": "-> ../../../../../../etc/hostname",
            "/lib": "-> usr/lib",
            "/usr/lib/os-release": "ID=inside\n",
            "/etc/os-release": "-> /lib/os-release",
        },
    )
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hostname").write_text("outside")
    assert view.text("/etc/shadow") == "root:*:"
    assert view.text("/etc/os-release") == "ID=inside\n"
    assert view.text("/etc/away") is None
    assert view.real_path("/etc/os-release") == "/usr/lib/os-release"
    assert view.link("/etc/os-release") == "/lib/os-release"


def test_a_loop_of_links_is_nothing(tmp_path: Path) -> None:
    view = view_of(tmp_path, {"/a": "-> /b", "/b": "-> /a"})
    assert view.text("/a") is None
    assert not view.exists("/a")
    assert view.link("/a") == "/b"


@pytest.mark.parametrize("path", ["/missing", "/directory", "/file/below", "/nul\0byte"])
def test_what_is_no_file_has_no_text(tmp_path: Path, path: str) -> None:
    view = view_of(tmp_path, {"/directory": None, "/file": "x"})
    assert view.text(path) is None
    assert view.word(path) == ""
    assert view.number(path) is None


def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    view = view_of(tmp_path, {"/file": b"caf\xe9\n"})
    assert view.text("/file") == "caf�\n"


@pytest.mark.parametrize(
    ("text", "number"), [("12\n", 12), ("-1\n", None), ("٣", None), ("", None)]
)
def test_only_ascii_digits_are_a_number(tmp_path: Path, text: str, number: int | None) -> None:
    assert view_of(tmp_path, {"/n": text}).number("/n") == number


def test_names_and_patterns_are_sorted_and_a_missing_directory_has_none(tmp_path: Path) -> None:
    view = view_of(tmp_path, {"/d/b.cfg": "", "/d/a.cfg": "", "/d/c": ""})
    assert view.names("/d", "*.cfg") == ["a.cfg", "b.cfg"]
    assert view.matching("/d/*.cfg") == ["/d/a.cfg", "/d/b.cfg"]
    assert view.matching("/none/*") == []
    assert view.matching("/d/c") == ["/d/c"]


def test_a_program_must_be_executable(tmp_path: Path) -> None:
    view = view_of(tmp_path, {"/usr/bin/xl": "not executable"})
    assert view.program("xl") is None
    program(tmp_path, "xl")
    assert view.program("xl") == "/usr/sbin/xl"


def test_what_is_not_known_is_noted_once(tmp_path: Path) -> None:
    view = view_of(tmp_path, {})
    view.not_known("boot menu", "only root can read it")
    view.not_known("boot menu", "only root can read it")
    assert view.unknown == ["boot menu: only root can read it"]
