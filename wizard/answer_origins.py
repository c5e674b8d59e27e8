"""Merged answers with the place that each came from, as an answer file and for programs.

A secret is shown only where it is a reference or a word such as `locked`; of a hash it is said
where it was given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from wizard.answer_file import ANSWERS_VERSION
from wizard.answer_reference import answer_line, words_of
from wizard.answers import Answers, Given, Part, Settled, parts
from wizard.codec import encode
from wizard.questions import Question, is_reference, questions_of
from wizard.wording import printable

_COMMENTS_AT = 44  # the column where comments begin, unless an answer is longer


@dataclass(frozen=True)
class Origin:
    """One answer: its value (None for a secret that is not shown), and where it is from."""

    key: str
    question: Question[Any]
    value: Any
    shown: bool
    source: str
    given: bool


def origins(answers: Answers[Any], settled: Sequence[Settled] = ()) -> list[Origin]:
    """Every answer that was given, and with what became of each on a machine (`settled`) what
    that machine suggests for the others.
    """
    on_machine = {item.key: item for item in settled}
    found = []
    for part in parts(answers.settings):
        for prefix in answers.prefixes(part):
            for name, question in questions_of(part.section):
                key = f"{prefix}.{name}"
                given, item = answers.given.get(key), on_machine.get(key)
                if given is not None:
                    source = _source(answers, part, name, given)
                    if item is not None and not item.needed:
                        source += "; not used, with the other answers"
                    found.append(_origin(key, question, given.value, source, given=True))
                elif item is not None and item.needed and item.default is not None:
                    because = question.because(item.known)
                    source = "suggested" + (f": {because}" if because else "")
                    found.append(_origin(key, question, item.default, source, given=False))
    return found


def _origin(key: str, question: Question[Any], value: Any, source: str, *, given: bool) -> Origin:
    shown = not question.secret or is_reference(value) or value in words_of(question)
    return Origin(key, question, value if shown else None, shown, source, given)


def _source(answers: Answers[Any], part: Part, name: str, given: Given) -> str:
    place = given.place
    where = f"{place.file}:{place.line}" if place.line else place.file
    common = answers.defaults.get(f"{part.defaults}.{name}")
    return f"{part.defaults}, {where}" if part.defaults and common is given else where


def origins_text(answers: Answers[Any], found: Sequence[Origin], head: str) -> str:
    """An answer file with these answers; a comment behind each says where it is from."""
    by_key = {origin.key: origin for origin in found}
    lines = [f"# {printable(head)}", f"version: {ANSWERS_VERSION}"]
    for part in parts(answers.settings):
        body: list[str] = []
        for prefix in answers.prefixes(part):
            here = [
                by_key[key]
                for name, _ in questions_of(part.section)
                if (key := f"{prefix}.{name}") in by_key
            ]
            if part.many and (here or part.name in answers.counts):
                body.append("  -")
            body += _lines(here, "    " if part.many else "  ")
        if body:
            lines += ["", f"{part.name}:", *body]
    return "\n".join(lines) + "\n"


def _lines(found: Sequence[Origin], indent: str) -> Iterator[str]:
    for origin in found:
        name = origin.key.rpartition(".")[2]
        source = printable(origin.source).replace("\n", " ")
        if origin.shown:
            line = indent + answer_line(name, origin.question, origin.value)
            yield f"{line:{_COMMENTS_AT}}  # {source}"
        else:
            yield f"{indent}# {name}: not shown here, it is a secret; {source}"


@dataclass(frozen=True)
class ShownAnswer:
    """One answer as it is written in a file. `value` is null where it is a secret that is not
    `shown`; `given` is false where a machine suggests it; `source` says where it is from, or why.
    """

    key: str
    value: Any
    shown: bool
    given: bool
    source: str


@dataclass(frozen=True)
class ShowDocument:
    """What `answers show --json` prints: every answer, in the order of the questions."""

    shape: Literal["xen-setup answers show"]
    version: Literal[1]
    answers: tuple[ShownAnswer, ...]


def origins_document(found: Sequence[Origin]) -> dict[str, object]:
    """The same for a program to read; `version` changes when the shape does."""
    answers = tuple(
        ShownAnswer(
            origin.key,
            origin.question.kind.show(origin.value) if origin.shown else None,
            origin.shown,
            origin.given,
            origin.source,
        )
        for origin in found
    )
    document: dict[str, object] = encode(ShowDocument("xen-setup answers show", 1, answers))
    return document
