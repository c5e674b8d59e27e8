"""Answers to settings, and back: what was answered, where it stands, and what follows from it.

    answer_file.read_answers(files, Settings, assignments)  → Answers, or every problem at once
    settle(answers, facts)    → Settings: defaults filled in, checked, frozen
    draft(answers, facts)     → the same as far as it goes, with the problems beside it
    record(settings, facts)   → Answers: what a later run needs to do the same
    answer_file.write_answers(answers)  → the text of an answer file
    secrets(settings)         → {key: hash}, for SecretInput

The settings class says it all: a field is a section, whose own fields are questions
(`questions.py`), or a tuple of such a section, which is a list in the file (`guests`). Keys have
dots: `host.bridge`, and `guests.0.memory` for one of a list. A question sees the answers before
it, in the order of the fields: by their keys, and within an item of a list by its bare name too.

A question that makes no sense after the earlier answers (`needed`) has its default, or the empty
value of its type ("", 0, false, ()): what was given for it is left unused, and not recorded.
A default that its own kind of answer refuses counts as none.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from wizard.errors import AnswerProblem, AnswersInvalid
from wizard.questions import Known, Question, questions_of
from wizard.yaml_text import Place

S = TypeVar("S")


@dataclass(frozen=True)
class Part:
    """One section of the settings: its name, the class of it (or of its items)."""

    name: str
    section: type
    many: bool

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
    """What was answered. `counts` has the length of each list that was given; one item else."""

    settings: type[S]
    given: Mapping[str, Given] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)  # of sections: `host`, `guests.0`

    def with_answer(self, key: str, value: object) -> Answers[S]:
        """These and one more, already parsed; it takes the place of an earlier one."""
        return replace(self, given={**self.given, key: Given(value)})

    def with_count(self, name: str, count: int) -> Answers[S]:
        """These with so many items in that list; answers for further ones are dropped."""
        beyond = {f"{name}.{index}" for index in range(count, self.counts.get(name, 1))}
        given = {
            key: value for key, value in self.given.items() if key.rpartition(".")[0] not in beyond
        }
        return replace(self, given=given, counts={**self.counts, name: count})


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


@dataclass(frozen=True)
class Draft(Generic[S]):
    """Settings as far as they go: an answer that is missing or refused is empty in them."""

    settings: S
    problems: tuple[AnswerProblem, ...]


def parts(settings: type) -> tuple[Part, ...]:
    """The sections of a settings class, in their order."""
    hints = typing.get_type_hints(settings)
    found = []
    for item in dataclasses.fields(settings):
        declared = hints[item.name]
        many = typing.get_origin(declared) is tuple
        found.append(Part(item.name, typing.get_args(declared)[0] if many else declared, many))
    return tuple(found)


# ---- settling


def walk(answers: Answers[S], facts: object) -> Iterator[Settled]:
    """What becomes of each question, in the order of the fields; a list's items one by one."""
    seen: dict[str, Any] = {}
    for part in parts(answers.settings):
        if not part.many:
            yield from _walk_section(answers, part, part.name, facts, seen, bare=False)
            continue
        for index in range(answers.counts.get(part.name, 1)):
            prefix = f"{part.name}.{index}"
            yield from _walk_section(answers, part, prefix, facts, seen, bare=True)


def _walk_section(
    answers: Answers[S],
    part: Part,
    prefix: str,
    facts: object,
    seen: dict[str, Any],
    *,
    bare: bool,
) -> Iterator[Settled]:
    own: dict[str, Any] = {}
    empties = _empty_values(part.section)
    for name, question in questions_of(part.section):
        key = f"{prefix}.{name}"
        known = Known(facts, {**seen, **own})
        needed = question.needed is None or question.needed(known)
        default = _default(question, known)
        given = answers.given.get(key)
        value = empties[name] if default is None else default
        problem = None
        if needed and given is not None:
            value = given.value
            if wrong := question.check(value, known) if question.check else "":
                shown = refusal_of_value(question, value)
                problem = _problem(key, given.place, shown, wrong)
        elif needed and default is None:
            place = answers.places.get(prefix, answers.places.get(part.name, Place()))
            problem = _problem(
                key,
                place,
                f"The answer is missing, and nothing suggests one: {question.because(known)}.",
                f"{question.prompt} Give {question.kind.name}.",
            )._replace(missing=True)
        elif needed and question.check and (wrong := question.check(value, known)):
            place = answers.places.get(prefix, Place())
            shown = refusal_of_value(question, value)
            problem = _problem(key, place, f"No answer was given, and the default: {shown}", wrong)
        seen[key] = value
        if bare:
            own[name] = value
        yield Settled(
            key, name, question, known, needed, needed and given is not None, default, value,
            problem,
        )  # fmt: skip


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
    problems = [item.problem for item in settled if item.problem is not None]
    sections: dict[str, Any] = {}
    for part in parts(answers.settings):
        names = [name for name, _ in questions_of(part.section)]
        prefixes = [part.name]
        if part.many:
            count = answers.counts.get(part.name, 1)
            prefixes = [f"{part.name}.{index}" for index in range(count)]
        made = [
            part.section(**{name: values[f"{prefix}.{name}"] for name in names})
            for prefix in prefixes
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
    for an item of a list that has a name, `host.KEY` otherwise.
    """
    found = {}
    for part in parts(type(settings)):
        held = getattr(settings, part.name)
        for index, item in enumerate(held if part.many else (held,)):
            prefix = f"{part.name}.{getattr(item, 'name', index)}" if part.many else part.name
            for name, question in questions_of(part.section):
                if question.secret:
                    found[f"{prefix}.{name}"] = str(getattr(item, name))
    return found
