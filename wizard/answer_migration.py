"""Answer files of older versions, brought up to date in place.

A migration is a change of words: of a key, or of a value. Only these words are replaced in the
text, so that comments, blank lines and every other character stay as their writer left them, and
a problem in an old file is still told at its line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Renamed:
    """A key of a section (of each item, in a list) has got another name. "" is the top."""

    section: str
    old: str
    new: str


@dataclass(frozen=True)
class Reworded:
    """Values of one key are written with other words."""

    section: str
    key: str
    words: Mapping[str, str] = field(default_factory=dict)


Migrations = Sequence[tuple[Renamed | Reworded, ...]]

# The changes from version 1 to 2, from 2 to 3, and so on. What was released stays readable.
MIGRATIONS: Migrations = ()


def newest(migrations: Migrations = MIGRATIONS) -> int:
    """The version that the migrations lead to."""
    return 1 + len(migrations)


def migrated(text: str, version: int, migrations: Migrations = MIGRATIONS) -> str:
    """The text of an answer file of that version, with the words of the newest.

    The text must be YAML, with a number as its version.
    """
    for changes in migrations[version - 1 :]:
        words: dict[tuple[int, int], str] = {}
        top = _composed(text)
        for change in changes:
            for mapping in _sections(top, change.section):
                words |= _replaced(mapping, change)
        text = _with(text, words)
    for key, value in _pairs(_composed(text)):
        if key.value == "version":
            text = _with(text, {_span(value): str(newest(migrations))})
    return text


def version_of(text: str) -> int:
    """The version that an answer file says it has; the newest, if it says none that can be."""
    for key, value in _pairs(_composed(text)):
        if key.value == "version" and str(value.value).isdecimal():
            return int(value.value[:9])
    return newest()


def _replaced(mapping: Any, change: Renamed | Reworded) -> dict[tuple[int, int], str]:
    """The new words of one section, by the place in the text that they take."""
    words = {}
    for key, value in _pairs(mapping):
        if isinstance(change, Renamed):
            if key.value == change.old:
                words[_span(key)] = change.new
        elif key.value == change.key and value.id == "scalar" and value.value in change.words:
            words[_span(value)] = change.words[value.value]
    return words


def _sections(top: Any, name: str) -> Iterator[Any]:
    """The mappings of that section: one, or those in its list."""
    if not name:
        yield top
    for key, value in _pairs(top):
        if key.value == name:
            yield from value.value if value.id == "sequence" else (value,)


def _pairs(node: Any) -> list[tuple[Any, Any]]:
    return list(node.value) if node.id == "mapping" else []


def _span(node: Any) -> tuple[int, int]:
    return node.start_mark.index, node.end_mark.index


def _with(text: str, words: Mapping[tuple[int, int], str]) -> str:
    for (start, end), word in sorted(words.items(), reverse=True):
        text = text[:start] + word + text[end:]
    return text


def _composed(text: str) -> Any:
    # Slow to import, as in yaml_text.py.
    from ruamel.yaml import YAML  # noqa: PLC0415

    return YAML(typ="safe", pure=True).compose(text)
