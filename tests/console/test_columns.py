"""Lines that fit a terminal, and nothing broken where there is none."""

from __future__ import annotations

import io
import os
import pty
import termios

import pytest

from wizard.columns import at_words, columns_of
from wizard.console import Console

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
        stream.flush()
        return os.read(ours, 4096).decode().replace("\r\n", "\n")


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
