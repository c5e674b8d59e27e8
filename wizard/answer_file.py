"""Answer files: read with the place of every problem, and written with the questions beside them.

The format is YAML 1.2: `version: 1`, then the sections of the settings class. Everything that is
wrong is found at once. What needs the machine (defaults, checks) comes later: `answers.settle`.
"""

from __future__ import annotations

import difflib
import os
import reprlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from wizard.answers import Answers, Given, Part, parts
from wizard.errors import AnswerProblem, AnswersInvalid, UsageError
from wizard.questions import Question, questions_of
from wizard.yaml_text import (
    LARGEST_FILE,
    Entry,
    Listing,
    Node,
    Place,
    Scalar,
    Section,
    parse_yaml,
    yaml_scalar,
)

ANSWERS_VERSION = 1
MOST_ITEMS = 1000  # of a list such as `guests`: far more than a machine can hold

S = TypeVar("S")


def read_answers(
    files: Sequence[Path], settings: type[S], assignments: Sequence[str] = ()
) -> Answers[S]:
    """The answers of these files, then of KEY=VALUE assignments; what comes later counts.

    Raises AnswersInvalid with every problem of all of them, and UsageError for an assignment
    without a key.
    """
    reader = _Reader(settings)
    for path in files:
        try:
            reader.add_text(_text_of(path), str(path))
        except AnswersInvalid as error:
            reader.problems.extend(error.problems)
            reader.whats.append(error.what)
    for assignment in assignments:
        reader.add_assignment(assignment)
    return reader.answers()


def read_text(text: str, settings: type[S], name: str = "answers.yaml") -> Answers[S]:
    """The answers of one text; problems are reported with that name."""
    reader = _Reader(settings)
    reader.add_text(text, name)
    return reader.answers()


def _text_of(path: Path) -> str:
    what = f"The answer file {path} cannot be read."
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        hint = "Check the path." if isinstance(error, FileNotFoundError) else "Is it the right one?"
        if isinstance(error, PermissionError):
            hint = "Start it with sudo, or make the file readable."
        problem = AnswerProblem("", f"{path}: {reason}.", hint, str(path))
        raise AnswersInvalid((problem,), what=what) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        problem = AnswerProblem(
            "", "This is not UTF-8 text.", "Is it the right file?", str(path), line, column
        )
        raise AnswersInvalid((problem,), what=what) from None


class _Reader(Generic[S]):
    """Gathers answers and problems of several sources; a later answer replaces an earlier."""

    def __init__(self, settings: type[S]) -> None:
        self.settings = settings
        self.parts = {part.name: part for part in parts(settings)}
        self.problems: list[AnswerProblem] = []
        self.whats: list[str] = []
        self.given: dict[str, Given] = {}
        self.counts: dict[str, int] = {}
        self.places: dict[str, Place] = {}

    def answers(self) -> Answers[S]:
        if self.problems:
            only = self.whats[0] if len(self.problems) == len(self.whats) == 1 else ""
            raise AnswersInvalid(tuple(self.problems), what=only)
        return Answers(self.settings, self.given, self.counts, self.places)

    def problem(self, key: str, place: Place, what: str, hint: str = "") -> None:
        self.problems.append(AnswerProblem(key, what, hint, place.file, place.line, place.column))

    def add_text(self, text: str, name: str) -> None:
        document = parse_yaml(text, name)
        if not isinstance(document, Section):
            self.problem("", document.place, "An answer file is made of keys.", _FIRST_LINES)
            return
        first = next((entry for entry in document.entries if entry.key == "version"), None)
        if not self.version_is_ours(first, document.place):
            return
        entries = self.entries(document, "", ["version", *self.parts])
        for part in self.parts.values():
            if entry := entries.get(part.name):
                self.places[part.name] = entry.place
                self.add_part(part, entry.node)

    def version_is_ours(self, entry: Entry | None, top: Place) -> bool:
        if entry is None:
            self.problem("version", top, "The version is missing.", _FIRST_LINES)
            return True
        version = entry.node.value if isinstance(entry.node, Scalar) else None
        if isinstance(version, bool) or not isinstance(version, int):
            self.problem("version", entry.node.place, "It must be a number.", "Write: version: 1")
        elif version > ANSWERS_VERSION:
            self.problem(
                "version",
                entry.node.place,
                f"These answers are of version {version}; this program reads version "
                f"{ANSWERS_VERSION} at most.",
                "Use the xen-setup that wrote them, or a newer one.",
            )
            return False  # the keys may have changed: what is said of them would mislead
        elif version < 1:
            self.problem("version", entry.node.place, "There is no such version.", _FIRST_LINES)
        return True

    def add_part(self, part: Part, node: Node) -> None:
        if not part.many:
            self.add_section(part, part.name, node)
            return
        if not isinstance(node, Listing):
            self.problem(
                part.name,
                node.place,
                "A list is needed here.",
                f"Put `- ` before the first key of each of the {part.name}.",
            )
            return
        if not 1 <= len(node.items) <= MOST_ITEMS:
            self.problem(
                part.name,
                node.place,
                f"The list has {len(node.items)} items; 1 to {MOST_ITEMS} are possible.",
                f"Leave `{part.name}` out for one with the defaults.",
            )
            return
        self.counts[part.name] = max(self.counts.get(part.name, 0), len(node.items))
        for index, item in enumerate(node.items):
            self.places[f"{part.name}.{index}"] = item.place
            self.add_section(part, f"{part.name}.{index}", item)

    def add_section(self, part: Part, prefix: str, node: Node) -> None:
        if isinstance(node, Scalar) and node.value is None:
            return  # `host:` with nothing below it
        if not isinstance(node, Section):
            self.problem(prefix, node.place, "Keys are needed here.", _KEYS_BELOW)
            return
        questions = dict(questions_of(part.section))
        for name, entry in self.entries(node, prefix, list(questions)).items():
            self.add_answer(f"{prefix}.{name}", questions[name], entry)

    def entries(self, section: Section, prefix: str, allowed: list[str]) -> dict[str, Entry]:
        """The section's entries by key; keys that are unknown or stand twice are problems."""
        found: dict[str, Entry] = {}
        for entry in section.entries:
            key = f"{prefix}.{entry.key}" if prefix else entry.key
            if entry.key not in allowed:
                self.problem(
                    _brief_key(key), entry.place, "There is no such key.",
                    self.nearest(entry.key, allowed),
                )  # fmt: skip
            elif entry.key in found:
                line = found[entry.key].place.line
                self.problem(
                    key, entry.place, f"This key stands in line {line} already.", "Keep one."
                )
            else:
                found[entry.key] = entry
        return found

    def nearest(self, key: str, allowed: list[str]) -> str:
        """What may have been meant by a key that is not known here."""
        if near := difflib.get_close_matches(key, allowed, 1, 0.6):
            return f"Did you mean `{near[0]}`?"
        for part in self.parts.values():
            if part.question(key) is not None:
                return f"`{key}` belongs into `{part.name}`."
        return "Known here: " + ", ".join(allowed) + "."

    def add_answer(self, key: str, question: Question[Any], entry: Entry) -> None:
        node = entry.node
        match node:
            case Scalar(value=None):
                # Where nothing is written, the parser's place is the next thing's.
                place = node.place if node.text else entry.place
                self.problem(key, place, "It has no value.", "Give one, or leave the key out.")
                return
            case Scalar():
                raw, written = node.value, node.text
            case Listing(items=items) if all(isinstance(item, Scalar) for item in items):
                raw, written = [item.value for item in items if isinstance(item, Scalar)], ""
            case _:
                self.problem(
                    key, node.place, f"This is not {question.kind.name}.", _KEYS_NOT_WANTED
                )
                return
        self.parse(key, question, raw, node.place, written)

    def parse(
        self, key: str, question: Question[Any], raw: object, place: Place, written: str
    ) -> None:
        try:
            self.given[key] = Given(question.kind.parse(raw), place)
        except ValueError as error:
            if not isinstance(raw, str | list) and _parses(question, written):
                hint = f'Put it in quotes: "{written}".'
            else:
                hint = str(error)
            self.problem(key, place, refusal(question, raw), hint)

    def add_assignment(self, assignment: str) -> None:
        key, equals, value = assignment.partition("=")
        if not equals or not key:
            raise UsageError(
                "--set needs KEY=VALUE.", hint="For example: --set guests.0.memory=1GiB"
            )
        place = Place("--set")
        words = key.split(".")
        part = self.parts.get(words[0])
        if part is None:
            self.problem(_brief_key(key), place, "There is no such key.",
                         self.nearest(words[0], list(self.parts)))  # fmt: skip
            return
        shape = f"{part.name}.0.KEY" if part.many else f"{part.name}.KEY"
        if len(words) != (3 if part.many else 2):
            self.problem(_brief_key(key), place, "There is no such key.", f"Write {shape}=VALUE.")
            return
        prefix = part.name
        if part.many:
            index = self.index_of(part, words[1])
            if index is None:
                self.problem(
                    _brief_key(key), place, f"There is no `{_brief_key(words[1])}` in the list.",
                    f"Count from 0 without a gap, or use a name that is there: {shape}=VALUE.",
                )  # fmt: skip
                return
            self.counts[part.name] = max(self.counts.get(part.name, 1), index + 1)
            prefix = f"{part.name}.{index}"
        question = part.question(words[-1])
        if question is None:
            names = [name for name, _ in questions_of(part.section)]
            self.problem(
                _brief_key(key), place, "There is no such key.", self.nearest(words[-1], names)
            )
            return
        self.parse(f"{prefix}.{words[-1]}", question, value, place, value)

    def index_of(self, part: Part, word: str) -> int | None:
        """The index that a number or an item's name stands for; the next free one is allowed."""
        count = self.counts.get(part.name, 1)
        if word.isascii() and word.isdigit() and int(word[:6]) <= min(count, MOST_ITEMS - 1):
            return int(word[:6])
        for index in range(count):
            name = self.given.get(f"{part.name}.{index}.name")
            if name is not None and name.value == word:
                return index
        return None


_FIRST_LINES = f"The first line of an answer file is: version: {ANSWERS_VERSION}"
_KEYS_BELOW = "Write them below, indented, each as `key: value`."
_KEYS_NOT_WANTED = "Give one value, or a list of simple values, as the question asks."


def _parses(question: Question[Any], text: str) -> bool:
    try:
        question.kind.parse(text)
    except ValueError:
        return False
    return not question.secret


def _brief_key(key: str) -> str:
    printable = "".join(character if character.isprintable() else "?" for character in key)
    return printable if len(printable) <= 60 else printable[:57] + "..."


def refusal(question: Question[Any], raw: object) -> str:
    """The sentence that says what a value is not; a secret one is not repeated."""
    if question.secret:
        return f"The value is not {question.kind.name}."
    shown = reprlib.Repr()
    shown.maxstring = shown.maxother = 60
    return f"{shown.repr(raw)} is not {question.kind.name}."


def write_answers(answers: Answers[S]) -> str:
    """An answer file with these answers, each below its question. The same answers give the
    same text; `read_text` reads it back to them.
    """
    lines = [
        "# Answers for xen-setup. To do the same again, without a question:",
        "#     sudo xen-setup apply THIS-FILE",
        f"version: {ANSWERS_VERSION}",
    ]
    for part in parts(answers.settings):
        if not part.many:
            body = _section_lines(answers, part, part.name, "  ")
            lines += ["", f"{part.name}:", *body] if body else []
            continue
        count = answers.counts.get(part.name)
        if count is None:
            continue
        lines += ["", f"{part.name}:"]
        for index in range(count):
            lines.append("  -")
            body = _section_lines(answers, part, f"{part.name}.{index}", "    ")
            lines += body or []
    return "\n".join(lines) + "\n"


def _section_lines(answers: Answers[S], part: Part, prefix: str, indent: str) -> list[str]:
    lines: list[str] = []
    for name, question in questions_of(part.section):
        given = answers.given.get(f"{prefix}.{name}")
        if given is None:
            continue
        lines.append(f"{indent}# {question.prompt}")
        shown = question.kind.show(given.value)
        if isinstance(shown, list | tuple):
            items = [yaml_scalar(item) for item in shown]
            if sum(map(len, items)) > 60:
                lines.append(f"{indent}{name}:")
                lines += [f"{indent}  - {item}" for item in items]
            else:
                lines.append(f"{indent}{name}: [{', '.join(items)}]")
        else:
            lines.append(f"{indent}{name}: {yaml_scalar(shown)}")
    return lines


def save_answers(path: Path, text: str) -> None:
    """Write an answer file that only its owner may read; UsageError when it cannot be written.

    An older file of that name is replaced whole, or stays whole.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(
            f"The answers cannot be written to {path}: {error.strerror or error}.",
            hint="Choose a folder that you may write to.",
        ) from None
