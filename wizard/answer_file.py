"""Answer files and --set: read with the place of every problem, merged, and written.

    read_answers(files, Settings, assignments)  → Answers, or every problem at once
    write_answers(answers)                      → a file's text, the questions beside the answers

The format is YAML 1.2: `version: 1`, then the sections of the settings class, and `defaults` for
the items of a list. What comes later counts more, key by key; items of a list match by name, or
by their position where they have none. What needs the machine comes later: `answers.settle`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from wizard.answer_migration import MIGRATIONS, Migrations
from wizard.answer_reader import ANSWERS_VERSION, MOST_ITEMS, AnswerReader, refusal
from wizard.answers import Answers, Part, parts
from wizard.errors import AnswerProblem, AnswersInvalid
from wizard.private_file import read_file, write_private
from wizard.questions import questions_of
from wizard.yaml_text import LARGEST_FILE, yaml_scalar

__all__ = [
    "ANSWERS_VERSION",
    "MOST_ITEMS",
    "answers_text",
    "read_answers",
    "read_text",
    "refusal",
    "save_answers",
    "text_of_file",
    "write_answers",
]

S = TypeVar("S")

_TO_APPLY = (
    "Answers for xen-setup. To do the same again, without a question:",
    "    sudo xen-setup apply THIS-FILE",
)


def read_answers(
    files: Sequence[Path],
    settings: type[S],
    assignments: Sequence[str] = (),
    *,
    text_of: Callable[[Path], str] | None = None,
) -> Answers[S]:
    """The answers of these files, then of KEY=VALUE assignments; what comes later counts.

    `text_of` gives the text of a file that was read before.
    Raises AnswersInvalid with every problem of all of them, and UsageError for an assignment
    without a key.
    """
    reader = AnswerReader(settings)
    for path in files:
        try:
            reader.add_text((text_of or text_of_file)(path), str(path))
        except AnswersInvalid as error:
            reader.add_unreadable(error)
    for assignment in assignments:
        reader.add_assignment(assignment)
    return reader.answers()


def read_text(
    text: str,
    settings: type[S],
    name: str = "answers.yaml",
    migrations: Migrations = MIGRATIONS,
) -> Answers[S]:
    """The answers of one text; problems are reported with that name."""
    reader = AnswerReader(settings, migrations)
    try:
        reader.add_text(text, name)
    except AnswersInvalid as error:
        reader.add_unreadable(error)
    return reader.answers()


def answers_text(path: Path) -> str:
    """The text of an answer file that is read again later; OSError when it is no file (a pipe can
    be read but once), or cannot be read, or is far too long for one.
    """
    content, _ = read_file(path, LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise OSError(0, "it is far too long for an answer file")
    # As `text_of_file` reads it; what is no text was refused before, and would not be the same.
    return content.decode("utf-8-sig", "replace")


def text_of_file(path: Path) -> str:
    """The text of an answer file; AnswersInvalid when it cannot be read."""
    what = f"The answer file {path} cannot be read."
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        hint = "Check the path." if isinstance(error, FileNotFoundError) else "Is it the right one?"
        if isinstance(error, PermissionError):
            hint = "Start it with sudo, or make the file readable."
        problem = AnswerProblem("", f"{reason}.", hint, str(path))
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


def write_answers(answers: Answers[S], head: Sequence[str] = _TO_APPLY) -> str:
    """An answer file with these answers, each below its question; `head` says in its first lines
    what it is. The same answers give the same text; `read_text` reads it back to them.
    """
    lines = [*(f"# {line}" for line in head), f"version: {ANSWERS_VERSION}"]
    for part in parts(answers.settings):
        if not part.many:
            body = _section_lines(answers, part, part.name, "  ")
            lines += ["", f"{part.name}:", *body] if body else []
            continue
        if part.name not in answers.counts and not any(
            key.startswith(f"{part.name}.") for key in answers.given
        ):
            continue
        lines += ["", f"{part.name}:"]
        for index in range(answers.count_of(part.name)):
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
    write_private(path, text, "The answers")
