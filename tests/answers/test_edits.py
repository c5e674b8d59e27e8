"""Any mistake in a good file: a clear error at the right line, and never anything else."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Literal, NamedTuple

import pytest

from steps.settings import Settings
from tests.fast import count
from tests.machines import stock
from wizard.answer_file import read_text
from wizard.answer_problems import lines_of, problems_as_json
from wizard.answers import parts, settle
from wizard.errors import AnswersInvalid
from wizard.questions import questions_of

FILES = (
    """\
version: 1
host:
  console: both
  make_default: no
storage:
  partition_size: 60%FREE
defaults:
  memory: 600MiB
  packages: [vim, less]
guests:
  - name: vm{01..03}
    network: 192.0.2.10/24
    gateway: 192.0.2.1
  - name: web
    vcpus: 2
    root_password: env:ONE
""",
    """\
# One guest, in another style.
version: 1
guests: [{name: db, swap_size: none, "autostart": on}]
storage: {use: free-space, volume_group: lab}
host:
    bridge: none
""",
)
KNOWN = {"version", "defaults", *(part.name for part in parts(Settings))} | {
    name for part in parts(Settings) for name, _ in questions_of(part.section)
}
KEY = re.compile(r"([A-Za-z_]+)(\"?:)")
VALUES = (
    "[]",
    "[1, 2]",
    "{}",
    "{a: b}",
    "{a: [b]}",
    "12",
    "-1",
    "1.5",
    "true",
    "null",
    "~",
    "''",
    '"a b"',
    "a: b",
    "no such value",
    "- a",
    "|",
    "*a",
    "&a",
    "!a",
    "[",
    "{",
    '"',
    "2GB",
    "vm{3..1}",
    "%",
    "@x",
    "0o7",
    "1_000",
    "2026-11-23",
    "12:30",
    "?",
    "#",
    "x" * 300,
    "\\u0000",
    "\u202e",
    "\x07",
    "é",
)

Right = Literal["here", "near", "anywhere"]


class Edit(NamedTuple):
    """A text with one mistake; `line` is where it is, `right` how near an error must stand."""

    text: str
    line: int
    right: Right


def renamed(lines: list[str], at: int, chance: random.Random) -> Edit | None:
    """A key with another letter, or one more or less."""
    keys = list(KEY.finditer(lines[at]))
    if not keys:
        return None
    key = chance.choice(keys)
    where = chance.randrange(len(key[1]) + 1)
    letter = chance.choice("abcxyz_")
    name = chance.choice(
        [key[1][:where] + letter + key[1][where:], key[1][:where] + key[1][where + 1 :], letter]
    )
    if name in KNOWN or not name:
        return None
    lines[at] = lines[at][: key.start(1)] + name + lines[at][key.end(1) :]
    return Edit("\n".join(lines), at + 1, "here")


def dropped(lines: list[str], at: int, _chance: random.Random) -> Edit:
    """A line less: what it held is missing, or what stood below it stands elsewhere."""
    del lines[at]
    return Edit("\n".join(lines), at + 1, "anywhere")


def retyped(lines: list[str], at: int, chance: random.Random) -> Edit | None:
    """Another value, of another type; an open bracket or quote is noticed where it ends."""
    head, colon, _ = lines[at].partition(": ")
    if not colon or "[" in head or lines[at].startswith("#"):
        return None
    value = chance.choice(VALUES)
    lines[at] = f"{head}: {value}"
    is_open = value in ("|", "[", "{", '"', "?", "a: b", "- a")
    return Edit("\n".join(lines), at + 1, "anywhere" if is_open else "here")


def nested(lines: list[str], at: int, chance: random.Random) -> Edit:
    """A line that stands more to the right or left; with a dash, or without."""
    line = lines[at]
    lines[at] = chance.choice(
        [
            " " + line,
            "  " + line,
            "      " + line,
            line[1:],
            line.lstrip(),
            f"- {line}",
            f"\t{line}",
            line.replace("- ", "  ", 1),
            f"{line}:",
            f"x: {line}",
        ]
    )
    return Edit("\n".join(lines), at + 1, "near")


def doubled(lines: list[str], at: int, _chance: random.Random) -> Edit:
    """The same line once more."""
    lines.insert(at, lines[at])
    return Edit("\n".join(lines), at + 2, "anywhere")


def damaged(lines: list[str], at: int, chance: random.Random) -> Edit:
    """A character of any kind somewhere."""
    where = chance.randrange(len(lines[at]) + 1)
    other = chance.choice([chr(chance.randrange(0x110000)), *"'\"{}[]:#&*!|>%@`-? \t\\"])
    lines[at] = lines[at][:where] + other + lines[at][where:]
    return Edit("\n".join(lines), at + 1, "anywhere")


EDITS: tuple[Callable[[list[str], int, random.Random], Edit | None], ...] = (
    renamed, dropped, retyped, nested, doubled, damaged,
)  # fmt: skip


def try_edits(seed: int, count: int) -> tuple[int, int]:
    """So many mistakes, one at a time: how many were refused, and at how many lines."""
    chance = random.Random(seed)
    machine = stock()
    refused, tried, places = 0, 0, set()
    while tried < count:
        lines = chance.choice(FILES).splitlines()
        edit = chance.choice(EDITS)(lines, chance.randrange(len(lines)), chance)
        if edit is None:
            continue
        tried += 1
        try:
            settle(read_text(edit.text, Settings), machine)
        except AnswersInvalid as error:
            refused += 1
            places |= {problem.line for problem in error.problems}
            check_words(edit, error)
        else:
            assert edit.right != "here" or not KEY.search(edit.text) or is_fine(edit), edit
    return refused, len(places)


def is_fine(edit: Edit) -> bool:
    """A value of another type can be an answer; a key of another name cannot."""
    line = lines_of(edit.text)[edit.line - 1]
    return all(key[1] in KNOWN for key in KEY.finditer(re.sub(r": .*", ":", line)))


def check_words(edit: Edit, error: AnswersInvalid) -> None:
    """Every problem has words, a hint and its line; one of them stands where the mistake is."""
    lines = lines_of(edit.text)
    for problem in error.problems:
        assert problem.what, edit
        assert problem.hint, edit
        if problem.line:
            assert problem.line <= len(lines) + 1, edit
            assert problem.excerpt or problem.line > len(lines), edit
    assert problems_as_json(error.problems)["problems"], edit
    found = [problem.line for problem in error.problems]
    match edit.right:
        case "here":
            assert edit.line in found, (edit, found)
        case "near":
            # What stands wrongly is noticed there, at what follows, or at the key it fell under.
            after = [line for line in found if line >= edit.line - 1]
            assert after or all(line <= edit.line for line in found), (edit, found)
        case "anywhere":
            assert found, edit


@pytest.mark.parametrize("number", range(len(FILES)))
def test_the_files_themselves_are_right(number: int) -> None:
    assert settle(read_text(FILES[number], Settings), stock()).guests


@pytest.mark.parametrize("seed", [3, 14])
def test_every_edit_of_a_good_file_is_read_or_refused_at_its_line(seed: int) -> None:
    edits = count(fast=150, usual=500)
    refused, places = try_edits(seed, edits)
    assert edits // 2 < refused < edits
    assert places > 10


@pytest.mark.full
@pytest.mark.parametrize("seed", range(100, 110))
def test_ten_thousand_edits_are_read_or_refused_at_their_line(seed: int) -> None:
    refused, _places = try_edits(seed, 1000)
    assert 500 < refused < 1000
