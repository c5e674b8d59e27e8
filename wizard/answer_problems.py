"""Problems with the place they stand at: the line itself, marked, and all of them for programs.

No secret is ever shown: what stands behind a key that looks like a password's is left out, where
the file is too broken to tell whose value it is as well.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from wizard.codec import encode
from wizard.errors import AnswerProblem

_WIDTH = 72  # cells: an indented line still fits a terminal of 80
_KEY = re.compile(r"([\w-]+)[\"']?\s*:")
_SECRET = re.compile(r"passw|passphrase|pwd|secret|token", re.IGNORECASE)
_LINE_BREAK = re.compile(r"\r\n|[\n\r]")  # YAML 1.2, 5.4
_HIDDEN = "…"
_ITEM = re.compile(r"\.[0-9]+\.")


def lines_of(text: str) -> list[str]:
    """The lines of a text, as the reader of YAML counts them."""
    return _LINE_BREAK.split(text)


def with_excerpt(
    problem: AnswerProblem, lines: Sequence[str], secrets: Collection[str], *, hidden: bool = False
) -> AnswerProblem:
    """The problem with its line below it, and a mark under its column.

    `secrets` are the names of secret keys; `hidden` leaves out what stands at the mark as well.
    """
    if problem.excerpt or not 1 <= problem.line <= len(lines):
        return problem
    line = without_secrets(lines, problem.line, secrets)
    if hidden and problem.column <= len(line):
        line = line[: problem.column - 1] + _HIDDEN
    return problem._replace(excerpt=marked(line, problem.column))


def marked(line: str, column: int, width: int = _WIDTH) -> str:
    """A line, cut around the column where it is too long, and below it a mark at the column."""
    shown = [_shown(character) for character in line]
    at = min(max(column - 1, 0), len(shown))
    # So much of it, before and after, that the whole is not wider than that.
    first, last = at, at
    room = width - 2
    while room > 0 and (first > 0 or last < len(shown)):
        if last < len(shown) and (last - at <= at - first or first == 0):
            room -= _cells(shown[last])
            last += 1
        else:
            first -= 1
            room -= _cells(shown[first])
    front = _HIDDEN if first > 0 else ""
    text = front + "".join(shown[first:last]) + (_HIDDEN if last < len(shown) else "")
    before = len(front) + sum(_cells(part) for part in shown[first:at])
    return f"{text.rstrip()}\n{' ' * before}^"


def _shown(character: str) -> str:
    if character == "\t":
        return "    "
    return character if character.isprintable() else "?"


def _cells(text: str) -> int:
    """How many cells of a terminal a text takes."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )


def without_secrets(lines: Sequence[str], number: int, secrets: Collection[str]) -> str:
    """That line (counted from 1) without what may be a secret."""
    line = lines[number - 1]
    for key in _KEY.finditer(line):
        if _is_secret(key[1], secrets):
            return line[: key.end()] + " " + _HIDDEN
    return _HIDDEN if _continues_a_secret(lines, number, secrets) else line


def _continues_a_secret(lines: Sequence[str], number: int, secrets: Collection[str]) -> bool:
    """Whether a line can belong to the value of a secret key further up."""
    between = [lines[number - 1]]
    for line in reversed(lines[: number - 1]):
        keys = [key for key in _KEY.finditer(line) if _is_secret(key[1], secrets)]
        if not keys and not any(name in line for name in secrets):
            between.append(line)
            continue
        if keys and not line[keys[-1].end() :].strip() and not any(map(str.strip, between[1:])):
            return True  # its value stands in the next line
        column = keys[0].start(1) if keys else 0
        return all(_indent(each) > column or not _KEY.search(each) for each in between)
    return False


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _is_secret(key: str, secrets: Collection[str]) -> bool:
    return bool(_SECRET.search(key) or difflib.get_close_matches(key, secrets, 1, 0.7))


def folded(problems: Iterable[AnswerProblem]) -> list[AnswerProblem]:
    """The problems in their order; what is wrong with one answer for several items of a list (of
    a range, or all of them) is told of the first, with how many it holds for.
    """
    found: dict[AnswerProblem, list[AnswerProblem]] = {}
    for problem in problems:
        bare = problem._replace(key=_ITEM.sub(".", problem.key))
        found.setdefault(bare, []).append(problem)
    told = []
    for first, *others in found.values():
        if others:
            more = f"The same holds for {len(others)} more, up to {others[-1].key}."
            if len(others) == 1:
                more = f"The same holds for {others[0].key}."
            first = first._replace(hint=f"{first.hint} {more}".strip())  # noqa: PLW2901
        told.append(first)
    return told


@dataclass(frozen=True)
class MarkedProblem:
    """One thing wrong with the answers. `file` is "" and `line` and `column` are 0 where there is
    none; `file` is "--set" for an option. `excerpt` is the line, and the mark below it."""

    key: str
    what: str
    hint: str
    file: str
    line: int
    column: int
    missing: bool
    excerpt: str


@dataclass(frozen=True)
class ProblemsDocument:
    """What `answers validate --json` prints; no problem: the answers are valid."""

    shape: Literal["xen-setup answers validate"]
    version: Literal[1]
    problems: tuple[MarkedProblem, ...]


def marked_problems(problems: Sequence[AnswerProblem]) -> tuple[MarkedProblem, ...]:
    """The same problems, to be written as JSON."""
    return tuple(MarkedProblem(**problem._asdict()) for problem in problems)


def problems_as_json(problems: Sequence[AnswerProblem]) -> dict[str, object]:
    """The problems for a program to read; `version` changes when the shape does."""
    whole = ProblemsDocument("xen-setup answers validate", 1, marked_problems(problems))
    document: dict[str, object] = encode(whole)
    return document
