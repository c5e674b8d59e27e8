"""The `answers` commands: what can be done with answer files without changing a machine."""

from __future__ import annotations

import difflib
import getpass
import json
import os
import shlex
import stat
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import assert_never

from steps import PIPELINE
from steps.facts import Facts
from steps.machines import facts_of
from steps.settings import Settings
from wizard import passwords
from wizard.answer_file import ANSWERS_VERSION, read_answers, read_text, text_of_file
from wizard.answer_migration import migrated, version_of
from wizard.answer_origins import origins, origins_document, origins_text
from wizard.answer_problems import folded, problems_as_json
from wizard.answer_reference import (
    allowed,
    answer_line,
    every_question,
    to_begin_with,
)
from wizard.answer_schema import FILE_NAME, schema_text
from wizard.answer_template import answer_template
from wizard.answers import Answers, Part, Settled, parts, text_of, walk
from wizard.arguments import Arguments
from wizard.console import Console
from wizard.errors import AnswersInvalid, Exit, UsageError
from wizard.new_file import create, in_the_way
from wizard.own_name import as_typed
from wizard.questions import Choice, is_reference
from wizard.saved_plan import refuse_saved_plans
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

_WITHOUT_ROOT = "the facts were saved without root. Save them with sudo to know."


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
        case "migrate":
            return migrate(arguments)
        case "show":
            return show(arguments)
    assert_never(arguments.answers_command)


def template(arguments: Arguments) -> int:
    """`answers template`: a file to begin with; with --out, its schema beside it."""
    out = arguments.out
    name = shlex.quote(out.name) if out is not None else "FILE"
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
        raise in_the_way(out)
    if _content(beside) != made:
        create(beside, made, 0o644)
    create(out, text, 0o600)  # a hash of a password may come into it
    console = Console(sys.stderr, plain=arguments.plain)
    console.line(f"{out} is written, and {beside} for editors.")
    return Exit.DONE


def validate(arguments: Arguments) -> int:
    """`answers validate`: every problem of the files, against a saved machine if there is one."""
    try:
        answers, _, unread = _read(arguments)
    except AnswersInvalid as error:
        if arguments.json:
            _print_json(problems_as_json(error.problems))
        raise
    if arguments.json:
        _print_json(problems_as_json(()))
    console = Console(sys.stderr if arguments.json else sys.stdout, plain=arguments.plain)
    files = " ".join(map(str, arguments.files))
    console.line(f"{files}: no problem was found in {_counts(answers)}.", "bold green")
    if any(each.question.secret and is_reference(each.value) for each in origins(answers)):
        console.line(
            "References to passwords were not followed: `xen-setup check` on the machine itself "
            "says whether they lead anywhere."
        )
    if arguments.facts is None:
        console.line(
            "Whether they fit a machine (its devices, cards, sizes) was not looked at: add "
            "--facts FILE, saved there by `xen-setup facts --json`; or use `xen-setup check` there."
        )
        return Exit.DONE
    if unread:
        console.line(f"Nothing suggests an answer for {', '.join(unread)}: {_WITHOUT_ROOT}")
    check = shlex.join(["check", *map(str, arguments.files), "--facts", str(arguments.facts)])
    console.line(
        f"One by one they fit the machine of {arguments.facts}. Whether it has those devices and "
        f"cards, and room for all: {as_typed(f'xen-setup {check}')}"
    )
    return Exit.DONE


def show(arguments: Arguments) -> int:
    """`answers show`: what the files and options come to, and where each answer is from."""
    answers, settled, unread = _read(arguments)
    found = origins(answers, settled)
    if arguments.json:
        _print_json(origins_document(found))
        return Exit.DONE
    sources = [*map(str, arguments.files), *(["--set"] if arguments.settings else [])]
    head = f"{', '.join(sources)}: the answers, and where each is from."
    sys.stdout.write(origins_text(answers, found, head))
    if unread:
        console = Console(sys.stderr, plain=arguments.plain)
        console.line(f"Nothing suggests an answer for {', '.join(unread)}: {_WITHOUT_ROOT}")
    return Exit.DONE


def _read(
    arguments: Arguments,
) -> tuple[Answers[Settings], Sequence[Settled], Sequence[str]]:
    """The answers, what becomes of them on a saved machine (if there is one), and the keys that
    only root could have suggested an answer for. Raises AnswersInvalid with all that is wrong.
    """
    refuse_saved_plans(arguments.files)
    answers = read_answers(arguments.files, Settings, arguments.settings)
    if arguments.facts is None:
        return answers, (), ()
    facts = facts_of(arguments.facts)
    settled = list(walk(answers, facts))
    problems = tuple(folded(item.problem for item in settled if item.problem is not None))
    unread = [item.key for item in problems if item.missing and not facts.as_root]
    if len(unread) < len(problems):
        raise AnswersInvalid(problems)
    return answers, settled, unread


def migrate(arguments: Arguments) -> int:
    """`answers migrate`: a file of an older version with the words of the newest."""
    (path,) = arguments.files
    refuse_saved_plans([path])
    text = text_of_file(path)  # once: it may be a pipe
    read_text(text, Settings, str(path))  # what is wrong with it is told first
    made = migrated(text, version_of(text))
    console = Console(sys.stderr, plain=arguments.plain)
    if made == text:
        console.line(f"{path} is of version {ANSWERS_VERSION} already: nothing to change.")
    else:
        count = sum(old != new for old, new in zip(text.split("\n"), made.split("\n"), strict=True))
        lines = "line is" if count == 1 else "lines are"
        console.line(f"{path}: {count} {lines} written for version {ANSWERS_VERSION}.")
    if arguments.in_place:
        if made != text:
            replace_file(path, made)
    elif arguments.out is not None:
        create(arguments.out, made, 0o600)
    else:
        sys.stdout.write(made)
    return Exit.DONE


def schema(arguments: Arguments) -> int:
    """`answers schema`: the JSON Schema of answer files."""
    if arguments.out is None:
        sys.stdout.write(schema_text(Settings))
    else:
        create(arguments.out, schema_text(Settings), 0o644)
    return Exit.DONE


def explain(arguments: Arguments) -> int:
    """`answers explain`: all keys, or one with all that is known of it."""
    console = Console(sys.stdout, plain=arguments.plain)
    questions = {key: (part, question) for key, part, question in every_question(Settings)}
    if arguments.key is None:
        console.rows([(key, question.prompt) for key, (_, question) in questions.items()])
        return Exit.DONE
    for known in parts(Settings):
        if arguments.key in {known.name, known.defaults}:
            _explain_section(console, known, arguments.key)
            return Exit.DONE
    key = _known_key(arguments.key, list(questions))
    part, question = questions[key]
    name = key.partition(".")[2]
    steps = [f"{step.TITLE} ({step_name(step)})" for step in PIPELINE if key in step.QUESTIONS]
    in_list = f"{part.name}.0.{name}" if part.many else key
    (settled,) = (
        item for item in walk(Answers(Settings), _facts(arguments)) if item.key == in_list
    )
    value = settled.default or to_begin_with(question)
    line = answer_line(name, question, value)
    typed = shlex.quote(f"{in_list}={text_of(question, value)}")
    rows = [
        ("Key", key),
        ("Answer", allowed(question)),
        ("Default", _default(settled)),
        ("Used by", ", ".join(steps) or "every step"),
    ]
    if choices := question.choices(settled.known) if question.choices else ():
        rows.insert(2, ("On this machine", "\n".join(map(_choice, choices))))
    if words := question.kind.words:
        width = max(map(len, words))
        meanings = (f"{word:{width}}  {meaning}" for word, meaning in words.items())
        rows.insert(2, ("Meaning", "\n".join(meanings)))
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


def _explain_section(console: Console, part: Part, name: str) -> None:
    """The keys of a section, with what each asks."""
    if not part.many:
        console.line(f"The section `{name}` has these keys; each is told by `answers explain KEY`.")
    elif name == part.name:
        console.line(
            f"`{name}` is a list, an item for each: by name, or a range such as vm{{01..20}}. What "
            f"holds for all of them stands in `{part.defaults}`. An item has these keys; each is "
            "told by `answers explain KEY`."
        )
    else:
        console.line(
            f"`{name}` holds for each of the `{part.name}` that says nothing else. It has these "
            "keys; each is told by `answers explain KEY`."
        )
    console.line()
    console.rows(
        [
            (f"{name}.{key}", question.prompt)
            for key, question in part.questions()
            if name == part.name or not question.identity
        ]
    )


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


def _choice(choice: Choice) -> str:
    value = "" if choice.title.startswith(choice.value) else f"{choice.value}: "
    refused = f" (not possible: {choice.refused})" if choice.refused else ""
    return f"{value}{choice.title}{refused}"


def _known_key(given: str, keys: list[str]) -> str:
    """The key that was meant: `guests.0.memory` and `guests.vm01.memory` are `guests.memory`."""
    words = given.split(".")
    key = f"{words[0]}.{words[-1]}" if len(words) == 3 else given
    for part in parts(Settings):
        if words[0] == part.defaults:
            key = f"{part.name}.{words[-1]}"
    if key in keys:
        return key
    sections = {name for part in parts(Settings) for name in (part.name, part.defaults) if name}
    if near := difflib.get_close_matches(given, sections, 1, 0.8):
        raise UsageError(f"There is no key {given!r}.", hint=f"Did you mean {near[0]}?")
    of_that_name = [known for known in keys if known.endswith(f".{given}")]
    near = of_that_name or difflib.get_close_matches(key, keys, 3, 0.6)
    hint = f"Did you mean {' or '.join(near)}?" if near else "All keys: xen-setup answers explain"
    raise UsageError(f"There is no key {given!r}.", hint=hint)


def _facts(arguments: Arguments) -> Facts:
    if arguments.facts is not None:
        return facts_of(arguments.facts)
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


def replace_file(path: Path, text: str) -> None:
    """Write a file that is there, whole or not at all; its owner and mode stay."""
    path = path.resolve()
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    before = path.stat()
    create(unfinished, text, 0o600)
    try:
        os.chown(unfinished, before.st_uid, before.st_gid)
        unfinished.chmod(stat.S_IMODE(before.st_mode))
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise UsageError(
            f"{path} cannot be replaced: {error.strerror or error}.",
            hint="Let its owner do it, or write another file: --out FILE",
        ) from None


def _print_json(document: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
