"""An answer file to begin with: every question as a comment, above the key that answers it.

A key behind a `#` holds a default, or an example where the machine suggests the default: without
the `#` it is an answer. Comments have a space after the `#`, so that the two cannot be mixed up.
"""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
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
    template = _Template(frozenset(only), given or {})
    for part in parts(settings):
        lines += template.list_lines(part) if part.many else template.section(part)
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class _Template:
    only: frozenset[str]
    given: Mapping[str, str]

    def section(self, part: Part) -> list[str]:
        chosen = self.chosen(part)
        return ["", f"{part.name}:", *self.lines(part, chosen, "  ")] if chosen else []

    def list_lines(self, part: Part) -> list[str]:
        """The section that holds for every item, and one item."""
        # What counts up in a range, or tells items apart, is of no use to all of them.
        own = [
            (name, question)
            for name, question in self.chosen(part)
            if question.identity or question.nth is not None or not part.defaults
        ]
        common = [each for each in self.chosen(part) if each not in own]
        lines: list[str] = []
        if common:
            lines += ["", f"# What every one of the {part.name} gets, unless it says otherwise."]
            lines += [f"{part.defaults}:", *self.lines(part, common, "  ")]
        if own:
            also = f"Any key of `{part.defaults}` can stand here too, for this one alone."
            lines += ["", f"{part.name}:", "  -", *self.lines(part, own, "    ")]
            lines += _comment(also, "    ") if part.defaults else []
        return lines

    def chosen(self, part: Part) -> list[tuple[str, Question[Any]]]:
        return [
            (name, question)
            for name, question in questions_of(part.section)
            if not self.only or f"{part.name}.{name}" in self.only
        ]

    def lines(
        self, part: Part, questions: list[tuple[str, Question[Any]]], indent: str
    ) -> Iterator[str]:
        for name, question in questions:
            about = [] if self.only else [question.help]
            about.append(f"Answer: {allowed(question)}.")
            if question.identity:
                about.append("A range makes several: vm{01..20}.")
            if question.nth is not None:
                about.append("In a range it is that of the first, and counts up.")
            answer = self.given.get(f"{part.name}.{name}")
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
