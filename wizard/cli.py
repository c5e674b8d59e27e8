"""The commands: the one place that puts the engine and the steps together, and catches errors.

What a command needs is imported when it runs, so that --help costs little more than Python.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple, NoReturn, assert_never

from wizard import crash
from wizard.arguments import STATE_DIRECTORY, Arguments, parse
from wizard.errors import AnswersInvalid, Exit, SetupError, Stopped, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from steps.facts import Facts
    from steps.settings import Settings
    from wizard.answers import Answers
    from wizard.console import Console
    from wizard.journal import Store
    from wizard.pipeline import OnFailure
    from wizard.preview import StepPreview
    from wizard.prompts import Prompter

# As if SIGPIPE had ended the program: `xen-setup plan | head` is not an error to talk about.
_BROKEN_PIPE = 128 + signal.SIGPIPE
_OUTPUT_FAILED = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


class _Terminated(BaseException):
    """SIGTERM or SIGHUP came while no run was under way (a run notes them by itself)."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def entry() -> NoReturn:
    """The console script: run the command line of this process, and exit with its status."""
    sys.exit(main(sys.argv[1:]))


def main(argv: Sequence[str]) -> int:
    """Run one command line: its exit status. Errors are told on standard error, here only.

    What is not a SetupError is a bug: it goes to `sys.excepthook`, which writes a report.
    """
    sys.excepthook = crash.hook(argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without UTF-8 gets question marks
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # ignored ones (nohup) stay ignored
            signal.signal(number, _terminate)
    try:
        status = run(parse(argv))
        sys.stdout.flush()
    except SetupError as error:
        tell(error)
        return int(error.status)
    except KeyboardInterrupt:
        _say("\nxen-setup: stopped by Ctrl-C.")
        return int(Exit.INTERRUPTED)
    except _Terminated as stop:
        _say(f"\nxen-setup: stopped by {signal.Signals(stop.number).name}.")
        return 128 + stop.number
    except BrokenPipeError:
        # The rest of the output goes nowhere, or the interpreter's own flush would complain.
        _discard_output()
        return _BROKEN_PIPE
    except OSError as error:
        # All others belong to files or devices, and were given words where they happened.
        if error.errno not in _OUTPUT_FAILED or error.filename is not None:
            raise
        _discard_output()
        tell(UsageError(f"The output cannot be written: {os.strerror(error.errno)}."))
        return int(Exit.USAGE)
    return status


def _discard_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tell(error: SetupError) -> None:
    """Say on standard error what is wrong, what to do about it, and the details."""
    lines = [f"xen-setup: {error.what}"]
    lines += [f"    {line}" for detail in error.details for line in detail.splitlines()]
    if error.hint:
        lines.append(error.hint)
    if sys.stderr.isatty():
        import shutil
        import textwrap

        width = max(min(shutil.get_terminal_size().columns, 100), 40)
        lines = [
            textwrap.fill(line, width, subsequent_indent="    " * line.startswith(" "),
                          break_long_words=False, break_on_hyphens=False)
            for line in lines
        ]  # fmt: skip
    from wizard.wording import printable

    _say(printable("\n".join(lines)))


def run(arguments: Arguments) -> int:
    """Do what the arguments say; the exit status, unless a SetupError has it."""
    match arguments.command:
        case "guided":
            return _guided(arguments)
        case "apply":
            return _apply(arguments)
        case "check" | "plan":
            return _look_ahead(arguments)
        case "facts":
            return _facts(arguments)
        case "status":
            return _status(arguments)
        case "resume":
            return _resume(arguments)
        case "rollback":
            return _rollback(arguments)
        case "practice":
            return _practice(arguments)
    assert_never(arguments.command)


def _terminate(number: int, _frame: FrameType | None) -> None:
    raise _Terminated(number)


def _say(text: str) -> None:
    try:
        sys.stdout.flush()
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except OSError:
        return  # nobody is there to be told: the exit status says it


# ---- what the commands share


class Session(NamedTuple):
    """Settings on one machine: the facts to plan with, and how to read them again."""

    settings: Settings
    facts: Facts
    read_facts: Callable[[], Facts]

    @property
    def ignore(self) -> frozenset[str]:
        """The names of checks that only warn."""
        return frozenset(self.settings.host.ignore)

    def previews(self) -> list[StepPreview[Settings, Facts]]:
        """Every step checked and planned."""
        from steps import PIPELINE
        from wizard.preview import preview

        return preview(PIPELINE, self.settings, self.facts, self.ignore)


def _answers(arguments: Arguments, files: Sequence[Path]) -> Answers[Settings]:
    """The answers of the files and of the options; --ignore is one of them, so it is kept."""
    from steps.settings import Settings
    from wizard.answer_file import read_answers

    answers = read_answers(files, Settings, arguments.settings)
    if arguments.ignore:
        given = answers.given.get("host.ignore")
        before: tuple[str, ...] = given.value if given else ()
        answers = answers.with_answer("host.ignore", (*before, *arguments.ignore))
    return answers


def _machine_facts(arguments: Arguments) -> Facts:
    if arguments.facts is not None:
        from steps.saved_facts import load_facts

        return load_facts(arguments.facts)
    from steps.read_facts import read_facts

    return read_facts()


def _session(arguments: Arguments, settings: Settings, facts: Facts) -> Session:
    """A session on this machine; the guests that are there already are looked into."""
    from steps.guest_disks import root_device
    from steps.read_facts import read_facts

    volumes = [root_device(settings, guest) for guest in settings.guests]
    names = [guest.name for guest in settings.guests]

    def read() -> Facts:
        return read_facts(volumes, names)

    there = {volume.path for group in facts.volume_groups or () for volume in group.volumes}
    if arguments.facts is None and (there.intersection(volumes) or facts.xen.domains):
        facts = read()
    return Session(settings, facts, read)


def _console(arguments: Arguments) -> Console:
    from wizard.console import Console

    return Console(sys.stdout, plain=arguments.plain)


def _store(arguments: Arguments) -> Store:
    from pathlib import Path

    from wizard.journal import Store

    return Store(Path(arguments.state))


def _text_of(facts: Facts, path: str) -> str | None:
    return facts.files.get(path)


def _need_root(arguments: Arguments) -> None:
    if os.geteuid() != 0:
        command = "" if arguments.command == "guided" else f" {arguments.command} …"
        raise UsageError(
            "This changes the machine, and needs root for it.",
            hint=f"Start it with sudo: sudo xen-setup{command}",
        )


# ---- commands that only show


def _facts(arguments: Arguments) -> int:
    facts = _machine_facts(arguments)
    if arguments.json:
        from steps.saved_facts import facts_text

        sys.stdout.write(facts_text(facts))
    else:
        from steps.facts_in_words import describe

        _console(arguments).rows(describe(facts))
    return Exit.DONE


def _look_ahead(arguments: Arguments) -> int:
    """`check` and `plan`: all that is known of what would be done, and what stands in the way."""
    from wizard.answers import draft
    from wizard.preview import errors_in

    answers = _answers(arguments, [arguments.answers] if arguments.answers else [])
    facts = _machine_facts(arguments)
    drafted = draft(answers, facts)
    session = _session(arguments, drafted.settings, facts)
    previews = session.previews()
    console = _console(arguments)
    if arguments.command == "plan":
        console.plan(previews, _text_of, lessons=arguments.lessons)
    else:
        console.checks(previews)
    console.line()
    if not facts.as_root:
        console.line("What only root can read is not known here; with sudo it is.", "magenta")
    # Nobody is at fault for what only root could have suggested: it is unknown, no more.
    unread = [] if facts.as_root else [item.key for item in drafted.problems if item.missing]
    if len(unread) < len(drafted.problems):
        raise AnswersInvalid(drafted.problems)
    if unread:
        console.line(f"Without root nothing suggests an answer for {', '.join(unread)}.", "magenta")
    count = sum(len(errors_in(preview.problems)) for preview in previews)
    if count:
        noun = "check" if count == 1 else "checks"
        console.line(f"{count} {noun} failed; nothing was changed.", "bold red")
        return Exit.CHECKS_FAILED
    console.line("No check failed; nothing was changed.", "bold green")
    return Exit.DONE


def _status(arguments: Arguments) -> int:
    from wizard.running import kernel_boot_id
    from wizard.status import status

    if os.path.lexists(arguments.state) and not os.access(arguments.state, os.R_OK | os.X_OK):
        raise UsageError(
            f"Only root can read {arguments.state}.",
            hint="Start it with sudo: sudo xen-setup status",
        )
    _console(arguments).status(status(_store(arguments), kernel_boot_id()))
    return Exit.DONE


# ---- commands that change


def _apply(arguments: Arguments) -> int:
    _need_root(arguments)
    from wizard.answers import settle

    assert arguments.answers is not None
    answers = _answers(arguments, [arguments.answers])
    facts = _machine_facts(arguments)
    session = _session(arguments, settle(answers, facts), facts)
    return _run(arguments, session, None)


def _resume(arguments: Arguments) -> int:
    _need_root(arguments)
    from wizard.answers import settle
    from wizard.pipeline import unfinished_run
    from wizard.prompts import choose_prompter

    run = unfinished_run(_store(arguments))
    if run is None:
        _console(arguments).line("There is no run to go on with.")
        return Exit.DONE
    answers = _answers(arguments, [run.answers])
    facts = _machine_facts(arguments)
    session = _session(arguments, settle(answers, facts), facts)
    asks = not arguments.no_input and sys.stdin.isatty()
    prompter = choose_prompter(plain=arguments.plain) if asks else None
    return _run(arguments, session, prompter, resumes=True)


def _guided(arguments: Arguments) -> int:
    from wizard.pipeline import GO_ON, unfinished_run
    from wizard.prompts import choose_prompter

    if arguments.no_input:
        raise UsageError(
            "A guided run asks questions, and --no-input forbids them.",
            hint="Write the answers to a file, and use: sudo xen-setup apply ANSWERS",
        )
    prompter = choose_prompter(plain=arguments.plain)  # first: sudo gives nobody a terminal
    _need_root(arguments)
    store = _store(arguments)
    run = unfinished_run(store)
    if run is not None and store.ledger(run).to_take_back:
        raise Stopped("An earlier run is not finished.", hint=GO_ON)
    session = interview(arguments, prompter)
    return _run(arguments, session, prompter, agreed=True)


def interview(arguments: Arguments, prompter: Prompter) -> Session:
    """Ask everything, show the plan, have it agreed to; raises Cancelled if it is not."""
    from steps import PIPELINE
    from wizard.interview import Interview, Review, guided
    from wizard.preview import errors_in

    console = _console(arguments)
    facts = _machine_facts(arguments)
    sessions: list[Session] = []

    def show(settings: Settings) -> Review:
        session = _session(arguments, settings, facts)
        sessions.append(session)
        previews = session.previews()
        console.plan(previews, _text_of)
        lost = settings.storage.overwrite
        return Review(
            ready=not any(errors_in(preview.problems) for preview in previews),
            destroys=(lost,) if lost.startswith("/") else (),
        )

    interview = Interview(
        PIPELINE,
        _answers(arguments, []),
        facts,
        prompter,
        every_question=arguments.all_questions,
    )
    guided(interview, facts, prompter, show)
    return sessions[-1]


def _run(
    arguments: Arguments,
    session: Session,
    prompter: Prompter | None,
    *,
    resumes: bool = False,
    agreed: bool = False,
) -> int:
    """Apply or resume. `prompter`: a person to ask when something fails; None for nobody.
    `agreed`: the person has seen the plan, points of no return included.
    """
    from dataclasses import replace

    from steps import PIPELINE
    from steps.what_now import what_now
    from wizard.answer_file import write_answers
    from wizard.answers import record, secrets
    from wizard.machine import Machine
    from wizard.people import confirm_in_time, decide_on_failure
    from wizard.pipeline import Pipeline, Wishes

    console = _console(arguments)
    hashes = secrets(session.settings)
    state = () if arguments.state == STATE_DIRECTORY else ("--state-dir", arguments.state)
    with console.reporter() as reporter:
        machine = Machine(secrets=hashes.__getitem__, warn=reporter.note)
        wishes = Wishes(
            ignore=session.ignore,
            consent=agreed or arguments.agree_no_undo,
            program=(session.facts.program, *state),
        )
        if prompter is not None:
            wishes = replace(
                wishes,
                on_failure=decide_on_failure(prompter, reporter.paused),
                confirm=confirm_in_time(prompter, reporter.paused),
            )
        if arguments.on_failure is not None:
            wishes = replace(wishes, on_failure=_ON_FAILURE[arguments.on_failure])
        store = _store(arguments)
        pipeline = Pipeline(PIPELINE, session.read_facts, store, machine, reporter, wishes)
        started = time.monotonic()
        try:
            if resumes:
                outcome = pipeline.resume(session.settings)
            else:
                text = write_answers(record(session.settings, session.facts))
                outcome = pipeline.apply(session.settings, text)
        finally:
            machine.note(
                f"{arguments.command}: {time.monotonic() - started:.1f} s, "
                f"of these {machine.command_seconds:.1f} s in commands"
            )
    console.finished(outcome, what_now(session.settings))
    return Exit.DONE


def _rollback(arguments: Arguments) -> int:
    _need_root(arguments)
    from wizard.machine import Machine
    from wizard.people import agree_to_rollback
    from wizard.prompts import choose_prompter
    from wizard.rollback import roll_back, take_back_unconfirmed, to_take_back

    console = _console(arguments)
    store = _store(arguments)
    step = arguments.to or ""
    if arguments.unconfirmed:
        with console.reporter() as reporter:
            take_back_unconfirmed(store, Machine(warn=reporter.note), reporter)
        return Exit.DONE
    entries = to_take_back(store, step)
    if not arguments.yes and entries:
        if arguments.no_input or not sys.stdin.isatty():
            raise UsageError(
                "A rollback is asked about first, and nobody is there to answer.",
                hint="Without being asked: sudo xen-setup rollback --yes",
            )
        console.rollback([entry.action for entry in entries])
        agree_to_rollback(choose_prompter(plain=arguments.plain))
    with console.reporter() as reporter:
        count = roll_back(store, Machine(warn=reporter.note), reporter, step)
    console.rolled_back(count)
    return Exit.DONE


_ON_FAILURE: dict[str, OnFailure] = {"rollback": "roll back", "stop": "stop"}


def _practice(arguments: Arguments) -> int:
    from wizard.practice import front

    name = arguments.name
    options = ("--plain",) if arguments.plain else ()
    match arguments.practice:
        case "start" if arguments.unattended:
            return front.run_unattended(arguments.answers, name, options)
        case "start":
            return front.run_guided(name, options)
        case "exec":
            return front.exec_(arguments.argv, name)
        case "console":
            return front.console(name)
        case "stop":
            return front.stop(name)
        case "reset":
            return front.reset(name, yes=arguments.yes)
        case "status":
            return front.status(name)
    assert_never(arguments.practice)
