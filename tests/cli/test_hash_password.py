"""`answers hash-password`: asked without an echo, or read from a pipe; only the hash comes out."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import pytest

from steps.kinds import PASSWORD
from tests.cli.program import environment, xen_setup
from tests.terminal import ENTER, Terminal

ARGV = [sys.executable, "-P", "-m", "wizard", "answers", "hash-password"]


def is_hash_of(hashed: str, password: str) -> bool:
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    made: bytes = crypt(password.encode(), hashed.encode())
    return made.decode() == hashed


@pytest.mark.parametrize("typed", ["PLANTED word\n", "PLANTED word", "PLANTED word\r\nnext\n"])
def test_one_line_of_standard_input_becomes_a_hash_and_nothing_else_is_printed(typed: str) -> None:
    done = xen_setup("answers", "hash-password", stdin=typed)
    assert (0, "") == (done.returncode, done.stderr)
    hashed = done.stdout.removesuffix("\n")
    assert hashed == PASSWORD.parse(hashed)
    assert is_hash_of(hashed, "PLANTED word")


@pytest.mark.parametrize("typed", ["", "\n", "a\tb\n", "x" * 600 + "\n"])
def test_what_is_no_password_is_refused(typed: str) -> None:
    done = xen_setup("answers", "hash-password", stdin=typed)
    assert (2, "") == (done.returncode, done.stdout)
    assert "password" in done.stderr


def test_on_a_terminal_it_asks_twice_and_shows_nothing(tmp_path: Path) -> None:
    with Terminal(ARGV, tmp_path, environment=environment()) as terminal:
        terminal.wait_for("Password (not shown):")
        terminal.type(f"PLANTED{ENTER}")
        terminal.wait_for("The same again")
        terminal.type(f"PLANTED{ENTER}")
        assert 0 == terminal.ends()
    assert "PLANTED" not in terminal.whole_text
    assert 1 == terminal.whole_text.count("\n$6$")
    assert terminal.is_whole


def test_two_that_differ_make_no_hash(tmp_path: Path) -> None:
    with Terminal(ARGV, tmp_path, environment=environment()) as terminal:
        terminal.wait_for("Password (not shown):")
        terminal.type(f"PLANTED{ENTER}")
        terminal.wait_for("The same again")
        terminal.type(f"planted{ENTER}")
        assert 2 == terminal.ends()
    assert "The two were not the same." in terminal.whole_text
    assert "$6$" not in terminal.whole_text
