"""Paths that nobody can look at: a name that is too long, a folder that is closed to this user."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import STOCK, below_temporary, environment, readable_by_all, xen_setup
from wizard.errors import Exit

NOBODY = 65534

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start it as somebody else")


def commands(path: Path) -> list[tuple[str | Path, ...]]:
    """Every command that takes a path, with this one. Each fits: what fails is the path."""
    return [
        ("answers", "validate", path),
        ("answers", "template", "--out", path),
        ("check", path, "--facts", STOCK),
        ("check", "--facts", path),
        ("plan", "--facts", STOCK, "--out", path),
        ("apply", "--simulate", STOCK, path),
        ("apply", "--simulate", path, STOCK),
        ("convert", path),
        ("explain", path),
    ]


def test_a_name_that_is_too_long_is_told_as_that(tmp_path: Path) -> None:
    for command in commands(tmp_path / ("a" * 300)):
        done = xen_setup(*command)
        assert done.returncode in {Exit.USAGE, Exit.ANSWERS_INVALID}, done.stderr
        assert "File name too long" in done.stderr, command


def closed_folder(tmp_path: Path) -> Path:
    for folder in (tmp_path, *below_temporary(tmp_path)):
        folder.chmod(0o755)
    closed = tmp_path / "closed"
    closed.mkdir(0o700)
    return closed


@needs_root
def test_a_file_in_a_closed_folder_is_told_as_that(tmp_path: Path) -> None:
    closed = closed_folder(tmp_path)
    (closed / "x").write_text("version: 1\n")
    for command in commands(closed / "x"):
        done = xen_setup(*command, user=NOBODY)
        assert done.returncode in {Exit.USAGE, Exit.ANSWERS_INVALID}, done.stderr
        assert "Permission denied" in done.stderr, command


@needs_root
def test_an_example_machine_is_found_in_a_closed_folder_too(tmp_path: Path) -> None:
    program = str(readable_by_all())
    done = subprocess.run(
        [sys.executable, "-P", "-m", "wizard", "plan", "--facts", "stock"],
        cwd=closed_folder(tmp_path), user=NOBODY, env=environment(PYTHONPATH=program),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == Exit.DONE, done.stderr
