"""The manual page, xen-setup(1), made from the parser and the questions: roff, man(7) macros."""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from wizard import VERSION
from wizard.answer_reference import allowed, every_question, to_begin_with
from wizard.answers import parts, text_of
from wizard.arguments import EXIT_STATUSES, STATE_DIRECTORY
from wizard.questions import Question

_ANSWER_FILES = """\
YAML 1.2: `version: 1`, then the sections below. What is not answered has its default.
`xen-setup answers template` writes a file to begin with.

`guests` is a list; `defaults` takes the keys of a guest, but for its name, and holds for every
guest that says nothing else. A range in a name makes several guests: `vm{01..20}`; a static
address is then that of the first, and counts up.

Of several files a later one counts more, key by key, and guests match by their names. Options
come last: `--set host.bridge=xenbr1`, `--set defaults.memory=1GiB`, `--set guests.0.memory=1GiB`,
`--set guests.vm01.memory=1GiB`.

Sizes are written with their unit: 512MiB, 2GiB, 2G (1024 based).

A password never stands in a file, nor behind `--set`. Its hash does, which
`xen-setup answers hash-password` makes, or where it is: `file:/PATH` (the hash or the password is
its first line), `env:NAME` (a variable has it), `asked` (a guided run asks)."""

_FILES = (
    (STATE_DIRECTORY, "The journal of the runs, their answers, and the backups. Root's only."),
    (
        "$XDG_STATE_HOME/xen-setup",
        "The practice machines, reports of bugs, and the answers of a guided run that was left in "
        "its questions (answers-so-far.yaml, its owner's only).",
    ),
)
_ENVIRONMENT = (
    ("TERM", "`dumb`, or none: plain lines, as with `--plain`."),
    ("NO_COLOR, CLICOLOR=0", "No colours."),
    ("XEN_SETUP_ACCESSIBLE", "Set: questions as plain lines and numbers, for screen readers."),
    ("XEN_SETUP_CACHE", "Where the launcher keeps the Python environment."),
)
_SEE_ALSO = "`xl`(1), `xl.cfg`(5), `lvm`(8), `debootstrap`(8), `interfaces`(5)"


def manual(parser: argparse.ArgumentParser, settings: type) -> str:
    """The whole page."""
    description = parser.description or ""
    lines = [
        f'.TH XEN\\-SETUP 1 "" "xen\\-setup {VERSION}" "User Commands"',
        ".nh",  # a key or option that is cut at a hyphen cannot be copied
        ".ad l",
        ".SH NAME",
        "xen\\-setup \\- a guided installer for Xen",
        ".SH SYNOPSIS",
        ".B xen\\-setup",
        "[\\fIOPTION\\fR]... [\\fICOMMAND\\fR ...]",
        ".SH DESCRIPTION",
        *_prose(description + "\n\nWithout a command it asks, shows the plan, and does it."),
        ".SH OPTIONS",
        *_options(parser, ()),
        ".SH COMMANDS",
        *_commands(parser),
        ".SH ANSWER FILES",
        *_prose(_ANSWER_FILES),
        ".SH KEYS",
        *_keys(settings),
        ".SH EXIT STATUS",
        *_items(EXIT_STATUSES),
        ".SH FILES",
        *_items(_FILES),
        ".SH ENVIRONMENT",
        *_items(_ENVIRONMENT),
        ".SH SEE ALSO",
        *_prose(_SEE_ALSO),
    ]
    return "\n".join(lines) + "\n"


def _commands(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Each command with its arguments and options; commands within one follow it."""
    for command in _subcommands(parser):
        taken = "".join(f" {_argument(action)}" for action in _positionals(command))
        yield f".SS {_escaped(command.prog)}{taken}"
        yield from _prose(command.description or "")
        for action in _positionals(command):
            if action.help:
                yield from _item(_argument(action), action.help)
        yield from _options(command, ("--help", "--plain"))
        yield from _commands(command)


def _subcommands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


def _positionals(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [
        action
        for action in parser._actions
        if not action.option_strings and not isinstance(action, argparse._SubParsersAction)
    ]


def _argument(action: argparse.Action) -> str:
    name = f"\\fI{_escaped(str(action.metavar or action.dest))}\\fR"
    match action.nargs:
        case "+":
            return f"{name}..."
        case "*":
            return f"[{name}...]"
        case "?":
            return f"[{name}]"
    return name


def _options(parser: argparse.ArgumentParser, without: Sequence[str]) -> Iterator[str]:
    for action in parser._actions:
        names = action.option_strings
        if names and action.help != argparse.SUPPRESS and not set(names) & set(without):
            label = ", ".join(f"\\fB{_escaped(name)}\\fR" for name in names)
            if action.choices is not None:
                label += f" {'|'.join(_escaped(str(choice)) for choice in action.choices)}"
            elif action.nargs != 0:
                value = f"\\fI{_escaped(str(action.metavar or action.dest))}\\fR"
                label += f" [{value}]" if action.nargs == "?" else f" {value}"
            yield from _item(label, action.help or "")


def _keys(settings: type) -> Iterator[str]:
    questions = list(every_question(settings))
    for part in parts(settings):
        yield f".SS {_escaped(part.name)}"
        yield from _prose(part.section.__doc__ or "")
        for key, owner, question in questions:
            if owner == part:
                asks = question.prompt if question.prompt[-1] in ".?" else f"{question.prompt}."
                yield from _item(f"\\fB{_escaped(key)}\\fR", f"{asks} {question.help}")
                yield from _more(f"Answer: {allowed(question)}. {_default(question)}")


def _default(question: Question[Any]) -> str:
    if question.constant is None:
        return "Default: what the machine suggests, such as `" + _text(question) + "`."
    default = text_of(question, question.constant)
    return f"Default: `{default}`." if default else "Default: none."


def _text(question: Question[Any]) -> str:
    return text_of(question, to_begin_with(question))


# ---- roff


def _items(items: Sequence[tuple[str, str]]) -> Iterator[str]:
    for label, words in items:
        yield from _item(f"\\fB{_escaped(label)}\\fR", words)


def _item(label: str, words: str) -> Iterator[str]:
    yield ".TP"
    yield label
    end = "" if words.endswith((".", "?")) else "."
    yield from _lines(f"{words[:1].upper()}{words[1:]}{end}")


def _more(words: str) -> Iterator[str]:
    """A further paragraph of an item."""
    yield ".IP"
    yield from _lines(words)


def _prose(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(text.strip().split("\n\n")):
        if number:
            yield ".PP"
        yield from _lines(" ".join(paragraph.split()))


def _lines(words: str) -> list[str]:
    """Text in roff, a line for each sentence; what stands in backquotes is bold."""
    text = re.sub(r"`([^`]*)`", r"\\fB\1\\fR", _escaped(words))
    lines: list[str] = []
    for sentence in re.split(r"(?<=[.?]) (?=\S)", text):
        lines += textwrap.wrap(sentence, 78, break_long_words=False, break_on_hyphens=False)
    # A line must not begin with what roff takes for a request.
    return [f"\\&{line}" if line.startswith((".", "'")) else line for line in lines]


def _escaped(text: str) -> str:
    """Plain text for roff: a hyphen stays the one that a shell understands."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return "".join(
        character if ord(character) < 0x80 else f"\\[u{ord(character):04X}]"
        for character in escaped
    )
