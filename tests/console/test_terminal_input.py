"""Ctrl-C and what was typed just before it, at a real pseudo-terminal."""

from __future__ import annotations

import os
import pty
import random
import select
import time
from contextlib import suppress

from wizard.errors import Interrupted
from wizard.prompts import PlainPrompter
from wizard.terminal_input import never_waiting, read_typed

# So many that the mistakes of before were seen in each run: a read that waited, or a signal
# between the answer and the end of the prompt, after which nobody asked.
ROUNDS = 600
_LONGEST = 0.001  # seconds from Enter to Ctrl-C


def test_what_was_thrown_away_is_not_waited_for() -> None:
    master, slave = pty.openpty()
    with never_waiting(slave) as source:
        assert source != slave
        assert os.get_blocking(slave), "the shell has the same"
        assert read_typed(source) is None
        os.write(master, b"yes\n")
        select.select([source], [], [], 20)
        assert b"yes\n" == read_typed(source)
        os.close(master)
        assert b"" == read_typed(source)
    os.close(slave)


def test_where_there_is_no_terminal_it_is_read_as_it_is() -> None:
    source, sink = os.pipe()
    os.write(sink, b"yes\n")
    os.close(sink)
    with never_waiting(source) as same:
        assert same == source
        assert b"yes\n" == read_typed(same)
        assert b"" == read_typed(same)
    os.close(source)


def test_ctrl_c_just_after_an_answer_is_never_lost() -> None:
    child, master = pty.fork()
    if child == 0:
        _ask_until_interrupted()
    said = b""
    try:
        for number in range(ROUNDS):
            said = _until(master, said, f"question {number}:".encode())
            os.write(master, b"back\n")
            ends = time.perf_counter() + random.random() * _LONGEST * (number % 3)
            while time.perf_counter() < ends:
                pass  # a sleep takes longer than that
            os.write(master, b"\x03")
            said = _until(master, said, f"interrupted {number}\r\n".encode())
    finally:
        os.close(master)
        os.waitpid(child, 0)


def _ask_until_interrupted() -> None:
    """What the child does: ask each question again and again, until Ctrl-C is heard."""
    with suppress(BaseException), open(0, closefd=False) as source, open(1, "w") as sink:
        prompter = PlainPrompter(source, sink)
        for number in range(ROUNDS):
            try:
                while True:
                    prompter.line(f"question {number}")
            except (Interrupted, KeyboardInterrupt):  # the latter between two prompts
                print(f"interrupted {number}", file=sink, flush=True)
    os._exit(0)


def _until(master: int, said: bytes, words: bytes) -> bytes:
    """Read until it says this; what it said after that."""
    while words not in said:
        ready, _, _ = select.select([master], [], [], 20)
        assert ready, f"{words!r} did not come after {said!r}"
        said += os.read(master, 4096)
    return said.partition(words)[2]
