"""An answer file to begin with: every question as a comment, above the key that answers it.

A key behind a `#` holds a default, or an example where the machine suggests the default: without
the `#` it is an answer. Comments have a space after the `#`, so that the two cannot be mixed up.
"""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from wizard.answer_file import ANSWERS_VERSION
from wizard.answer_reference import allowed, answer_line, to_begin_with
from wizard.answers import Part, parts
from wizard.questions import Question, questions_of

_WIDTH = 92


def answer_template(
    settings: type,
    schema: str,
    *,
    only: Collection[str] = (),
    given: Mapping[str, str] | None = None,
    head: str = "",
) -> str:
    """The text of a template; its first line tells editors that `schema` is a file beside it.

    `only`: the keys that stand in it, `section.key` (all, if empty, and then with their help).
    `given`: answers that are no comments. `head`: paragraphs for the front, as comments.
    """
    lines = [f"# yaml-language-server: $schema={schema}", *_comment(head, "")]
    lines.append(f"version: {ANSWERS_VERSION}")
    for part in parts(settings):
        chosen = [
            (name, question)
            for name, question in questions_of(part.section)
            if not only or f"{part.name}.{name}" in only
        ]
        if chosen:
            lines += ["", f"{part.name}:"]
            lines += _section(part, chosen, given or {}, whole=not only)
    return "\n".join(lines) + "\n"


def _section(
    part: Part,
    questions: list[tuple[str, Question[Any]]],
    given: Mapping[str, str],
    *,
    whole: bool,
) -> Iterator[str]:
    indent = "    " if part.many else "  "
    if part.many:
        yield "  -"
    for name, question in questions:
        about = [question.help] if whole else []
        about.append(f"Answer: {allowed(question)}.")
        answer = given.get(f"{part.name}.{name}")
        if answer is None:
            if question.constant is None:
                about.append("Left out, the machine suggests one. An example:")
            value = question.constant or to_begin_with(question)
            line = f"#{answer_line(name, question, value)}"
        else:
            line = f"{name}: {answer}"
        yield from _comment(question.prompt, indent)
        yield from _comment(" ".join(about), indent, "  ")
        yield indent + line


def _comment(text: str, indent: str, deeper: str = "") -> list[str]:
    """Text as comments; a line of it that is indented stays as it is."""
    front = f"{indent}# {deeper}"
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith(" ") or not line:
            lines.append(line)
        else:
            lines += textwrap.wrap(line, _WIDTH - len(front), break_on_hyphens=False)
    return [(front + line).rstrip() for line in lines]
