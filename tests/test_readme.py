"""What README.md promises is there: commands, options, files, statuses."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from wizard.arguments import parse
from wizard.errors import Exit

ROOT = Path(__file__).parent.parent
READMES = [
    ROOT / "README.md",
    *(ROOT / room / "README.md" for room in ("wizard", "steps", "tests")),
]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
# Lines that are typed: indented, or in backquotes; what follows a # explains.
TYPED = [
    line.split("#")[0].strip()
    for line in (*re.findall(r"^    (.+)$", TEXT, re.MULTILINE), *re.findall(r"`([^`]+)`", TEXT))
]
OURS = sorted({line for line in TYPED if re.match(r"(sudo )?(\./)?xen-setup( |$)", line)})


def test_readme_tells_the_main_things_to_type() -> None:
    assert "./xen-setup practice" in OURS
    assert "sudo ./xen-setup" in OURS
    assert "sudo ./xen-setup rollback" in OURS
    assert any(line.startswith("tests/run") for line in TYPED)


@pytest.mark.parametrize("line", OURS)
def test_a_command_of_readme_is_understood(line: str) -> None:
    parse(shlex.split(line.removeprefix("sudo ").partition(" | ")[0])[1:])


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.parent.name)
def test_what_a_readme_links_to_is_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (path.parent / target).exists(), target


def test_readme_has_every_exit_status() -> None:
    paragraph = TEXT.partition("## Exit status")[2].partition("## ")[0]
    for status in Exit:
        if status != Exit.HUNG_UP:
            assert re.search(rf"\b{int(status)}\b", paragraph), status


def test_the_programs_that_readme_starts_are_there_and_can_be_started() -> None:
    for name in ("xen-setup", "tests/run", ".ci/run"):
        assert (ROOT / name).stat().st_mode & 0o111 == 0o111
