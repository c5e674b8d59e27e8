"""The console in a real terminal, with a socket that plays the machine."""

from __future__ import annotations

import os
import shlex
import socket
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

PROGRAM = """
import sys
from pathlib import Path
from wizard.errors import SetupError
from wizard.practice.serial import connect_terminal
try:
    print("left" if connect_terminal(Path(sys.argv[1])) else "ended")
except SetupError as error:
    print(type(error).__name__)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "console"))
        listening.listen()
        listening.settimeout(20)
        yield listening


def console(folder: Path) -> Any:
    return pexpect.spawn(
        sys.executable, ["-c", PROGRAM, str(folder / "console")], timeout=20, encoding="utf-8"
    )


def test_keys_go_in_output_comes_out_and_the_terminal_is_restored(
    server: socket.socket, tmp_path: Path
) -> None:
    terminal = console(tmp_path)
    before = termios.tcgetattr(terminal.child_fd)
    machine, _ = server.accept()
    with machine:
        machine.settimeout(20)
        terminal.expect("Ctrl-] leaves")
        machine.sendall(b"login: ")
        terminal.expect("login: ")
        assert not termios.tcgetattr(terminal.child_fd)[3] & termios.ECHO
        terminal.send("root\r\x03\x1b")
        received = b""
        while len(received) < 7:
            received += machine.recv(100)
        assert received == b"root\r\x03\x1b"  # Ctrl-C too is the machine's
        terminal.send("\x1d")
        terminal.expect_exact("left\r\n")
    assert termios.tcgetattr(terminal.child_fd) == before
    terminal.expect(pexpect.EOF)
    terminal.close()


def test_the_end_of_the_machine_ends_the_console(server: socket.socket, tmp_path: Path) -> None:
    terminal = console(tmp_path)
    machine, _ = server.accept()
    terminal.expect("Ctrl-] leaves")
    machine.close()
    terminal.expect_exact("ended\r\n")
    terminal.expect(pexpect.EOF)
    terminal.close()


def test_a_second_console_is_refused(server: socket.socket, tmp_path: Path) -> None:
    first = console(tmp_path)
    machine, _ = server.accept()
    with machine:
        first.expect("Ctrl-] leaves")
        second = console(tmp_path)
        second.expect_exact("Locked\r\n")
        second.expect(pexpect.EOF)
        second.close()
    first.expect(pexpect.EOF)
    first.close()


def test_a_console_that_is_not_there_is_told(tmp_path: Path) -> None:
    terminal = console(tmp_path)
    terminal.expect_exact("MachineTrouble\r\n")
    terminal.expect(pexpect.EOF)
    terminal.close()


def cursor_shown_by(term: str) -> str:
    shown = pexpect.run(
        shlex.join(
            [sys.executable, "-c", "from wizard.practice import serial; serial.show_cursor()"]
        ),
        env={**os.environ, "TERM": term},
    )
    return str(shown, "ascii")


def test_the_cursor_is_shown_again_where_the_terminal_has_a_sequence_for_it() -> None:
    assert "\x1b[?25h" in cursor_shown_by("xterm-256color").replace("\x1b[?12l", "")
    assert cursor_shown_by("dumb").strip() == ""
    assert cursor_shown_by("of-no-kind").strip() == ""
