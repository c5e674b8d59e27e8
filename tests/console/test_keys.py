"""Keys while a run goes, at a real pseudo-terminal: no echo, and all as it was afterwards."""

from __future__ import annotations

import io
import os
import pty
import sys
import termios
import time
import traceback
from collections.abc import Callable
from contextlib import suppress

import pytest

from wizard.keys import Keys


def in_session(work: Callable[[], None]) -> None:
    """Do the work in a process with its own terminal; a key is pressed when it says "ready"."""
    child, master = pty.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except (AssertionError, OSError, termios.error):
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    seen = b""
    with suppress(OSError):  # EIO: the child has ended
        while chunk := os.read(master, 1024):
            if b"ready" in chunk:
                os.write(master, b"#")
            seen += chunk
    _, status = os.waitpid(child, 0)
    os.close(master)
    assert 0 == os.waitstatus_to_exitcode(status), seen.decode()
    assert b"#" not in seen, "a key was echoed"


def test_a_key_is_heard_at_once_and_the_terminal_is_as_before() -> None:
    def work() -> None:
        before = termios.tcgetattr(0)
        heard: list[str] = []
        keys = Keys(open(0, closefd=False), heard.append)  # noqa: SIM115
        keys.start()
        assert keys.listening
        assert not termios.tcgetattr(0)[3] & (termios.ECHO | termios.ICANON)
        assert termios.tcgetattr(0)[3] & termios.ISIG, "Ctrl-C stays a signal"
        os.write(1, b"ready")
        deadline = time.monotonic() + 20
        while not heard and time.monotonic() < deadline:
            time.sleep(0.01)
        keys.stop()
        assert ["#"] == heard
        assert before == termios.tcgetattr(0)
        keys.start()  # after a question
        keys.stop()
        assert before == termios.tcgetattr(0)

    in_session(work)


def test_a_terminal_that_is_not_this_sessions_is_left_alone() -> None:
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(ours)
    with os.fdopen(theirs) as stream:
        keys = Keys(stream, lambda _key: None)
        keys.start()
        assert not keys.listening
        assert before == termios.tcgetattr(ours)
        keys.stop()
    os.close(ours)


@pytest.mark.parametrize("source", [None, io.StringIO("v")])
def test_without_a_terminal_nothing_is_read(source: io.StringIO | None) -> None:
    heard: list[str] = []
    keys = Keys(source, heard.append)
    keys.start()
    keys.stop()
    assert [] == heard
    assert source is None or source.read() == "v"
