"""The JSON Schema of an answer file, made from the questions (draft 2020-12).

Editors complete keys with it and show what they mean. It says what can be said without a machine
and about one value alone; the reader (answer_file.py) knows the rest.
"""

from __future__ import annotations

import json

from wizard.answer_file import ANSWERS_VERSION, MOST_ITEMS
from wizard.answers import Part, parts
from wizard.questions import Question, questions_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FILE_NAME = "xen-setup-answers.schema.json"  # beside an answer file, whose first line names it

Schema = dict[str, object]

_RANGE: Schema = {
    "title": "A range makes several",
    "type": "string",
    "pattern": r"^[^{}]*\{[0-9]{1,9}\.\.[0-9]{1,9}\}[^{}]*$",
    "examples": ["vm{01..20}"],
}


def schema_text(settings: type) -> str:
    """The schema of an answer file for these settings, as JSON text."""
    return json.dumps(answers_schema(settings), indent=2, ensure_ascii=False) + "\n"


def answers_schema(settings: type) -> Schema:
    """The schema of an answer file for these settings."""
    sections: Schema = {}
    for part in parts(settings):
        if part.defaults:
            sections[part.defaults] = {
                "title": f"What each of the {part.name} gets, unless it says otherwise",
                **_section(part, without=part.identity),
            }
        sections[part.name] = _list(part) if part.many else _section(part)
    return {
        "$schema": DIALECT,
        "title": "Answers for xen-setup",
        "type": "object",
        "properties": {
            "version": {
                "title": "The version of the keys in this file",
                "const": ANSWERS_VERSION,
            },
            **sections,
        },
        "required": ["version"],
        "additionalProperties": False,
    }


def _list(part: Part) -> Schema:
    return {
        "type": "array",
        "items": _section(part),
        "minItems": 1,
        "maxItems": MOST_ITEMS,
    }


def _section(part: Part, *, without: str = "") -> Schema:
    return {
        # A key with nothing below it is an empty section.
        "type": ["object", "null"],
        "properties": {
            name: _answer(question)
            for name, question in questions_of(part.section)
            if name != without
        },
        "additionalProperties": False,
    }


def _answer(question: Question[object]) -> Schema:
    value = dict(question.kind.schema)
    if question.identity:
        value = {"anyOf": [value, _RANGE]}
    schema: Schema = {"title": question.prompt, "description": question.help, **value}
    if question.constant is not None:
        schema["default"] = question.kind.show(question.constant)
    if question.example is not None:
        schema["examples"] = [question.kind.show(question.example)]
    return schema
