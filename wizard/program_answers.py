"""The `answers` commands: what can be done with answer files without changing a machine."""

from __future__ import annotations

import difflib
import getpass
import os
import shlex
import sys
from pathlib import Path
from typing import assert_never

from steps import PIPELINE
from steps.facts import Facts
from steps.saved_facts import load_facts
from steps.settings import Settings
from wizard import passwords
from wizard.answer_file import read_answers
from wizard.answer_reference import (
    allowed,
    answer_line,
    every_question,
    to_begin_with,
)
from wizard.answer_schema import FILE_NAME, schema_text
from wizard.answer_template import answer_template
from wizard.answers import Answers, Settled, draft, parts, text_of, walk
from wizard.arguments import Arguments
from wizard.console import Console
from wizard.errors import AnswersInvalid, Exit, UsageError
from wizard.step import step_name

# What two machines of a lab differ in, or two labs: the short template has these.
_OF_A_LAB = (
    "storage.use",
    "storage.device",
    "guests.name",
    "guests.memory",
    "guests.root_size",
    "guests.packages",
    "guests.root_password",
    "guests.ssh_keys",
    "guests.network",
)


def run(arguments: Arguments) -> int:
    """Do what the command line says; the exit status, unless a SetupError has it."""
    match arguments.answers_command:
        case "template":
            return template(arguments)
        case "validate":
            return validate(arguments)
        case "schema":
            return schema(arguments)
        case "explain":
            return explain(arguments)
        case "hash-password":
            return hash_password()
    assert_never(arguments.answers_command)


def template(arguments: Arguments) -> int:
    """`answers template`: a file to begin with; with --out, its schema beside it."""
    out = arguments.out
    name = out.name if out is not None else "FILE"
    head = (
        "Answers for xen-setup. What is not answered here has its default. A key behind a # holds\n"
        "a default or an example: take the # away, and it is an answer.\n"
        f"    xen-setup answers validate {name}    what is wrong with it\n"
        f"    xen-setup plan {name}                what it would do on this machine\n"
        f"    sudo xen-setup apply {name}          do it\n"
    )
    if out is None:
        head += (
            f"Editors complete the keys with the schema of the first line, which is made by\n"
            f"    xen-setup answers schema --out {FILE_NAME}\n"
        )
    only = () if arguments.full else _OF_A_LAB
    text = answer_template(
        Settings, FILE_NAME, only=only, given={"guests.name": "vm{01..03}"}, head=head
    )
    if out is None:
        sys.stdout.write(text)
        return Exit.DONE
    beside = out.with_name(FILE_NAME)
    made = schema_text(Settings)
    if os.path.lexists(out):
        raise _in_the_way(out)
    if _content(beside) != made:
        _create(beside, made, 0o644)
    _create(out, text, 0o600)  # a hash of a password may come into it
    console = Console(sys.stderr, plain=arguments.plain)
    console.line(f"{out} is written, and {beside} for editors.")
    return Exit.DONE


def validate(arguments: Arguments) -> int:
    """`answers validate`: every problem of the files, against a saved machine if there is one."""
    answers = read_answers(arguments.files, Settings, arguments.settings)
    unread: list[str] = []
    if arguments.facts is not None:
        facts = load_facts(arguments.facts)
        problems = draft(answers, facts).problems
        unread = [item.key for item in problems if item.missing and not facts.as_root]
        if len(unread) < len(problems):
            raise AnswersInvalid(problems)
    console = Console(sys.stdout, plain=arguments.plain)
    files = ", ".join(map(str, arguments.files))
    console.line(f"{files}: no problem was found in {_counts(answers)}.", "bold green")
    if arguments.facts is None:
        console.line(
            "Whether they fit a machine (its devices, cards, sizes) was not looked at: add "
            "--facts FILE, saved there by `xen-setup facts --json`; or use `xen-setup check` there."
        )
        return Exit.DONE
    if unread:
        console.line(
            f"Nothing suggests an answer for {', '.join(unread)}: the facts were saved without "
            "root. Save them with sudo to know."
        )
    console.line(
        f"They fit the machine of {arguments.facts}. What else it must be, is told by "
        f"`xen-setup check {files} --facts {arguments.facts}`."
    )
    return Exit.DONE


def schema(arguments: Arguments) -> int:
    """`answers schema`: the JSON Schema of answer files."""
    if arguments.out is None:
        sys.stdout.write(schema_text(Settings))
    else:
        _create(arguments.out, schema_text(Settings), 0o644)
    return Exit.DONE


def explain(arguments: Arguments) -> int:
    """`answers explain`: all keys, or one with all that is known of it."""
    console = Console(sys.stdout, plain=arguments.plain)
    questions = {key: (part, question) for key, part, question in every_question(Settings)}
    if arguments.key is None:
        console.rows([(key, question.prompt) for key, (_, question) in questions.items()])
        return Exit.DONE
    key = _known_key(arguments.key, list(questions))
    part, question = questions[key]
    name = key.partition(".")[2]
    steps = [f"{step.TITLE} ({step_name(step)})" for step in PIPELINE if key in step.QUESTIONS]
    in_list = f"{part.name}.0.{name}" if part.many else key
    (settled,) = (
        item for item in walk(Answers(Settings), _facts(arguments)) if item.key == in_list
    )
    value = to_begin_with(question)
    line = answer_line(name, question, value)
    typed = shlex.quote(f"{in_list}={text_of(question, value)}")
    rows = [
        ("Key", key),
        ("Answer", allowed(question)),
        ("Default", _default(settled)),
        ("Used by", ", ".join(steps) or "every step"),
    ]
    if part.defaults and not question.identity:
        rows.append(("In a file, for all", f"{part.defaults}:\n  {line}"))
    item = "- " if part.many else ""
    rows.append(("In a file", f"{part.name}:\n  {item}{line}"))
    rows.append(("On the command line", f"--set {typed}"))
    console.line(question.prompt, "bold")
    console.line(question.help)
    console.line()
    console.rows(rows)
    return Exit.DONE


def hash_password() -> int:
    """`answers hash-password`: the hash of a password that is typed, or on standard input."""
    if sys.stdin.isatty():
        password = getpass.getpass("Password (not shown): ", sys.stderr)
        if getpass.getpass("The same again, to be sure: ", sys.stderr) != password:
            raise UsageError("The two were not the same.", hint="Start again.")
    else:
        line = sys.stdin.buffer.readline(4096)
        password = line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")
    try:
        hashed = passwords.hash_password(password)
    except ValueError as error:
        raise UsageError(str(error), hint="Give another one.") from None
    sys.stdout.write(hashed + "\n")
    return Exit.DONE


def _default(settled: Settled) -> str:
    question = settled.question
    because = question.because(settled.known)
    if settled.default is None:
        return f"none on this machine: {because}"
    value = text_of(question, settled.default) or "none"
    where = "" if question.constant is not None else " on this machine"
    return f"{value}{where}" + (f": {because}" if because else "")


def _known_key(given: str, keys: list[str]) -> str:
    """The key that was meant: `guests.0.memory` and `guests.vm01.memory` are `guests.memory`."""
    words = given.split(".")
    key = f"{words[0]}.{words[-1]}" if len(words) == 3 else given
    for part in parts(Settings):
        if words[0] == part.defaults:
            key = f"{part.name}.{words[-1]}"
    if key in keys:
        return key
    of_that_name = [known for known in keys if known.endswith(f".{given}")]
    near = of_that_name or difflib.get_close_matches(key, keys, 3, 0.6)
    hint = f"Did you mean {' or '.join(near)}?" if near else "All keys: xen-setup answers explain"
    raise UsageError(f"There is no key {given!r}.", hint=hint)


def _facts(arguments: Arguments) -> Facts:
    if arguments.facts is not None:
        return load_facts(arguments.facts)
    # Imported here: the other commands need neither libparted nor what reads a machine.
    from steps.read_facts import read_facts  # noqa: PLC0415

    return read_facts(thorough=False)


def _counts(answers: Answers[Settings]) -> str:
    given = len(answers.given)
    text = f"{given} {'answer' if given == 1 else 'answers'}"
    for name, count in answers.counts.items():
        text += f", {count} {name.removesuffix('s') if count == 1 else name}"
    return text


def _content(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _create(path: Path, text: str, mode: int) -> None:
    """Write a new file; UsageError when there is one of that name, or it cannot be written."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise _in_the_way(path) from None
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror or error}.",
            hint="Choose a folder that you may write to.",
        ) from None


def _in_the_way(path: Path) -> UsageError:
    return UsageError(
        f"{path} is there already, and stays as it is.",
        hint="Choose another name, or move that file away.",
    )
