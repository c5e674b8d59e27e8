"""What the commands that change something do; program_plans.py has those that only show. Here the
engine and the steps are put together.

A function a command: it takes the arguments, and returns the exit status or raises a SetupError.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from steps import OPTIONAL, PIPELINE
from steps.facts import Facts
from steps.failures import RULES
from steps.read_facts import is_in_xen
from steps.settings import Settings
from steps.spare_place import lost_devices
from steps.what_now import after_rollback, what_now
from wizard.answer_file import write_answers
from wizard.answers import Answers, record, settle
from wizard.arguments import STATE_DIRECTORY, Arguments
from wizard.decision import Review, nothing_changed_yet
from wizard.decision import guided as converse
from wizard.errors import Exit, Interrupted, Stopped, UsageError
from wizard.interview import Interview
from wizard.journal import lasted, unfinished_run
from wizard.kept_answers import KeptAnswers, fitting, kept_path
from wizard.machine import Machine
from wizard.objections import objections
from wizard.people import Paused, agree_to_rollback, confirm_in_time, decide_on_failure
from wizard.pipeline import OnFailure, Pipeline, Wishes
from wizard.plan_view import browse, show_in_short
from wizard.preview import errors_in
from wizard.program_changes import Current, change_by_asking
from wizard.program_saved import held_session, open_plan, promise_of
from wizard.program_session import (
    Session,
    answers_of,
    console_for,
    machine_facts,
    prepare,
    session_for,
    store_for,
    text_of,
)
from wizard.program_teach import (
    SettingsTutor,
    led_session,
    refuse_without_a_person,
    tutor_for,
)
from wizard.program_unfit import refuse_unfit
from wizard.prompts import Prompter, choose_prompter
from wizard.rollback import refuse_half_taken_back, roll_back, take_back_unconfirmed, to_take_back
from wizard.saved_plan import Promise, is_saved_plan, is_shown_plan
from wizard.scope import go_on
from wizard.secret_references import resolve
from wizard.step import Problem, Step


def apply(arguments: Arguments) -> int:
    """`apply`: do it, from an answer file, and ask nobody."""
    started = time.monotonic()
    prepare(arguments)
    plan = arguments.files[0] if len(arguments.files) == 1 else None
    if plan is not None and (is_saved_plan(plan) or is_shown_plan(plan)):
        held = open_plan(arguments, plan)
        if not arguments.quiet:
            words = f"This run does what the plan {plan} says, and nothing else."
            console_for(arguments).line(words)
        return run_session(arguments, held.session, None, started, promise=held.promise)
    answers = resolve(answers_of(arguments, arguments.files), unattended=True)
    facts = machine_facts(arguments)
    session = session_for(arguments, settle(answers, facts), facts)
    return run_session(arguments, session, None, started)


def resume(arguments: Arguments) -> int:
    """`resume`: go on with the run that stopped, with the answers that it was begun with, and as
    the lesson that it was, if somebody is there.
    """
    started = time.monotonic()
    prepare(arguments)
    store = store_for(arguments)
    run = unfinished_run(store)
    if run is None:
        refuse_half_taken_back(store)
        console_for(arguments).line("There is nothing to go on with: no run is unfinished.")
        return Exit.DONE
    ledger = store.ledger(run)
    undoes = ledger.state == "rolling back"
    promise = None if undoes else promise_of(run, ledger.plan)
    answers = answers_of(arguments, [run.answers])
    facts = machine_facts(arguments)
    session = session_for(arguments, settle(answers, facts), facts)
    if promise is not None:
        session = held_session(session, promise)
    asks = not arguments.no_input and sys.stdin.isatty()
    prompter = choose_prompter(plain=arguments.plain) if asks else None
    refuse_without_a_person(arguments, prompter)
    tutor = None
    taught = ledger.taught if arguments.teach is None else arguments.teach
    if arguments.teach and (promise is not None or undoes):
        what = "a rollback" if undoes else "held to the plan that was saved"
        words = f"This run is {what}, with no answers to ask for: it goes on without a lesson."
        console_for(arguments).line(words)
    if taught and prompter is not None and promise is None and not undoes:
        tutor = tutor_for(arguments, answers, facts, prompter, resumed=True)
        try:
            tutor.welcome()
        except Interrupted as error:
            error.hint = go_on(run)
            raise
        session = led_session(arguments, tutor, facts)
    return run_session(
        arguments, session, prompter, started,
        promise=promise, resumes=True, undoes=undoes, agreed=tutor is not None, tutor=tutor,
    )  # fmt: skip


def guided(arguments: Arguments) -> int:
    """No command: ask, show, and do what was agreed to."""
    if arguments.no_input:
        raise UsageError(
            "A guided run asks questions, and --no-input forbids them.",
            hint="Write the answers to a file, and use: sudo xen-setup apply ANSWERS",
        )
    prompter = choose_prompter(plain=arguments.plain)  # first: sudo gives nobody a terminal
    if os.geteuid() != 0 and arguments.facts is None:
        answers = answers_of(arguments, arguments.files)
        facts, console = machine_facts(arguments), console_for(arguments)
        refuse_unfit(PIPELINE, answers, facts, console, prompter, needs_root=True)
    prepare(arguments)
    store = store_for(arguments)
    run = unfinished_run(store)
    if run is not None and store.ledger(run).to_take_back:
        raise Stopped("An earlier run is not finished.", hint=go_on(run, store.ledger(run)))
    if arguments.teach:
        return _lesson(arguments, prompter)
    kept = KeptAnswers(Settings, kept_path())
    session = interview(arguments, prompter, kept=kept)
    return run_session(arguments, session, prompter, time.monotonic(), agreed=True)


def _lesson(arguments: Arguments, prompter: Prompter) -> int:
    """`--teach`: questions, plan and work one step at a time."""
    facts = machine_facts(arguments)
    answers = resolve(answers_of(arguments, arguments.files), unattended=False)
    tutor = tutor_for(arguments, answers, facts, prompter)
    with nothing_changed_yet():
        tutor.welcome()
    session = led_session(arguments, tutor, facts)
    return run_session(arguments, session, prompter, time.monotonic(), agreed=True, tutor=tutor)


def interview(
    arguments: Arguments,
    prompter: Prompter,
    steps: Sequence[Step[Settings, Facts]] = PIPELINE,
    known: Answers[Settings] | None = None,
    kept: KeptAnswers[Settings] | None = None,
) -> Session:
    """Ask everything, show the plan, have it agreed to; raises Cancelled if it is not. What is
    `known` beforehand is not asked; None: what the files say. `kept`: where the answers of whoever
    leaves are, and those of an earlier start.
    """
    console = console_for(arguments)
    facts = machine_facts(arguments)
    sessions: list[Session] = []

    def show(settings: Settings) -> Review:
        session = replace(session_for(arguments, settings, facts), steps=steps)
        sessions.append(session)
        previews = session.shown()
        show_in_short(console, previews)
        return Review(
            ready=not any(errors_in(preview.problems) for preview in previews),
            destroys=lost_devices(settings, facts),
            browse=lambda: browse(console, previews, text_of, prompter),
        )

    answers = resolve(known or answers_of(arguments, arguments.files), unattended=False)
    with nothing_changed_yet():
        if known is None:
            refuse_unfit(steps, answers, facts, console, prompter, needs_root=False)
        earlier = None if kept is None else kept.offered(prompter)

    def objects(old: Answers[Settings], new: Answers[Settings]) -> list[Problem]:
        return objections(steps, old, new, facts, frozenset(arguments.ignore))

    conversation = Interview(
        steps,
        answers if earlier is None else fitting(earlier, answers, facts, objects, prompter),
        facts,
        prompter,
        every_question=arguments.all_questions,
        preset=answers.given,
        preset_lists=answers.counts,
        objects=objects,
    )
    converse(conversation, facts, prompter, show, kept=kept)
    return sessions[-1]


def run_session(
    arguments: Arguments,
    session: Session,
    prompter: Prompter | None,
    started: float,
    *,
    promise: Promise[Facts] | None = None,
    resumes: bool = False,
    undoes: bool = False,
    agreed: bool = False,
    tutor: SettingsTutor | None = None,
    alone: bool = False,
) -> int:
    """Apply or resume. `prompter`: a person to ask when something fails; None for nobody.
    `started`: when the command was. `undoes`: what is resumed is a rollback. `agreed`: the person
    has seen the plan, points of no return included. `promise`: the saved plan that is run. `tutor`:
    asks for the answers on the way. `alone`: the run only adds to a host, and can be taken back by
    itself.
    """
    console = console_for(arguments)
    current = Current(session, tutor, begun=resumes)
    with console.reporter() as reporter:
        machine = Machine(secrets=current.secret, warn=reporter.note, log_copy=arguments.log_file)
        wishes = wishes_of(arguments, current, prompter, reporter.paused, agreed=agreed)
        store = store_for(arguments)
        pipeline = Pipeline(
            session.steps,
            current.read_facts,
            store,
            machine,
            reporter,
            wishes,
            promise,
            RULES,
            tutor,
            alone,
        )
        if tutor is not None:
            tutor.paused = reporter.paused
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
    number = outcome.run.number if alone and outcome.run else None
    before = lasted(store.records(outcome.run)) if resumes and outcome.run else 0.0
    with suppress(OSError):  # it is done, though nobody can be told
        if undoes:
            console.line("The rollback that was cut off is finished.", "bold green")
        else:
            console.finished(outcome, what_now(current.settings, number), begun_before=before)
    return Exit.DONE


def wishes_of(
    arguments: Arguments,
    current: Current,
    prompter: Prompter | None,
    paused: Paused,
    *,
    agreed: bool,
) -> Wishes:
    """How the user wants a run; with a person there, the person decides what is not known yet."""
    state = () if arguments.state == STATE_DIRECTORY else ("--state-dir", arguments.state)
    wishes = Wishes(
        ignore=current.session.ignore,
        consent=agreed or arguments.agree_no_undo,
        lesson_ends=arguments.teach is False,
        last=arguments.to or "",
        program=(current.session.facts.program, *state),
    )
    if prompter is not None:
        wishes = replace(
            wishes,
            on_failure=decide_on_failure(
                prompter, paused, log_stays=arguments.simulate is None or bool(state)
            ),
            optional=OPTIONAL,
            change=change_by_asking(arguments, current, prompter, paused),
            confirm=confirm_in_time(prompter, paused),
        )
    if arguments.on_failure is not None:
        wishes = replace(wishes, on_failure=_ON_FAILURE[arguments.on_failure])
    return wishes


def rollback(arguments: Arguments) -> int:
    """`rollback`: show what would be taken back, ask, and take it back."""
    prepare(arguments)
    console = console_for(arguments)
    store = store_for(arguments)
    step = arguments.to or ""
    if arguments.unconfirmed:
        with console.reporter() as reporter:
            take_back_unconfirmed(store, Machine(warn=reporter.note), reporter)
        return Exit.DONE
    entries = to_take_back(store, step, arguments.run)
    if not arguments.yes and entries:
        if arguments.no_input or not sys.stdin.isatty():
            raise UsageError(
                "A rollback is asked about first, and nobody is there to answer.",
                hint="Without being asked: sudo xen-setup rollback --yes",
            )
        console.rollback([entry.action for entry in entries])
        agree_to_rollback(choose_prompter(plain=arguments.plain))
    with console.reporter() as reporter:
        machine = Machine(warn=reporter.note, log_copy=arguments.log_file)
        count = roll_back(store, machine, reporter, step, arguments.run)
    then = after_rollback(is_in_xen()) if count else ()
    with suppress(OSError):  # it is done, though nobody can be told
        console.rolled_back(count, then)
    return Exit.DONE


_ON_FAILURE: dict[str, OnFailure] = {"rollback": "roll back", "stop": "stop"}
