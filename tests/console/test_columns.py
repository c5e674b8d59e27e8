"""Lines that fit a terminal, and nothing broken where there is none."""

from __future__ import annotations

import io
import os
import pty
import re
import sys
import termios
from contextlib import suppress
from itertools import pairwise

import pytest
from rich.console import Console as RichConsole

from tests.cli.program import ROOT, environment
from tests.terminal import Terminal
from wizard.columns import READABLE, at_words, columns_of
from wizard.console import Console
from wizard.live_reporter import LiveReporter

WHY = "Guests that start with the host have a link in this directory, and xendomains reads it."


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        ("short", 40, "short"),
        ("a line of words that is too long", 20, "a line of words that\nis too long"),
        ("  indented, and too long", 20, "  indented, and too\n     long"),
        ("one\ntwo", 20, "one\ntwo"),
        ("/a/path/that/is/longer/than/the/line", 20, "/a/path/that/is/longer/than/the/line"),
        ("a line of words that is too long", None, "a line of words that is too long"),
        ("a line of words that is too long", 3, "a line of words that\nis too long"),
    ],
)
def test_lines_break_at_words_and_never_within(
    text: str, columns: int | None, expected: str
) -> None:
    assert at_words(text, columns) == expected


def everything(ours: int) -> bytes:
    """What a terminal was given before its other end closed: the kernel passes it on in pieces."""
    with os.fdopen(ours, "rb", buffering=0) as stream:
        pieces = []
        with suppress(OSError):
            while piece := stream.read(4096):
                pieces.append(piece)
        return b"".join(pieces)


def written(columns: int) -> str:
    """What a plain terminal of that many columns gets of an action that is explained."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    with os.fdopen(theirs, "w", encoding="utf-8") as stream:
        console = Console(stream, plain=True)
        with console.kept() as lines:
            console.line(WHY, indent=6)
            console.command(
                ("lvcreate", "--yes", "--name", "vm01-root", "--size", "2048m", "xendisks")
            )
        console.as_it_is(lines)
        console.line(WHY, indent=6)
    return everything(ours).decode().replace("\r\n", "\n")


def test_a_plain_terminal_breaks_words_nowhere_and_commands_not_at_all() -> None:
    text = written(40)
    words, command, again = text.partition("  $ lvcreate")
    assert max(map(len, words.splitlines())) <= 40
    assert words.split() == WHY.split()
    assert (command + again).splitlines()[0].endswith("--size 2048m xendisks")
    assert again.split("\n", 1)[1] == words


def test_a_terminal_that_does_not_tell_its_columns_gets_lines_as_they_are() -> None:
    assert f"      {WHY}\n" in written(0)


def test_what_is_no_terminal_has_no_columns() -> None:
    assert columns_of(io.StringIO()) is None
    stream = io.StringIO()
    stream.close()
    assert columns_of(stream) is None


# ---- a terminal that is wider than a line is easy to read

MESSAGE = "Could not find bridge device xenbr0"
STOCK = str(ROOT / "steps" / "machines" / "stock.json")


def shown(columns: int, *words: str) -> list[str]:
    """The lines that `xen-setup WORDS` shows on a terminal of that many columns."""
    program = [sys.executable, "-P", "-m", "wizard", *words]
    with Terminal(program, ROOT, columns=columns, rows=200, environment=environment()) as screen:
        screen.ends()
        return screen.whole_text.splitlines()


@pytest.mark.parametrize("look", [(), ("--plain",)], ids=["drawn", "plain"])
@pytest.mark.parametrize(
    "words",
    [
        ("explain", MESSAGE),
        ("learn", "bridge"),
        ("check", "--facts", STOCK),
        ("answers", "explain", "host.dom0_memory"),
    ],
    ids=" ".join,
)
def test_text_is_no_wider_than_is_easy_to_read(
    words: tuple[str, ...], look: tuple[str, ...]
) -> None:
    lines = shown(200, *words, *look)
    assert 60 < max(map(len, lines)) <= READABLE


@pytest.mark.parametrize("look", [(), ("--plain",)], ids=["drawn", "plain"])
def test_in_a_plan_only_what_is_copied_is_wider(look: tuple[str, ...]) -> None:
    lines = shown(200, "plan", "--lessons", "--facts", STOCK, *look)
    wide = [
        line.strip()
        for before, line in pairwise(lines)
        if len(line) > READABLE and len(before) < 200  # what goes on is its beginning's
    ]
    commands_and_files = r"(then )?\$ |[+-]|GRUB_|undo: [a-z ]*: [a-z]+ |(2006|today) "
    assert [] == [line for line in wide if not re.match(commands_and_files, line)]
    assert any(line.startswith("$ ") for line in wide)


def test_what_a_run_says_is_no_wider_and_what_commands_print_is_as_it_is() -> None:
    words = "word " * 60
    stream = io.StringIO()
    rich = RichConsole(file=stream, force_terminal=True, width=200, height=50, color_system=None)
    with LiveReporter(rich, verbose=True) as reporter:
        reporter.note(words)
        reporter.output("x" * 180)
    lines = [
        line.rstrip()
        for line in re.sub(r"\x1b\[[^A-Za-z]*[A-Za-z]|\r", "\n", stream.getvalue()).split("\n")
    ]
    assert READABLE >= max(len(line) for line in lines if "word" in line) > 90
    assert any("x" * 180 in line for line in lines)
