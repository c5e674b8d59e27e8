"""YAML 1.2 text to plain nodes that know their place, and plain values to YAML text.

Nothing here knows of questions. The nodes are composed by ruamel.yaml and read here, so that every
key and value keeps its line and column, keys that stand twice are seen, and no tag can build
anything but text, numbers, true, false and null.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from wizard.errors import AnswerProblem, AnswersInvalid

LARGEST_FILE = 1024 * 1024  # bytes: far more than any answer file; a device or a log is refused
_DEEPEST = 20

# YAML 1.2's core schema (section 10.3.2 of the specification), which PyYAML-like 1.1 readers
# widen: only these words and shapes are not text.
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}|0o[0-7]{1,18}|0x[0-9a-fA-F]{1,15}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TAGS = {
    f"tag:yaml.org,2002:{kind}"
    for kind in ("str", "int", "float", "bool", "null", "seq", "map", "timestamp", "merge", "value")
}
_WORDS: dict[str, object] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}
# What may stand without quotes here: a narrow choice, so that no reader takes it for another type.
_PLAIN = re.compile(r"[A-Za-z/$][A-Za-z0-9_./:@+=$-]*|[0-9]+(\.[0-9]+)?[MGT]iB|[0-9.]+(/[0-9]+)?")
_RANGE = re.compile(r"\{[0-9]+\.\.[0-9]+\}")
_WORDS_OF_1_1 = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


@dataclass(frozen=True)
class Place:
    """Where something stands: line and column count from 1; 0 when it is in no file."""

    file: str = ""
    line: int = 0
    column: int = 0


@dataclass(frozen=True)
class Scalar:
    """Text, a number, true, false or null; `text` is how it was written."""

    value: object
    text: str
    place: Place


@dataclass(frozen=True)
class Listing:
    """A list."""

    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True)
class Entry:
    """One key of a section, and what it holds."""

    key: str
    place: Place
    node: Node


@dataclass(frozen=True)
class Section:
    """A mapping. A key can stand in it twice: the reader decides what to say about it."""

    entries: tuple[Entry, ...]
    place: Place


Node = Scalar | Listing | Section


def parse_yaml(text: str, file: str) -> Node:
    """The one document in `text`; AnswersInvalid with the place when there is none to read.

    `file` is the name that problems are reported with.
    """
    # Slow to import (a tenth of a second when emulated), and `--help` needs none of it.
    from ruamel.yaml import YAML  # noqa: PLC0415
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    if len(text.encode("utf-8", "surrogatepass")) > LARGEST_FILE:
        raise _unreadable(Place(file), "It is larger than 1 MiB.", "Is it the right file?")
    if found := re.search(r"^%.*$", text, re.MULTILINE):
        line = text.count("\n", 0, found.start()) + 1
        raise _unreadable(
            Place(file, line, 1),
            "A line that starts with % is a YAML directive, and none is read here.",
            "Remove the line: the file is read as YAML 1.2.",
        )
    yaml = YAML(typ="safe", pure=True)
    try:
        document = yaml.compose(text)
        if document is None:
            return Section((), Place(file, 1, 1))
        return _Converter(file).convert(document)
    except RecursionError:
        raise _unreadable(
            Place(file), "It is nested too deeply.", "Is it the right file?"
        ) from None
    except YAMLError as error:
        raise _syntax(error, file, text) from None


class _Converter:
    """ruamel's nodes to ours; an alias gives the same node again, and none may hold itself."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.done: dict[int, Node] = {}
        self.open: set[int] = set()

    def convert(self, node: Any) -> Node:
        if id(node) in self.done:
            return self.done[id(node)]
        place = self.place(node)
        if id(node) in self.open or len(self.open) > _DEEPEST:
            raise _unreadable(place, "It is nested too deeply.", "Is it the right file?")
        self.open.add(id(node))
        result = self._convert(node, place)
        self.open.remove(id(node))
        self.done[id(node)] = result
        return result

    def _convert(self, node: Any, place: Place) -> Node:
        tag = str(node.tag or "")
        if tag not in _TAGS:
            raise _unreadable(
                place,
                "A value that starts with ! is a YAML tag, and none is read here.",
                "Put the value in quotes if the ! belongs to it.",
            )
        if node.id == "scalar":
            text = str(node.value)
            return Scalar(text if tag.endswith(":str") else _plain_value(text), text, place)
        if node.id == "sequence":
            return Listing(tuple(self.convert(item) for item in node.value), place)
        entries = []
        for key, value in node.value:
            if key.id != "scalar":
                raise _unreadable(
                    self.place(key), "A key must be a word.", "Is a `: ` or a quote misplaced?"
                )
            entries.append(Entry(str(key.value), self.place(key), self.convert(value)))
        return Section(tuple(entries), place)

    def place(self, node: Any) -> Place:
        return Place(self.file, node.start_mark.line + 1, node.start_mark.column + 1)


def _plain_value(text: str) -> object:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        return int(text, base)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _syntax(error: Any, file: str, text: str) -> AnswersInvalid:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    words = str(getattr(error, "problem", "") or "")
    place = Place(file, mark.line + 1, mark.column + 1) if mark is not None else Place(file)
    position = getattr(error, "position", None)
    if mark is None and isinstance(position, int):
        before = text[:position]
        place = Place(file, before.count("\n") + 1, position - before.rfind("\n"))
        return _unreadable(place, "A character that YAML does not allow stands here.", "Remove it.")
    if "alias" in words:
        # ruamel repeats the word after the *, which may be the front of a password.
        return _unreadable(
            place,
            "A * at the front of a value stands for an alias, and there is none of that name.",
            "Put the value in quotes.",
        )
    if "\\t" in words:
        return _unreadable(place, "A tab stands where YAML wants spaces.", "Indent with spaces.")
    if "document" in words:
        return _unreadable(
            place, "A second document begins here.", "Keep one set of answers in a file."
        )
    if mark is not None and _RANGE.search("".join(text.split("\n")[mark.line : mark.line + 1])):
        return _unreadable(
            place,
            "Between brackets a range needs quotes around it.",
            'For example: [{name: "vm{01..20}"}]',
        )
    words = re.sub(r"'[^']*'|\"[^\"]*\"", "…", words)
    return _unreadable(
        place,
        "This is not YAML" + (f": {words}." if words else "."),
        "Look at the indentation, the `: ` after each key, and the quotes, here and above.",
    )


def _unreadable(place: Place, what: str, hint: str) -> AnswersInvalid:
    problem = AnswerProblem("", what, hint, place.file, place.line, place.column)
    name = f"The answer file {place.file} cannot be read." if place.file else ""
    return AnswersInvalid((problem,), what=name)


def yaml_scalar(value: object) -> str:
    """Text, a number, true or false, as YAML that every reader takes for the same."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str() if _is_plain(value):
            return value
    return '"' + "".join(_escaped(character) for character in str(value)) + '"'


def _is_plain(text: str) -> bool:
    return bool(
        _PLAIN.fullmatch(text)
        and text.lower() not in _WORDS_OF_1_1
        and not text.endswith(":")
        and isinstance(_plain_value(text), str)
        and not re.fullmatch(r"[0-9.]+", text)
    )


def _escaped(character: str) -> str:
    if character in {'"', "\\"}:
        return "\\" + character
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
