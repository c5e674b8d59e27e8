"""The command line: its commands and options, as typed data. Nothing heavy is imported here."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, NoReturn, get_args

from wizard import VERSION
from wizard.argument_options import (
    OnFailure,
    answers_options,
    facts_option,
    json_option,
    looks,
    machine_name,
    machine_variant,
    only_to_option,
    out_option,
    plan_options,
    run_options,
    set_option,
    simulate_options,
    state_options,
    teach_option,
    telling_options,
)
from wizard.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

Command = Literal[
    "guided", "apply", "check", "plan", "facts", "status", "resume", "rollback", "practice",
    "answers", "convert", "explain", "completion", "man", "learn", "guests", "network",
    "transcript",
]  # fmt: skip
GuestsCommand = Literal["list", "start", "stop", "reboot", "console", "add", "remove"]
PracticeCommand = Literal["start", "exec", "console", "stop", "reset", "status", "hint", "solved"]
AnswersCommand = Literal[
    "template", "validate", "show", "explain", "schema", "migrate", "hash-password"
]
Shell = Literal["bash", "zsh", "fish"]

STATE_DIRECTORY = "/var/lib/xen-setup"

_EXAMPLES = """\
Try it on a throwaway machine first; nothing of this machine is touched:
  ./xen-setup practice                  guided, in a Debian of its own
  ./xen-setup practice --unattended     the same without questions
  ./xen-setup --simulate stock          only played: takes a minute or two
On this machine:
  sudo ./xen-setup                      guided, step by step
  ./xen-setup check                     what stands in the way; changes nothing
  ./xen-setup plan                      all that would be done, and its undo
  sudo ./xen-setup apply answers.yaml   without any question
  sudo ./xen-setup rollback             take everything back
"""

EXIT_STATUSES = (
    ("0", "done, or nothing to do"),
    ("1", "a bug (a log is named)"),
    ("2", "usage"),
    ("3", "answers invalid"),
    ("4", "checks failed, nothing changed"),
    ("5", "a step failed, all was rolled back"),
    ("6", "rollback incomplete"),
    ("7", "stopped, resumable"),
    ("8", "reboot needed"),
    ("9", "another run holds the lock"),
    ("10", "cancelled, nothing changed"),
    ("20", "something is to be done (plan --detailed-exitcode)"),
    ("21", "no cause is known (explain)"),
    ("129, 130, 143", "stopped by a closed terminal, Ctrl-C, SIGTERM"),
)
_STATUSES = "exit status:\n" + "\n".join(f"  {code:4} {words}" for code, words in EXIT_STATUSES)


class Arguments(NamedTuple):
    """One call of the program. Fields that a command does not have keep their defaults."""

    command: Command = "guided"
    files: tuple[Path, ...] = ()  # of answers: a later one counts more
    facts: Path | None = None
    ignore: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()  # KEY=VALUE
    plain: bool = False
    no_input: bool = False
    on_failure: OnFailure | None = None
    all_questions: bool = False
    agree_no_undo: bool = False
    yes: bool = False
    json: bool = False
    to: str | None = None
    unconfirmed: bool = False
    lessons: bool = False
    detailed_exitcode: bool = False
    script: bool = False
    teach: bool | None = None  # of resume; None: as the run was
    simulate: str | None = None  # a machine's name or file; "" for which there are
    simulate_failure: str | None = None  # a step's name
    simulate_pace: float | None = None
    quiet: bool = False
    verbose: bool = False
    log_file: Path | None = None
    state: str = STATE_DIRECTORY
    practice: PracticeCommand = "start"
    unattended: bool = False
    name: str | None = None  # of the practice machine
    fault: str | None = None  # to plant in a practice machine; "" lists them
    argv: tuple[str, ...] = ()  # of practice exec
    answers_command: AnswersCommand = "template"
    out: Path | None = None
    full: bool = False
    in_place: bool = False
    key: str | None = None  # of answers explain
    text: str | None = None  # of explain: a file's name, - is standard input
    shell: Shell = "bash"
    html: bool = False
    topic: str | None = None  # of learn
    guests: GuestsCommand = "list"
    guest: str = ""
    watch: bool = False
    force: bool = False
    run: int | None = None  # of rollback, transcript


class _Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is an error like all others."""

    def error(self, message: str) -> NoReturn:
        words = self.prog.removeprefix("xen-setup").strip()
        raise UsageError(
            f"{message[:1].upper()}{message[1:]}.{_meant(message)}".replace("..", "."),
            hint=f"See: {' '.join(('xen-setup', words)).strip()} --help",
        )


def _meant(message: str) -> str:
    """The word that is nearest to one that this program does not know among those that it lists."""
    found = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
    if found is None:
        return ""
    import difflib  # noqa: PLC0415 - as below

    near = difflib.get_close_matches(found[1], re.findall(r"[\w.-]+", found[2]), 1, 0.6)
    return f" Did you mean {near[0]}?" if near else ""


def parse(argv: Sequence[str]) -> Arguments:
    """The arguments of this command line; `UsageError` says what is wrong, SystemExit after
    --help and --version.
    """
    argv = list(argv)
    # What comes after -- is the practice machine's command: options in it are not ours.
    rest: list[str] = []
    if "--" in argv and argv[:1] == ["practice"]:
        cut = argv.index("--")
        argv, rest = argv[:cut], argv[cut + 1 :]
    found = vars(command_line(argv).parse_args(argv))
    if found.get("practice") == "exec" and not rest:
        raise UsageError(
            "There is no command to run in the practice machine.",
            hint="Write it after two dashes: xen-setup practice exec -- xl list",
        )
    if rest and found.get("practice") != "exec":
        raise UsageError(
            "Two dashes and a command belong to `practice exec`.",
            hint="For example: xen-setup practice exec -- xl list",
        )
    for one, other, words in _EXCLUSIVE:
        if all(found.get(name) not in {None, False} for name in (one, other)):
            raise UsageError(words, hint=f"Give --{one} or --{other}, not both.".replace("_", "-"))
    if found.get("teach") and found.get("command") == "apply":  # it may stand before the command
        raise UsageError(
            "A lesson asks questions, and `apply` asks none.",
            hint="With what is known beforehand in a file: sudo xen-setup --teach --answers FILE",
        )
    # An option may stand before the command and after it; what was given twice counts twice.
    for name in ("ignore", "settings", "files"):
        found[name] = (*found.pop(f"before_{name}", ()), *found.get(name, ()))
    unattended = found.pop("unattended", None)
    if unattended is not None:
        found["unattended"], found["files"] = True, (unattended,) if unattended else ()
    given = {name: value for name, value in found.items() if value is not None}
    # Imported here: --help has ended before, and shall cost little more than Python itself.
    from pathlib import Path  # noqa: PLC0415

    given |= {name: Path(given[name]) for name in ("facts", "out", "log_file") if name in given}
    given["files"] = tuple(map(Path, given["files"]))
    return Arguments(**given, argv=tuple(rest))


_EXCLUSIVE = (
    ("teach", "unattended", "A lesson needs somebody who learns."),
    ("teach", "no_input", "A lesson asks questions, and --no-input forbids them."),
    ("script", "json", "A plan is printed as a script or as JSON."),
    ("script", "out", "A plan is printed as a script or saved."),
    ("quiet", "verbose", "A run is told quietly or with every word."),
    ("watch", "json", "A table is kept up to date for a person, or told once for a program."),
    ("unattended", "fault", "A machine is set up by a run, or has a fault in it."),
    ("log_file", "simulate", "Nothing of a simulated run is kept, not even its log."),
    (
        "to",
        "simulate",
        "A simulated run is played to its end: nothing of it could be gone on with.",
    ),
)


def command_line(typed: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """The parser: all commands and options, with their words for the help and the manual.

    With what is `typed` on one command line, commands within others are left out that it does not
    name: a parser costs a quarter of a millisecond, and --help shall start at once.
    """
    parser = _Parser(
        prog="xen-setup",
        description="A guided installer: turns Debian into a Xen host, and brings its first\n"
        "guests to a login prompt. Every step is explained, verified, and can be\n"
        "taken back.",
        epilog=_EXAMPLES + "\n" + _STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"xen-setup {VERSION}")
    looks(parser)
    answers_options(parser, "before_")
    parser.add_argument(
        "--answers",
        dest="before_files",
        action="append",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="an answer file with what is known beforehand: only the rest is asked; repeatable",
    )
    run_options(parser)
    parser.add_argument(
        "--all-questions",
        action="store_true",
        default=argparse.SUPPRESS,
        help="ask the questions too whose defaults fit nearly everybody",
    )
    teach_option(parser, "as a lesson: each step is read, asked, shown, done and looked at")
    simulate_options(parser)
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", title="commands", parser_class=_Parser
    )

    apply = _command(commands, "apply", "do it, with the answers of a file and no question, ever")
    apply.add_argument(
        "files",
        nargs="+",
        metavar="ANSWERS",
        help="the answer file (YAML), of several what a later one says counts more; or a plan that "
        "`plan` saved",
    )
    answers_options(apply)
    only_to_option(apply)
    run_options(apply)
    simulate_options(apply)

    for name, words in (
        ("check", "every check of every step, all problems at once; changes nothing"),
        ("plan", "what would be done, and how each is undone; changes nothing"),
    ):
        show = _command(commands, name, words)
        show.add_argument(
            "files",
            nargs="*",
            default=(),
            metavar="ANSWERS",
            help="the answer file (YAML), or several; without one, the defaults for this machine",
        )
        facts_option(show)
        answers_options(show)
        json_option(show)
        if name == "plan":
            plan_options(show)

    facts = _command(commands, "facts", "what the wizard sees of this machine")
    json_option(facts, "all of it as JSON, to be saved in a file")
    facts.add_argument("--facts", metavar="FILE", help="saved facts, instead of it")

    status = _command(commands, "status", "how far the last run came, and what to type next")
    json_option(status)
    state_options(status)

    resume = _command(commands, "resume", "go on with a run that stopped, or after the reboot")
    only_to_option(resume)
    run_options(resume)
    resume.add_argument(
        "--teach",
        action=argparse.BooleanOptionalAction,
        default=argparse.SUPPRESS,
        help="go on as a lesson, or as none; a run that was begun as a lesson is one by itself",
    )

    told = _command(
        commands, "transcript", "a document of what a run did: steps, commands, reasons, undo"
    )
    told.add_argument(
        "run", nargs="?", type=int, default=None, metavar="RUN", help="its number; else the newest"
    )
    told.add_argument("--html", action="store_true", help="as a page to print, not as Markdown")
    out_option(told, "write it there")
    state_options(told)

    rollback = _command(commands, "rollback", "take back what was done, newest first")
    rollback.add_argument("--to", metavar="STEP", help="only what came after this step")
    rollback.add_argument(
        "--run", type=int, metavar="NUMBER", help="only that run (`status` has the numbers)"
    )
    rollback.add_argument("--yes", action="store_true", help="do not ask before it")
    rollback.add_argument("--unconfirmed", action="store_true", help=argparse.SUPPRESS)
    rollback.add_argument("--no-input", action="store_true", help="ask nothing; needs --yes")
    telling_options(rollback)
    state_options(rollback)

    answers = _command(commands, "answers", "answer files: begin one, check it, look things up")
    if typed is None or "answers" in typed:
        _answers(answers)
    convert = _command(commands, "convert", "an old guest config of xm's as a config for xl")
    convert.add_argument(
        "files",
        nargs=1,
        metavar="FILE",
        help="the old config, a Python file: it is read, and never run",
    )
    out_option(convert, "write the new config there")
    json_option(convert)

    practice = _command(
        commands, "practice", "a throwaway machine in QEMU: stock Debian, to learn and to try on"
    )
    if typed is None or "practice" in typed:
        _practice(practice)

    guests = _command(commands, "guests", "all guests of this host; start, stop, add, remove one")
    if typed is None or "guests" in typed:
        _guests(guests)
    network = _command(commands, "network", "the bridge as a drawing, and which guest is where")
    json_option(network)

    learn = _command(commands, "learn", "the ideas behind it, with drawings; the steps' lessons")
    learn.add_argument("topic", nargs="?", metavar="TOPIC", help="such as bridge; none: the list")

    explain = _command(commands, "explain", "why something failed: cause and fix for a message")
    explain.add_argument(
        "text", metavar="FILE", help="a log, the message itself in quotes, or - for standard input"
    )
    json_option(explain)

    completion = _command(commands, "completion", "what a shell needs to complete at the Tab key")
    completion.add_argument(
        "shell", choices=get_args(Shell), metavar="SHELL", help="bash, zsh or fish"
    )
    _command(commands, "man", "this program's manual page; to read it: xen-setup man | man -l -")
    return parser


def _answers(answers: argparse.ArgumentParser) -> None:
    inside = answers.add_subparsers(
        dest="answers_command",
        metavar="COMMAND",
        title="commands",
        required=True,
        parser_class=_Parser,
    )

    template = _command(inside, "template", "a commented file to begin with")
    template.add_argument("--full", action="store_true", help="with every key there is")
    out_option(template, "write it there, and its schema for editors beside it")

    validate = _command(inside, "validate", "what is wrong with answer files, without the machine")
    validate.add_argument("files", nargs="+", metavar="FILE", help="an answer file (YAML)")
    facts_option(validate, "to see whether they fit it")
    set_option(validate)
    validate.add_argument("--json", action="store_true", help="the problems as JSON, for programs")

    show = _command(inside, "show", "what answer files come to, and where each answer is from")
    show.add_argument("files", nargs="+", metavar="FILE", help="an answer file (YAML)")
    facts_option(show, "to see what it suggests for the rest, and why")
    set_option(show)
    show.add_argument("--json", action="store_true", help="as JSON, for programs")

    schema = _command(inside, "schema", "the JSON Schema of answer files, for editors")
    out_option(schema, "write it there")

    explain = _command(inside, "explain", "what a key means, or which keys there are")
    explain.add_argument(
        "key", nargs="?", default=None, metavar="KEY", help="such as guests.memory"
    )
    facts_option(explain)

    migrate = _command(inside, "migrate", "bring a file of an older version up to date")
    migrate.add_argument("files", nargs=1, metavar="FILE", help="an answer file (YAML)")
    where = migrate.add_mutually_exclusive_group()
    out_option(where, "write it there")
    where.add_argument("--in-place", action="store_true", help="write it into the file itself")

    _command(inside, "hash-password", "asks for a password, and prints its hash for an answer file")
    assert set(inside.choices) == set(get_args(AnswersCommand))


def _guests(guests: argparse.ArgumentParser) -> None:
    json_option(guests)
    guests.add_argument("--watch", action="store_true", help="a table that is kept up to date")
    inside = guests.add_subparsers(
        dest="guests", metavar="COMMAND", title="commands", parser_class=_Parser
    )
    for name, words in (
        ("start", "start a guest from its config in /etc/xen"),
        ("stop", "have a guest end in order; asks before it pulls the plug"),
        ("reboot", "have a guest end in order and start again"),
        ("console", "a guest's console, in this terminal; Ctrl and ] together leave it"),
        ("remove", "end a guest, and remove what xen-setup made of it: config, link, volumes"),
    ):
        command = _command(inside, name, words)
        command.add_argument("guest", metavar="NAME", help="the guest's name")
        if name in {"stop", "reboot", "remove"}:
            command.add_argument(
                "--force", action="store_true", help="pull the plug if it does not end in order"
            )
            command.add_argument("--no-input", action="store_true", help="never ask anything")
        if name == "remove":
            command.add_argument("--yes", action="store_true", help="do not ask for its name")
            telling_options(command)
            state_options(command)
    add = _command(inside, "add", "one more guest, or several, on a host that is finished")
    add.add_argument(
        "files",
        nargs="*",
        default=(),
        metavar="ANSWERS",
        help="an answer file with the new guests; without one you are asked",
    )
    answers_options(add)
    run_options(add)
    assert {"list", *inside.choices} == set(get_args(GuestsCommand))


def _practice(practice: argparse.ArgumentParser) -> None:
    practice.add_argument(
        "--unattended",
        nargs="?",
        const="",
        metavar="ANSWERS",
        help="without questions: from the packaged answers for a first guest, or from a file",
    )
    teach_option(practice, "as a lesson, step by step")
    practice.add_argument(
        "--fault",
        nargs="?",
        const="",
        metavar="FAULT",
        help="for a class: a finished host with a fault planted in it; without FAULT, which there "
        "are",
    )
    practice.add_argument("--no-input", action="store_true", help="ask nothing; needs --unattended")
    machine_name(practice)
    machine_variant(practice)
    inside = practice.add_subparsers(
        dest="practice", metavar="COMMAND", title="commands", parser_class=_Parser
    )
    for name, words in (
        ("exec", "run a command in it (-- CMD…), booting it if it is off; its exit status is ours"),
        ("console", "its serial console, in this terminal"),
        ("stop", "shut it down; it keeps what was done"),
        ("reset", "throw it away: the next start is a stock Debian again"),
        ("status", "whether it runs, and where its things are"),
        ("hint", "the next hint about the fault that --fault planted, at last a solution"),
        ("solved", "look whether the planted fault is mended: exit status 0, or 1 if not yet"),
    ):
        command = _command(inside, name, words)
        machine_name(command)
        if name == "reset":
            command.add_argument("--yes", action="store_true", help="do not ask before it")
            command.add_argument("--no-input", action="store_true", help="ask nothing; needs --yes")
    assert {"start", *inside.choices} == set(get_args(PracticeCommand))


def _command(commands: argparse._SubParsersAction[_Parser], name: str, words: str) -> _Parser:
    command = commands.add_parser(
        name,
        help=words,
        description=f"{words[:1].upper()}{words[1:]}.",
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    looks(command)
    return command
