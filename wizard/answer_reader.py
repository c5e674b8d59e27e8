"""Reads answer files and assignments one after the other into one set of answers.

Each file is read whole, whatever is wrong in it; `answers()` gives what came of all of them, or
raises AnswersInvalid with every problem, each at its place and with its line.
"""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from wizard.answer_migration import MIGRATIONS, Migrations, migrated, newest
from wizard.answer_problems import folded, lines_of, with_excerpt, without_secrets
from wizard.answers import Answers, Given, Part, clashes, parts, secret_names, text_of
from wizard.errors import AnswerProblem, AnswersInvalid, UsageError
from wizard.questions import Question, questions_of
from wizard.ranges import expand, is_range
from wizard.yaml_text import Entry, Listing, Node, Place, Scalar, Section, parse_yaml

ANSWERS_VERSION = newest()
MOST_ITEMS = 1000  # of a list such as `guests`: far more than a machine can hold

S = TypeVar("S")


@dataclass(frozen=True)
class _Item:
    """One item of a list in a file: what it says; of a range, what it says of each."""

    place: Place
    each: tuple[Mapping[str, Given], ...]


class AnswerReader(Generic[S]):
    """Gathers answers and problems of several sources; a later answer replaces an earlier."""

    def __init__(self, settings: type[S], migrations: Migrations = MIGRATIONS) -> None:
        self.settings = settings
        self.migrations = migrations
        self.parts = {part.name: part for part in parts(settings)}
        self.of_defaults = {part.defaults: part for part in parts(settings) if part.defaults}
        self.problems: list[AnswerProblem] = []
        self.given: dict[str, Given] = {}
        self.defaults: dict[str, Given] = {}
        self.counts: dict[str, int] = {}
        self.places: dict[str, Place] = {}
        self.sources: dict[str, Sequence[str]] = {}
        self._secrets = secret_names(settings)
        self._unreadable: list[str] = []

    def answers(self) -> Answers[S]:
        """All of it; raises AnswersInvalid with every problem when there is one."""
        read = Answers(
            self.settings, self.given, self.counts, self.places, self.defaults, self.sources
        )
        for part in self.of_defaults.values():
            for index in range(read.count_of(part.name)):
                for key, given in read.defaults_of(part, index).items():
                    self.given.setdefault(key, given)
        self.problems += folded(clashes(read))
        if self.problems:
            only = len(self.problems) == len(self._unreadable) == 1
            raise AnswersInvalid(
                tuple(sorted(self.problems, key=self._order)),
                what=self._unreadable[0] if only else "",
            )
        return read

    def _order(self, problem: AnswerProblem) -> tuple[int, int, int]:
        """As they stand in the files, one after the other; options come last."""
        files = [*self.sources]
        place = files.index(problem.file) if problem.file in files else len(files)
        return place, problem.line, problem.column

    def problem(
        self, key: str, place: Place, what: str, hint: str = "", *, hidden: bool = False
    ) -> None:
        """Note what is wrong; `hidden`: what stands at that place is not shown."""
        found = AnswerProblem(key, what, hint, place.file, place.line, place.column)
        lines = self.sources.get(place.file, ())
        self.problems.append(with_excerpt(found, lines, self._secrets, hidden=hidden))

    def _is_hidden(self, place: Place) -> bool:
        """Whether what stands there may be a secret, whatever it is read for."""
        lines = self.sources.get(place.file, ())
        if not 1 <= place.line <= len(lines):
            return False
        shown = without_secrets(lines, place.line, self._secrets)
        return shown != lines[place.line - 1] and place.column > len(shown) - 1

    def add_unreadable(self, error: AnswersInvalid) -> None:
        """Note that a file could not be read."""
        self._unreadable.append(error.what)
        for problem in error.problems:
            lines = self.sources.get(problem.file, ())
            self.problems.append(with_excerpt(problem, lines, self._secrets))

    # ---- files

    def add_text(self, text: str, name: str) -> None:
        """Read one file's text. Raises AnswersInvalid when it is no YAML at all."""
        self.sources[name] = lines_of(text)
        document = parse_yaml(text, name)
        if not isinstance(document, Section):
            self.problem("", document.place, "An answer file is made of keys.", _FIRST_LINES)
            return
        first = next((entry for entry in document.entries if entry.key == "version"), None)
        if not self._version_is_ours(first, document.place):
            return
        if first is not None and isinstance(first.node, Scalar) and self._is_older(first.node):
            self.add_text(migrated(text, int(first.node.text), self.migrations), name)
            return
        entries = self._entries(document, "", ["version", *self.of_defaults, *self.parts])
        for prefix, part in self.of_defaults.items():
            if entry := entries.get(prefix):
                found = self._section(part, prefix, entry.node, without=part.identity)
                self.defaults |= {f"{prefix}.{key}": given for key, given in found.items()}
        for part in self.parts.values():
            if entry := entries.get(part.name):
                self.places[part.name] = entry.place
                self._add_part(part, entry)

    def _version_is_ours(self, entry: Entry | None, top: Place) -> bool:
        if entry is None:
            self.problem("version", top, "The version is missing.", _FIRST_LINES)
            return True
        place = _place_of(entry)
        version = entry.node.value if isinstance(entry.node, Scalar) else None
        if isinstance(version, bool) or not isinstance(version, int):
            self.problem("version", place, "It must be a number.", "Write: version: 1")
        elif version > newest(self.migrations):
            self.problem(
                "version",
                place,
                f"These answers are of version {version}; this program reads version "
                f"{newest(self.migrations)} at most.",
                "Use the xen-setup that wrote them, or a newer one.",
            )
            return False  # the keys may have changed: what is said of them would mislead
        elif version < 1:
            self.problem("version", place, "There is no such version.", _FIRST_LINES)
        return True

    def _is_older(self, version: Scalar) -> bool:
        return version.text.isdecimal() and 1 <= int(version.text[:9]) < newest(self.migrations)

    def _add_part(self, part: Part, entry: Entry) -> None:
        node = entry.node
        if not part.many:
            found = self._section(part, part.name, node)
            self.given |= {f"{part.name}.{name}": value for name, value in found.items()}
            return
        if not isinstance(node, Listing):
            self.problem(
                part.name,
                _place_of(entry),
                "A list is needed here.",
                f"Put `- ` before the first key of each of the {part.name}.",
            )
            return
        items: list[_Item] = []
        total = 0
        for listed in node.items:
            items.append(self._item(part, total, listed))
            total += len(items[-1].each)
            if total > MOST_ITEMS:
                break
        if not 1 <= total <= MOST_ITEMS:
            number = f"over {MOST_ITEMS}" if total else "0"
            self.problem(
                part.name,
                node.place,
                f"The list has {number} items; 1 to {MOST_ITEMS} are possible.",
                f"Leave `{part.name}` out for one with the defaults.",
            )
            return
        self._merge(part, items)

    def _section(
        self, part: Part, prefix: str, node: Node, *, without: str = ""
    ) -> dict[str, Given]:
        """The answers of one section or item, by their bare names."""
        if isinstance(node, Scalar) and node.value is None:
            return {}  # `host:` with nothing below it
        if not isinstance(node, Section):
            self.problem(prefix, node.place, "Keys are needed here.", _KEYS_BELOW)
            return {}
        questions = dict(questions_of(part.section))
        known = [name for name in questions if name != without]
        found = {}
        for name, entry in self._entries(node, prefix, known).items():
            given = self._answer(f"{prefix}.{name}", questions[name], entry)
            if given is not None:
                found[name] = given
        return found

    def _entries(self, section: Section, prefix: str, allowed: list[str]) -> dict[str, Entry]:
        """The section's entries by key; keys that are unknown or stand twice are problems."""
        found: dict[str, Entry] = {}
        for entry in section.entries:
            key = f"{prefix}.{entry.key}" if prefix else entry.key
            if entry.key not in allowed:
                self.problem(
                    _brief_key(key), entry.place, "There is no such key.",
                    self.nearest(prefix, entry.key, allowed),
                )  # fmt: skip
            elif entry.key in found:
                line = found[entry.key].place.line
                self.problem(
                    key, entry.place, f"This key stands in line {line} already.", "Keep one."
                )
            else:
                found[entry.key] = entry
        return found

    def nearest(self, prefix: str, key: str, allowed: list[str]) -> str:
        """What may have been meant by a key that is not known in the section `prefix`."""
        part = self.of_defaults.get(prefix)
        if part is not None and key == part.identity:
            return f"It cannot be the same for all: give it to each of the `{part.name}`."
        if near := difflib.get_close_matches(key, allowed, 1, 0.6):
            return f"Did you mean `{near[0]}`?"
        for part in self.parts.values():
            if part.question(key) is not None:
                return f"`{key}` belongs into `{part.name}`."
        return "Known here: " + ", ".join(allowed) + "."

    def _answer(self, key: str, question: Question[Any], entry: Entry) -> Given | None:
        node = entry.node
        match node:
            case Scalar(value=None):
                self.problem(
                    key, _place_of(entry), "It has no value.", "Give one, or leave the key out."
                )
                return None
            case Scalar():
                raw, written = node.value, node.text
            case Listing(items=items) if all(isinstance(item, Scalar) for item in items):
                raw, written = [item.value for item in items if isinstance(item, Scalar)], ""
            case _:
                self.problem(
                    key, node.place, f"This is not {question.kind.name}.", _KEYS_NOT_WANTED,
                    hidden=question.secret,
                )  # fmt: skip
                return None
        return self._parsed(key, question, raw, node.place, written)

    def _parsed(
        self, key: str, question: Question[Any], raw: object, place: Place, written: str
    ) -> Given | None:
        if question.identity and isinstance(raw, str) and is_range(raw) and place.line:
            return Given(raw, place)  # for _item to read
        try:
            value = question.kind.parse(raw)
        except ValueError as error:
            what, hint = refusal(question, raw), str(error)
            if self._is_hidden(place) and not question.secret:
                # An alias of a secret, say.
                what, hint = f"The value is not {question.kind.name}.", "Give one of its own."
            elif not isinstance(raw, str | list):
                what = refusal(question, _AsWritten(written))
                if _parses(question, written):
                    hint = f'Put it in quotes: "{written}".'
            self.problem(key, place, what, hint, hidden=question.secret)
            return None
        if isinstance(raw, int) and re.fullmatch(r"[-+]?0[0-9]+", written):
            # YAML 1.2 reads a number of ten here, YAML 1.1 and C one of eight.
            octal = "" if re.search("[89]", written) else f" or {int(written, 8)} (octal)"
            self.problem(
                key, place, f"{written} can mean {raw}{octal}.", "Write it without the zero."
            )
            return None
        return Given(value, place)

    # ---- lists

    def _item(self, part: Part, position: int, node: Node) -> _Item:
        prefix = f"{part.name}.{position}"
        values = self._section(part, prefix, node)
        name = values.get(part.identity)
        if name is None or not is_range(name.value):
            return _Item(node.place, (values,))
        del values[part.identity]
        question = part.question(part.identity)
        assert question is not None
        key = f"{prefix}.{part.identity}"
        try:
            names = expand(str(name.value), MOST_ITEMS)
        except ValueError as error:
            self.problem(key, name.place, f"{name.value!r} is no range that is understood here.",
                         str(error))  # fmt: skip
            return _Item(node.place, (values,))
        for each in names:
            try:
                question.kind.parse(each)
            except ValueError as error:
                self.problem(key, name.place, refusal(question, each), str(error))
                return _Item(node.place, (values,))
        given = [Given(each, name.place) for each in names]
        return _Item(node.place, tuple(self._counted(part, position, given, values)))

    def _counted(
        self, part: Part, position: int, names: Sequence[Given], values: Mapping[str, Given]
    ) -> Iterator[Mapping[str, Given]]:
        """The answers of each item of a range: what counts up from the first does so."""
        left = dict(values)
        for nth, name in enumerate(names):
            found = {part.identity: name}
            for key, given in list(left.items()):
                question = part.question(key)
                if nth == 0 or question is None or question.nth is None:
                    found[key] = given
                    continue
                try:
                    found[key] = Given(question.nth(given.value, nth), given.place)
                except ValueError as error:
                    del left[key]  # said once
                    self.problem(
                        f"{part.name}.{position + nth}.{key}",
                        given.place,
                        f"{text_of(question, given.value)!r} is for {names[0].value}, and cannot "
                        f"be counted up to {names[-1].value}.",
                        f"For {name.value}: {error}",
                    )
            yield found

    def _merge(self, part: Part, items: Sequence[_Item]) -> None:
        """Items with a name go to the one of that name, or are new; the others by position."""
        count = self.counts.get(part.name, 0)
        there = {
            given.value: index
            for index in range(count)
            if (given := self.given.get(f"{part.name}.{index}.{part.identity}")) is not None
        }
        taken: dict[int, Place] = {}
        listed = ((item.place, values) for item in items for values in item.each)
        for position, (place, values) in enumerate(listed):
            name = values.get(part.identity)
            index = there.pop(name.value, count) if name else min(position, count)
            if index in taken:
                self.problem(
                    f"{part.name}.{position}", place,
                    f"This is for the same one as what stands in line {taken[index].line}.",
                    f"Give it the `{part.identity}` of the one it is for.",
                )  # fmt: skip
            taken[index] = place
            count = max(count, index + 1)
            prefix = f"{part.name}.{index}"
            self.places[prefix] = place
            self.given |= {f"{prefix}.{key}": given for key, given in values.items()}
        self.counts[part.name] = count

    # ---- --set

    def add_assignment(self, assignment: str) -> None:
        """Read KEY=VALUE; a UsageError when it is not of that form."""
        key, equals, value = assignment.partition("=")
        if not equals or not key:
            raise UsageError(
                "--set needs KEY=VALUE.", hint="For example: --set guests.0.memory=1GiB"
            )
        found = self._target(key, Place("--set"))
        if found is None:
            return
        full, question = found
        given = self._parsed(full, question, value, Place("--set"), value)
        if given is None:
            return
        if full.rpartition(".")[0] in self.of_defaults:
            self.defaults[full] = given
        else:
            self.given[full] = given

    def _target(self, key: str, place: Place) -> tuple[str, Question[Any]] | None:
        """What a key of --set stands for: the whole key, and its question."""
        words = key.split(".")
        part = self.parts.get(words[0]) or self.of_defaults.get(words[0])
        if part is None:
            known = [*self.parts, *self.of_defaults]
            self.problem(_brief_key(key), place, "There is no such key.",
                         self.nearest("", words[0], known))  # fmt: skip
            return None
        item = part.many and words[0] == part.name
        shape = f"{part.name}.0.KEY" if item else f"{words[0]}.KEY"
        if len(words) != (3 if item else 2):
            self.problem(_brief_key(key), place, "There is no such key.", f"Write {shape}=VALUE.")
            return None
        prefix = words[0]
        question = part.question(words[-1])
        if question is None or (prefix == part.defaults and question.identity):
            names = [name for name, _ in questions_of(part.section)]
            self.problem(
                _brief_key(key), place, "There is no such key.",
                self.nearest(prefix, words[-1], names),
            )  # fmt: skip
            return None
        if item:
            index = self._index_of(part, words[1])
            if index is None:
                if not self._unreadable:  # what cannot be read may have it
                    self.problem(
                        _brief_key(key), place,
                        f"There is no `{_brief_key(words[1])}` in the list: {self._there(part)}.",
                        "A further one is written in an answer file: "
                        f"{part.name}: [{{{part.identity}: …}}]",
                    )  # fmt: skip
                return None
            self.counts[part.name] = max(self.counts.get(part.name, 1), index + 1)
            prefix = f"{part.name}.{index}"
        return f"{prefix}.{words[-1]}", question

    def _index_of(self, part: Part, word: str) -> int | None:
        """The index that a number or an item's name stands for. Only what is there: an item that
        came of a number mistyped would be one more machine.
        """
        count = self.counts.get(part.name, 1)
        if word.isascii() and word.isdecimal() and int(word[:6]) < count:
            return int(word[:6])
        for index in range(count):
            name = self.given.get(f"{part.name}.{index}.{part.identity}")
            if name is not None and name.value == word:
                return index
        return None

    def _there(self, part: Part) -> str:
        """The items of a list, as --set knows them: by number, and by name where they have one."""
        count = self.counts.get(part.name, 1)
        first, last = (
            f"{index}" + (f" ({given.value})" if given else "")
            for index in (0, count - 1)
            for given in (self.given.get(f"{part.name}.{index}.{part.identity}"),)
        )
        if count == 1:
            return f"its only item is {first}"
        return f"it has {count} items, {first} to {last}"


_FIRST_LINES = f"The first line of an answer file is: version: {ANSWERS_VERSION}"
_KEYS_BELOW = "Write them below, indented, each as `key: value`."
_KEYS_NOT_WANTED = "Give one value, or a list of simple values, as the question asks."


def _place_of(entry: Entry) -> Place:
    """Where a key's value stands; the parser's place for an empty one is where the next is."""
    empty = isinstance(entry.node, Scalar) and not entry.node.text
    return entry.place if empty else entry.node.place


class _AsWritten(str):
    """A number or a word of YAML's, to be shown as it stands in the file."""

    __slots__ = ()


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
    if isinstance(raw, _AsWritten):
        return f"{_brief_key(raw)} is not {question.kind.name}."
    shown = reprlib.Repr()
    shown.maxstring = shown.maxother = 60
    return f"{shown.repr(raw)} is not {question.kind.name}."
