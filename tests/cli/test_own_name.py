"""What is to be typed next can be typed: a clone's program is not on the shell's path."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.program import xen_setup
from wizard.own_name import as_typed

CLONE = "/home/alice/xen-setup/xen-setup"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Go on with `sudo xen-setup resume`.", f"Go on with `sudo {CLONE} resume`."),
        ("sudo xen-setup", f"sudo {CLONE}"),
        ("More: xen-setup learn bridge", f"More: {CLONE} learn bridge"),
        ("`xen-setup status` shows it.", f"`{CLONE} status` shows it."),
        ("See: xen-setup --help", f"See: {CLONE} --help"),
        (
            "A guided run can (xen-setup --simulate stock).",
            f"A guided run can ({CLONE} --simulate stock).",
        ),
        # What is no command stays: the program's name, a folder of it, its answer file.
        ("xen-setup keeps its journal there.", "xen-setup keeps its journal there."),
        ("See /var/lib/xen-setup resume", "See /var/lib/xen-setup resume"),
        ("xen-setup-answers.yaml", "xen-setup-answers.yaml"),
    ],
)
def test_commands_get_the_path_that_the_program_was_started_by(words: str, expected: str) -> None:
    assert expected == as_typed(words, {"XEN_SETUP_PROGRAM": CLONE, "PATH": "/nowhere"})


def test_a_path_with_a_space_is_quoted() -> None:
    place = {"XEN_SETUP_PROGRAM": "/home/a b/xen-setup", "PATH": "/nowhere"}
    assert "sudo '/home/a b/xen-setup' resume" == as_typed("sudo xen-setup resume", place)


def test_a_name_that_the_shell_finds_stays(tmp_path: Path) -> None:
    (tmp_path / "xen-setup").write_text("#!/bin/sh\n")
    (tmp_path / "xen-setup").chmod(0o755)
    place = {"XEN_SETUP_PROGRAM": CLONE, "PATH": f"/nowhere{os.pathsep}{tmp_path}"}
    assert "sudo xen-setup resume" == as_typed("sudo xen-setup resume", place)
    assert "sudo xen-setup resume" == as_typed("sudo xen-setup resume", {"PATH": "/nowhere"})


def test_an_errors_advice_names_it() -> None:
    done = xen_setup("--no-input", XEN_SETUP_PROGRAM=CLONE, PATH="/usr/bin:/bin")
    assert f"sudo {CLONE} apply ANSWERS" in done.stderr


def test_what_is_looked_up_says_what_to_type_next(tmp_path: Path) -> None:
    lab = tmp_path / "lab.yaml"
    lab.write_text("version: 1\n")
    for command, words in (
        (("learn",), "learn TOPIC"),
        (("answers", "validate", lab, "--facts", "stock"), f"check {lab} --facts stock"),
    ):
        done = xen_setup(*command, XEN_SETUP_PROGRAM=CLONE, PATH="/usr/bin:/bin")
        assert f"{CLONE} {words}" in done.stdout
