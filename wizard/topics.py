"""What can be read up (`xen-setup learn`): a topic as data, and the order in which it is told.

A topic's text is paragraphs, parted by an empty line. One whose lines begin with four spaces is a
drawing, and stays as it is: with lines of box drawing, or, for `--plain`, of ASCII.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from wizard.lesson import Lesson, Line
from wizard.lesson import lines as lesson_lines

INDENT = "    "

# Each as wide as what it stands for, so that a drawing keeps its shape.
_ASCII = str.maketrans(
    {
        **dict.fromkeys("─═", "-"),
        **dict.fromkeys("│║", "|"),
        **dict.fromkeys("┌┐└┘├┤┬┴┼", "+"),
        **{"▶": ">", "◀": "<", "▲": "^", "▼": "v", "╲": "\\", "╱": "/"},
    }
)


@dataclass(frozen=True)
class Topic:
    """An idea in some paragraphs and drawings.

    `see` names other topics, `look` commands that show it on a machine, `read_on` manual pages
    as `name(section)`.
    """

    name: str
    title: str
    text: str
    see: tuple[str, ...]
    look: tuple[str, ...]
    read_on: tuple[str, ...]


def blocks(text: str) -> list[str]:
    """The paragraphs and drawings of a text; a drawing with gaps in it is one block."""
    found: list[str] = []
    for part in text.strip("\n").split("\n\n"):
        if found and part.startswith(INDENT) and found[-1].startswith(INDENT):
            found[-1] += f"\n\n{part}"
        else:
            found.append(part)
    return found


def is_drawing(block: str) -> bool:
    """Whether a block stays as it is."""
    return block.startswith(INDENT)


def in_ascii(drawing: str) -> str:
    """The drawing without any character that an old terminal, or a screen reader, lacks."""
    return drawing.translate(_ASCII)


def lines(topic: Topic, *, ascii_only: bool) -> Iterator[Line]:
    """The topic in its order. An empty text parts what belongs together from what follows."""
    yield Line("title", topic.title)
    yield Line("words", "")
    for block in blocks(topic.text):
        if is_drawing(block):
            drawn = in_ascii(block) if ascii_only else block
            # A gap within a drawing is a line of it: it must not part it from itself.
            yield from (Line("drawing", line or " ") for line in drawn.split("\n"))
        elif block.startswith("- "):
            for item in block.removeprefix("- ").split("\n- "):
                yield Line("words", " ".join(item.split()), "-")
        else:
            yield Line("words", " ".join(block.split()))
        yield Line("words", "")
    if topic.look:
        yield Line("title", "Look for yourself")
        yield from (Line("command", command, "$", 2) for command in topic.look)
        yield Line("words", "")
    yield from _onward(topic.see, topic.read_on)


def lesson_as_topic(title: str, lesson: Lesson) -> Iterator[Line]:
    """A step's lesson, told as a topic is."""
    yield Line("title", title)
    yield Line("words", "")
    yield from lesson_lines(lesson)


def _onward(see: Sequence[str], read_on: Sequence[str]) -> Iterator[Line]:
    if see or read_on:
        yield Line("title", "Read on")
    if see:
        yield Line("words", ", ".join(see), "xen-setup learn", 2)
    if read_on:
        yield Line("words", ", ".join(read_on), "man", 2)


def pages(told: Iterable[Sequence[str]], rows: int) -> Iterator[list[int]]:
    """Which blocks of lines stand on which page of so many rows: their numbers, none cut in two.

    A block that is larger than a page has one to itself.
    """
    page: list[int] = []
    used = 0
    for number, block in enumerate(told):
        if page and used + len(block) > rows:
            yield page
            page, used = [], 0
        page.append(number)
        used += len(block)
    if page:
        yield page


def spelled(name: str) -> str:
    """A name as it is compared: `Guest_Disks` is `guest-disks`."""
    return name.strip().lower().replace("_", "-").replace(" ", "-")


def nearest(name: str, names: Sequence[str]) -> tuple[str, ...]:
    """The names that may have been meant, the likeliest first; at most three."""
    typed = spelled(name)
    by_spelling = {spelled(one): one for one in names}
    holding = [one for key, one in by_spelling.items() if len(typed) > 2 and typed in key]
    close = [by_spelling[key] for key in difflib.get_close_matches(typed, by_spelling, 3, 0.65)]
    return tuple(dict.fromkeys([*holding, *close]))[:3]
