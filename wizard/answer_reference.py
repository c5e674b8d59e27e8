"""What is told of a question: what may be answered, the default, and how it is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wizard.answers import Part, parts
from wizard.questions import Question, questions_of
from wizard.yaml_text import yaml_scalar


def every_question(settings: type) -> Iterator[tuple[str, Part, Question[Any]]]:
    """Each question with its key: `host.bridge`, and `guests.memory` for every item of a list."""
    for part in parts(settings):
        for name, question in questions_of(part.section):
            yield f"{part.name}.{name}", part, question


def allowed(question: Question[Any]) -> str:
    """What an answer is, with its words where there are only a few."""
    words = words_of(question)
    if "enum" not in question.kind.schema:
        return question.kind.name
    return f"{question.kind.name}: {', '.join(words[:-1])} or {words[-1]}"


def words_of(question: Question[Any]) -> list[str]:
    """The words that can be answered, as far as they are known without a machine."""
    schema: Mapping[str, Any] = question.kind.schema
    if schema.get("type") == "boolean":
        return ["yes", "no"]
    words: list[str] = []
    for shape in schema.get("anyOf", [schema]):
        words += [str(word) for word in shape.get("enum", [])]
        words += [str(shape["const"])] if "const" in shape else []
    return words


def answer_line(name: str, question: Question[Any], value: Any) -> str:
    """`name: value`, as it stands in an answer file."""
    shown = question.kind.show(value)
    if isinstance(shown, list | tuple):
        return f"{name}: [{', '.join(yaml_scalar(item) for item in shown)}]"
    return f"{name}: {yaml_scalar(shown)}"


def to_begin_with(question: Question[Any]) -> Any:
    """A value to show the form of an answer: the example, or else the default."""
    return question.constant if question.example is None else question.example
