"""The practice machine's serial console in this terminal: Ctrl-] leaves."""

from __future__ import annotations

import curses
import fcntl
import os
import select
import socket
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wizard.errors import Locked, UsageError
from wizard.practice.errors import MachineTrouble

LEAVE = b"\x1d"  # Ctrl-]


def connect_terminal(path: Path) -> bool:
    """Join this terminal to the console socket until Ctrl-] (True) or the machine ends (False)."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "The console needs a terminal.",
            hint="Its log can be read without one: `xen-setup practice status` says where it is.",
        )
    with _only_one(path.with_name("console.lock")), _connected(path) as console:
        print("Connected to the practice machine. Enter wakes it, Ctrl-] leaves.", flush=True)
        with _raw(sys.stdin.fileno()):
            left = _join(sys.stdin.fileno(), sys.stdout.fileno(), console)
    print("\nLeft the console." if left else "\nThe practice machine ended.", flush=True)
    return left


def _join(keyboard: int, screen: int, console: socket.socket) -> bool:
    while True:
        ready, _, _ = select.select([keyboard, console.fileno()], [], [])
        if console.fileno() in ready:
            data = console.recv(4096)
            if not data:
                return False
            _write(screen, data)
        if keyboard in ready:
            keys = os.read(keyboard, 4096)
            before, leave, _ = keys.partition(LEAVE)
            try:
                console.sendall(before)
            except (BrokenPipeError, ConnectionResetError):
                return False
            if leave or not keys:
                return True


def _write(screen: int, data: bytes) -> None:
    while data:
        data = data[os.write(screen, data) :]


@contextmanager
def kept_terminal() -> Iterator[None]:
    """Whatever is done to this terminal meanwhile, even by a program that is killed, is undone."""
    terminal = sys.stdin.fileno()
    try:
        before = termios.tcgetattr(terminal)
    except termios.error:
        yield
        return
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def show_cursor() -> None:
    """What drew at this terminal was cut off, perhaps with the cursor hidden; and with a line
    that was not ended.
    """
    with suppress(curses.error):  # a terminal that cannot do it, or is not known
        curses.setupterm()
        sequence = (curses.tigetstr("cnorm") or b"") + (curses.tigetstr("sgr0") or b"")
        sys.stdout.write(sequence.decode("ascii") + "\n")
        sys.stdout.flush()


@contextmanager
def _raw(terminal: int) -> Iterator[None]:
    before = termios.tcgetattr(terminal)
    try:
        tty.setraw(terminal)
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


@contextmanager
def _connected(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as console:
        try:
            console.connect(str(path))
        except OSError as error:
            raise MachineTrouble(
                "The console of the practice machine does not answer.",
                hint="See `xen-setup practice status`.",
                details=(str(error),),
            ) from error
        yield console


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    # QEMU lets a second one connect, and then never talks to it.
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Locked(
                "Another terminal has the console of this practice machine.",
                hint="Leave it there with Ctrl-].",
            ) from None
        yield
