"""What each command does: the one place that puts the engine and the steps together.

A function a command: it takes the arguments, and returns the exit status or raises a SetupError.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from steps import PIPELINE
from steps.facts import Facts
from steps.facts_in_words import describe
from steps.guest_disks import root_device
from steps.read_facts import read_facts
from steps.saved_facts import facts_text, load_facts
from steps.settings import Settings
from steps.what_now import after_rollback, what_now
from wizard.answer_file import read_answers, write_answers
from wizard.answers import Answers, draft, record, secrets, settle
from wizard.arguments import STATE_DIRECTORY, Arguments
from wizard.console import Console
from wizard.errors import AnswersInvalid, Exit, StepFailed, Stopped, UsageError
from wizard.interview import Interview, Review
from wizard.interview import guided as converse
from wizard.journal import Store
from wizard.machine import Machine
from wizard.people import agree_to_rollback, confirm_in_time, decide_on_failure
from wizard.pipeline import GO_ON, OnFailure, Pipeline, Wishes, unfinished_run
from wizard.preview import StepPreview, errors_in, preview
from wizard.prompts import Prompter, choose_prompter
from wizard.rollback import roll_back, take_back_unconfirmed, to_take_back
from wizard.running import kernel_boot_id
from wizard.status import status as status_of

# ---- what the commands share


@dataclass(frozen=True)
class Session:
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
        return preview(PIPELINE, self.settings, self.facts, self.ignore)


def _answers(arguments: Arguments, files: Sequence[Path]) -> Answers[Settings]:
    """The answers of the files and of the options; --ignore is one of them, so it is kept."""
    answers = read_answers(files, Settings, arguments.settings)
    if arguments.ignore:
        given = answers.given.get("host.ignore")
        before: tuple[str, ...] = given.value if given else ()
        answers = answers.with_answer("host.ignore", (*before, *arguments.ignore))
    return answers


def _machine_facts(arguments: Arguments) -> Facts:
    if arguments.facts is not None:
        return load_facts(arguments.facts)
    # A mirror that does not answer is told before the first change, not after half of them.
    return read_facts(reach=arguments.command in {"guided", "apply", "check"})


def _session(arguments: Arguments, settings: Settings, facts: Facts) -> Session:
    """A session on this machine; the guests that are there already are looked into."""
    volumes = [root_device(settings, guest) for guest in settings.guests]
    names = [guest.name for guest in settings.guests]

    def read() -> Facts:
        again = read_facts(volumes, names)
        # Whether the mirror answers was tried once, at the start.
        return replace(again, apt=replace(again.apt, reachable=facts.apt.reachable))

    there = {volume.path for group in facts.volume_groups or () for volume in group.volumes}
    if arguments.facts is None and (there.intersection(volumes) or facts.xen.domains):
        facts = read()
    return Session(settings, facts, read)


def _console(arguments: Arguments) -> Console:
    return Console(sys.stdout, plain=arguments.plain)


def _store(arguments: Arguments) -> Store:
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


def show_facts(arguments: Arguments) -> int:
    """`facts`: what the wizard sees of this machine."""
    facts = _machine_facts(arguments)
    if arguments.json:
        sys.stdout.write(facts_text(facts))
    else:
        _console(arguments).rows(describe(facts))
    return Exit.DONE


def look_ahead(arguments: Arguments) -> int:
    """`check` and `plan`: all that is known of what would be done, and what stands in the way."""
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


def show_status(arguments: Arguments) -> int:
    """`status`: how far the runs came."""
    if os.path.lexists(arguments.state) and not os.access(arguments.state, os.R_OK | os.X_OK):
        raise UsageError(
            f"Only root can read {arguments.state}.",
            hint="Start it with sudo: sudo xen-setup status",
        )
    _console(arguments).status(status_of(_store(arguments), kernel_boot_id()))
    return Exit.DONE


# ---- commands that change


def apply(arguments: Arguments) -> int:
    """`apply`: do it, from an answer file, and ask nobody."""
    started = time.monotonic()
    _need_root(arguments)
    assert arguments.answers is not None
    answers = _answers(arguments, [arguments.answers])
    facts = _machine_facts(arguments)
    session = _session(arguments, settle(answers, facts), facts)
    return _run(arguments, session, None, started)


def resume(arguments: Arguments) -> int:
    """`resume`: go on with the run that stopped, with the answers that it was begun with."""
    started = time.monotonic()
    _need_root(arguments)
    store = _store(arguments)
    run = unfinished_run(store)
    if run is None:
        _console(arguments).line("There is no run to go on with.")
        return Exit.DONE
    answers = _answers(arguments, [run.answers])
    facts = _machine_facts(arguments)
    session = _session(arguments, settle(answers, facts), facts)
    asks = not arguments.no_input and sys.stdin.isatty()
    prompter = choose_prompter(plain=arguments.plain) if asks else None
    undoes = store.ledger(run).state == "rolling back"
    return _run(arguments, session, prompter, started, resumes=True, undoes=undoes)


def guided(arguments: Arguments) -> int:
    """No command: ask, show, and do what was agreed to."""
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
    return _run(arguments, session, prompter, time.monotonic(), agreed=True)


def interview(arguments: Arguments, prompter: Prompter) -> Session:
    """Ask everything, show the plan, have it agreed to; raises Cancelled if it is not."""
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

    conversation = Interview(
        PIPELINE,
        _answers(arguments, []),
        facts,
        prompter,
        every_question=arguments.all_questions,
    )
    converse(conversation, facts, prompter, show)
    return sessions[-1]


def _run(
    arguments: Arguments,
    session: Session,
    prompter: Prompter | None,
    started: float,
    *,
    resumes: bool = False,
    undoes: bool = False,
    agreed: bool = False,
) -> int:
    """Apply or resume. `prompter`: a person to ask when something fails; None for nobody.
    `started`: when the command was. `undoes`: what is resumed is a rollback. `agreed`: the person
    has seen the plan, points of no return included.
    """
    console = _console(arguments)
    hashes = secrets(session.settings)

    def secret(key: str) -> str:
        if key not in hashes:
            raise StepFailed(f"There is no answer {key}.", hint="Give it in the answer file.")
        return hashes[key]

    state = () if arguments.state == STATE_DIRECTORY else ("--state-dir", arguments.state)
    with console.reporter() as reporter:
        machine = Machine(secrets=secret, warn=reporter.note)
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
    if undoes:
        console.line("The rollback that was cut off is finished.", "bold green")
    else:
        console.finished(outcome, what_now(session.settings))
    return Exit.DONE


def rollback(arguments: Arguments) -> int:
    """`rollback`: show what would be taken back, ask, and take it back."""
    _need_root(arguments)
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
    console.rolled_back(count, after_rollback(read_facts(thorough=False)) if count else ())
    return Exit.DONE


_ON_FAILURE: dict[str, OnFailure] = {"rollback": "roll back", "stop": "stop"}
