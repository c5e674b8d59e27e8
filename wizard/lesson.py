"""What a step teaches, as data, and the order in which it is told: nothing here knows of terminals.

A lesson's texts are paragraphs, parted by an empty line; commands and messages in them stand in
`backquotes`. Who shows one goes through `lines`, so that a terminal, a script's comments and a
document tell the same in the same order.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

# What a plain terminal of 80 columns shows without breaking a word.
WIDTH = 78

Kind = Literal["title", "words", "subject", "command", "symptom", "drawing", "past"]


@dataclass(frozen=True)
class ThenAndNow:
    """What the tutorial of 2006 wrote, beside what is written today."""

    subject: str
    then: str
    now: str


@dataclass(frozen=True)
class Look:
    """A command that shows how things are, and what to see in its output."""

    command: str
    shows: str


@dataclass(frozen=True)
class Trouble:
    """What goes wrong here: a message or a symptom, then its cause and what to do.

    `rule` is the name of the failure rule that recognises it (`xen-setup explain`), `check` the
    name of the check that finds it beforehand; "" where there is none.
    """

    symptom: str
    cause: str
    rule: str = ""
    check: str = ""


@dataclass(frozen=True)
class Lesson:
    """One step's lesson.

    `read_on` names manual pages as `name(section)`. `undo` says how it is taken back by hand, and
    what rollback does.
    """

    idea: str
    then_and_now: tuple[ThenAndNow, ...]
    check: tuple[Look, ...]
    undo: str
    wrong: tuple[Trouble, ...]
    read_on: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """One piece of a lesson as it is shown: a label (may be empty) and its text, indented."""

    kind: Kind
    text: str
    label: str = ""
    indent: int = 0


def lines(lesson: Lesson) -> Iterator[Line]:
    """The lesson in its order. An empty text is an empty line."""
    for paragraph in lesson.idea.split("\n\n"):
        yield Line("words", " ".join(paragraph.split()))
        yield Line("words", "")
    yield Line("title", "Then and now")
    for pair in lesson.then_and_now:
        yield Line("subject", pair.subject, indent=2)
        yield from _commands(pair.then, "2006 ", "past", 4)
        yield from _commands(pair.now, "today", "command", 4)
    yield Line("words", "")
    yield Line("title", "How to check")
    for look in lesson.check:
        yield Line("command", look.command, "$", 2)
        yield Line("words", look.shows, indent=6)
    yield Line("words", "")
    yield Line("title", "How to undo")
    yield Line("words", " ".join(lesson.undo.split()), indent=2)
    yield Line("words", "")
    yield Line("title", "What goes wrong (in brackets: the check that looks for it)")
    for trouble in lesson.wrong:
        yield Line("symptom", trouble.symptom, indent=2)
        yield Line("words", f"{' '.join(trouble.cause.split())}{_found_by(trouble)}", indent=6)
    yield Line("words", "")
    yield Line("title", "Read on")
    yield Line("words", ", ".join(lesson.read_on), "man", 2)


def _commands(text: str, label: str, kind: Kind, indent: int) -> Iterator[Line]:
    """Several lines of one side stand below each other, the label before the first."""
    for line in text.split("\n"):
        yield Line(kind, line, label, indent)
        label = " " * len(label)


def _found_by(trouble: Trouble) -> str:
    return f" [{trouble.check}]" if trouble.check else ""


def wrapped(line: Line, width: int = WIDTH) -> list[str]:
    """The piece as plain lines of at most `width` columns; commands are never broken."""
    start = " " * line.indent + (f"{line.label} " if line.label else "")
    if not line.text:
        return [start.rstrip()]
    if line.kind in {"command", "drawing", "past"}:
        return [start + line.text]
    return textwrap.wrap(
        line.text, width, initial_indent=start, subsequent_indent=" " * len(start),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def plain_text(lesson: Lesson, width: int = WIDTH) -> str:
    """The whole lesson as lines, for a comment or a file; it ends without a line break."""
    return "\n".join(part for line in lines(lesson) for part in wrapped(line, width))


def texts(lesson: Lesson) -> Sequence[tuple[str, str]]:
    """Every text that the lesson is made of, with the name of its place: for checks of words."""
    return [
        ("idea", lesson.idea),
        *((f"then_and_now {pair.subject}", pair.subject) for pair in lesson.then_and_now),
        *((f"then {pair.subject}", pair.then) for pair in lesson.then_and_now),
        *((f"now {pair.subject}", pair.now) for pair in lesson.then_and_now),
        *((f"check {look.command}", look.shows) for look in lesson.check),
        *(("command", look.command) for look in lesson.check),
        ("undo", lesson.undo),
        *((f"wrong {trouble.symptom}", trouble.symptom) for trouble in lesson.wrong),
        *((f"cause {trouble.symptom}", trouble.cause) for trouble in lesson.wrong),
        *(("read_on", page) for page in lesson.read_on),
    ]
