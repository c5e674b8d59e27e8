"""Answers to settings, and back: what was answered, where it stands, and what follows from it.

    answer_file.read_answers(files, Settings, assignments)  → Answers, or every problem at once
    settle(answers, facts)    → Settings: defaults filled in, checked, frozen
    draft(answers, facts)     → the same as far as it goes, with the problems beside it
    record(settings, facts)   → Answers: what a later run needs to do the same
    answer_file.write_answers(answers)  → the text of an answer file
    secrets(settings)         → {key: hash}, for SecretInput

The settings class says it all: a field is a section, whose own fields are questions
(`questions.py`), or a tuple of such a section, which is a list in the file (`guests`). Keys have
dots: `host.bridge`, and `guests.0.memory` for one of a list; `defaults.memory` is what every one
gets that says nothing else, and stands in each of them from the start. A question sees the
answers before it, in the order of the fields: those of sections by their keys, those of the same
item by its bare name too, those of earlier items as `earlier`.

A question that makes no sense after the earlier answers (`needed`) has its default, or the empty
value of its type ("", 0, false, ()): what was given for it is left unused, and not recorded.
A default that its own kind of answer refuses counts as none.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Generic, TypeVar

from wizard.answer_problems import folded, with_excerpt
from wizard.errors import AnswerProblem, AnswersInvalid
from wizard.questions import ASKED, Known, Question, is_reference, questions_of
from wizard.yaml_text import Place

S = TypeVar("S")


@dataclass(frozen=True)
class Part:
    """One section of the settings: its name, the class of it (or of its items).

    Of a list, `defaults` is the section that holds for every item, "" for none, and `identity`
    the question that an item is known by.
    """

    name: str
    section: type
    many: bool
    defaults: str = ""

    @property
    def identity(self) -> str:
        return next((name for name, each in questions_of(self.section) if each.identity), "")

    def questions(self) -> tuple[tuple[str, Question[Any]], ...]:
        """Its questions by their bare names, in their order."""
        return questions_of(self.section)

    def question(self, name: str) -> Question[Any] | None:
        """The question of that bare name, if there is one."""
        return dict(questions_of(self.section)).get(name)


@dataclass(frozen=True)
class Given:
    """One answer that was given, parsed, and where it stands."""

    value: Any
    place: Place = field(default_factory=Place)


@dataclass(frozen=True)
class Answers(Generic[S]):
    """What was answered. `counts` has the length of each list that was given; one item else.

    `given` has the answers of every item, those from `defaults` too; `defaults` keeps them for
    items that are added later. `sources` are the lines of each file, to show them.
    """

    settings: type[S]
    given: Mapping[str, Given] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)  # of sections: `host`, `guests.0`
    defaults: Mapping[str, Given] = field(default_factory=dict)  # by key: `defaults.memory`
    # Not in a crash report: a file can hold what nobody else should read.
    sources: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)

    def with_answer(self, key: str, value: object) -> Answers[S]:
        """These and one more, already parsed; it takes the place of an earlier one."""
        return replace(self, given={**self.given, key: Given(value)})

    def without_answer(self, key: str) -> Answers[S]:
        """These without the answer of that key, if there is one."""
        return replace(self, given={name: one for name, one in self.given.items() if name != key})

    def with_count(self, name: str, count: int) -> Answers[S]:
        """These with so many items in that list; answers for further ones are dropped, and those
        that are new get what the file has for all.
        """
        before = self.count_of(name)
        beyond = {f"{name}.{index}" for index in range(count, before)}
        given = {
            key: value for key, value in self.given.items() if key.rpartition(".")[0] not in beyond
        }
        part = next(part for part in parts(self.settings) if part.name == name)
        for index in range(before, count):
            given |= self.defaults_of(part, index)
        return replace(self, given=given, counts={**self.counts, name: count})

    def defaults_of(self, part: Part, index: int) -> dict[str, Given]:
        """What holds for every item of a list, as the answers of that one."""
        return {
            f"{part.name}.{index}.{key.rpartition('.')[2]}": value
            for key, value in self.defaults.items()
            if key.rpartition(".")[0] == part.defaults
        }

    def prefixes(self, part: Part) -> list[str]:
        """What the keys of a part begin with: its name, or that and the number of each item."""
        if not part.many:
            return [part.name]
        return [f"{part.name}.{index}" for index in range(self.count_of(part.name))]

    def count_of(self, name: str) -> int:
        """How many items of that list there are: one, if nothing was said."""
        return self.counts.get(name, 1)


@dataclass(frozen=True)
class Settled:
    """What became of one question: its value, and whether it was given, needed, and right."""

    key: str
    name: str
    question: Question[Any]
    known: Known
    needed: bool
    given: bool
    default: Any | None
    value: Any
    problem: AnswerProblem | None
    place: Place = field(default_factory=Place)  # of the answer that was given


@dataclass(frozen=True)
class Draft(Generic[S]):
    """Settings as far as they go: an answer that is missing or refused is empty in them."""

    settings: S
    problems: tuple[AnswerProblem, ...]


def parts(settings: type) -> tuple[Part, ...]:
    """The sections of a settings class, in their order."""
    return _parts(settings)


# Asked for at each answer, and a class's annotations are texts to be evaluated.
@cache
def _parts(settings: type) -> tuple[Part, ...]:
    hints = typing.get_type_hints(settings)
    found = []
    for item in dataclasses.fields(settings):
        declared = hints[item.name]
        many = typing.get_origin(declared) is tuple
        section = typing.get_args(declared)[0] if many else declared
        found.append(Part(item.name, section, many, item.metadata.get("defaults", "")))
    return tuple(found)


# ---- settling


def walk(answers: Answers[S], facts: object) -> Iterator[Settled]:
    """What becomes of each question, in the order of the fields; a list's items one by one."""
    seen: dict[str, Any] = {}
    for part in parts(answers.settings):
        earlier: tuple[Mapping[str, Any], ...] = ()
        for prefix in answers.prefixes(part):
            own: dict[str, Any] = {}
            for item in _walk_section(answers, part, prefix, Known(facts, seen, earlier)):
                own[item.name] = item.value
                yield item
            if part.many:
                earlier = (*earlier, own)
            else:
                seen = seen | {f"{prefix}.{name}": value for name, value in own.items()}


def _walk_section(answers: Answers[S], part: Part, prefix: str, before: Known) -> Iterator[Settled]:
    own: dict[str, Any] = {}
    empties = _empty_values(part.section)
    for name, question in questions_of(part.section):
        key = f"{prefix}.{name}"
        known = replace(before, answers={**before.answers, **own})
        needed = question.needed is None or question.needed(known)
        default = _default(question, known)
        given = answers.given.get(key)
        value = empties[name] if default is None else default
        problem = None
        if needed and given is not None:
            value = given.value
            if question.on_machine is not None:
                value = question.on_machine(value, known)
            if wrong := question.refuses(value, known):
                shown = refusal_of_value(question, given.value)
                problem = _problem(key, given.place, shown, wrong)
        elif needed and default is None:
            problem = _problem(
                key,
                _place_of(answers, part, prefix),
                f"The answer is missing, and nothing suggests one: {question.because(known)}.",
                f"{question.prompt} Give {question.kind.name}.",
            )._replace(missing=True)
        elif needed and (wrong := question.refuses(value, known)):
            shown = refusal_of_value(question, value)
            problem = _problem(
                key,
                _place_of(answers, part, prefix),
                f"No answer was given, and the default: {shown}",
                wrong,
            )
        if problem is not None:
            problem = _with_line(answers, problem)
        own[key] = value
        if part.many:
            own[name] = value
        yield Settled(
            key, name, question, known, needed, needed and given is not None, default, value,
            problem, given.place if given is not None else Place(),
        )  # fmt: skip


def clashes(answers: Answers[S]) -> Iterator[AnswerProblem]:
    """What was given twice and must differ, as far as the answers alone can tell."""
    seen: dict[str, Any] = {}
    for part in parts(answers.settings):
        earlier: tuple[Mapping[str, Any], ...] = ()
        for prefix in answers.prefixes(part):
            own: dict[str, Any] = {}
            for name, question in questions_of(part.section):
                key = f"{prefix}.{name}"
                given = answers.given.get(key)
                if given is None:
                    continue
                known = Known(None, {**seen, **own}, earlier)
                needed = question.needed is None or question.needed(known)
                if needed and question.among and (wrong := question.among(given.value, known)):
                    shown = refusal_of_value(question, given.value)
                    yield _with_line(answers, _problem(key, given.place, shown, wrong))
                own[name if part.many else key] = given.value
            if part.many:
                earlier = (*earlier, own)
            else:
                seen |= own


def problem_at(answers: Answers[S], key: str, place: Place, what: str, hint: str) -> AnswerProblem:
    """What is wrong with an answer, at its place and with its line."""
    return _with_line(answers, _problem(key, place, what, hint))


def _with_line(answers: Answers[S], problem: AnswerProblem) -> AnswerProblem:
    lines = answers.sources.get(problem.file, ())
    return with_excerpt(problem, lines, secret_names(answers.settings))


def _place_of(answers: Answers[S], part: Part, prefix: str) -> Place:
    """Where an item stands, or its section; neither needs to be in any file."""
    return answers.places.get(prefix, answers.places.get(part.name, Place()))


def secret_names(settings: type) -> frozenset[str]:
    """The bare names of the questions whose answers are never shown."""
    return frozenset(
        name
        for part in parts(settings)
        for name, question in questions_of(part.section)
        if question.secret
    )


def refusal_of_value(question: Question[Any], value: Any) -> str:
    """The words for a value of the right kind that does not fit this machine."""
    if question.secret:
        return "The value does not fit."
    return f"{text_of(question, value)!r} does not fit."


def text_of(question: Question[Any], value: Any) -> str:
    """A value as a person would type it."""
    shown = question.kind.show(value)
    match shown:
        case bool():
            return "yes" if shown else "no"
        case list() | tuple():
            return ", ".join(str(item) for item in shown)
    return str(shown)


def _default(question: Question[Any], known: Known) -> Any | None:
    value = question.default(known)
    if value is None:
        return None
    try:
        return question.kind.parse(question.kind.show(value))
    except ValueError:
        return None


def _problem(key: str, place: Place, what: str, hint: str) -> AnswerProblem:
    return AnswerProblem(key, what, hint, place.file, place.line, place.column)


@cache
def _empty_values(section: type) -> Mapping[str, Any]:
    """The empty value of each question's type: "", 0, False, ()."""
    hints = typing.get_type_hints(section)
    return {
        name: (typing.get_origin(hints[name]) or hints[name])() for name, _ in questions_of(section)
    }


def draft(answers: Answers[S], facts: object) -> Draft[S]:
    """The settings as far as the answers go, and what is wrong with them."""
    settled = list(walk(answers, facts))
    values = {item.key: item.value for item in settled}
    problems = folded(item.problem for item in settled if item.problem is not None)
    sections: dict[str, Any] = {}
    for part in parts(answers.settings):
        names = [name for name, _ in questions_of(part.section)]
        made = [
            part.section(**{name: values[f"{prefix}.{name}"] for name in names})
            for prefix in answers.prefixes(part)
        ]
        sections[part.name] = tuple(made) if part.many else made[0]
    return Draft(answers.settings(**sections), tuple(problems))


def settle(answers: Answers[S], facts: object) -> S:
    """The settings: every question has a value that fits. Raises AnswersInvalid with all that
    is missing or does not fit this machine.
    """
    drafted = draft(answers, facts)
    if drafted.problems:
        raise AnswersInvalid(drafted.problems)
    return drafted.settings


def record(settings: S, facts: object) -> Answers[S]:
    """Every answer that counts in these settings, so that a later run does the same."""
    given: dict[str, Given] = {}
    counts: dict[str, int] = {}
    for part in parts(type(settings)):
        held = getattr(settings, part.name)
        if part.many:
            counts[part.name] = len(held)
        for index, item in enumerate(held if part.many else (held,)):
            prefix = f"{part.name}.{index}" if part.many else part.name
            for name, _ in questions_of(part.section):
                given[f"{prefix}.{name}"] = Given(getattr(item, name))
    whole = Answers(type(settings), given, counts)
    needed = {item.key for item in walk(whole, facts) if item.needed}
    return replace(whole, given={key: item for key, item in given.items() if key in needed})


def secrets(settings: object) -> dict[str, str]:
    """The secret answers by the keys that actions name them with: `guests.vm01.root_password`
    for an item of a list that has a name, `host.KEY` otherwise. References are none: only
    `secret_references.resolve` makes hashes of them.
    """
    found = _secret_answers(settings)
    return {key: value for key, value in found.items() if not is_reference(value)}


def same_secrets(settings: object) -> dict[str, str]:
    """For each key of `secrets`, references too, the first one that has the same answer. What a
    person is asked for each time (`asked`) is never the same.
    """
    firsts: dict[str, str] = {}
    return {
        key: key if value == ASKED else firsts.setdefault(value, key)
        for key, value in _secret_answers(settings).items()
    }


def _secret_answers(settings: object) -> dict[str, str]:
    found = {}
    for part in parts(type(settings)):
        held = getattr(settings, part.name)
        for index, item in enumerate(held if part.many else (held,)):
            prefix = f"{part.name}.{getattr(item, 'name', index)}" if part.many else part.name
            for name, question in questions_of(part.section):
                if question.secret:
                    found[f"{prefix}.{name}"] = str(getattr(item, name))
    return found
