"""`--simulate`: a guided run, or `apply`, that is only played, on the saved facts of a machine.

The same questions, plans, screens and decisions as for real; no root, no network, and nothing of
this machine is changed: the journal is in a temporary folder, and the machine a simulated one.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from steps import PIPELINE
from steps.expected_output import xl_list
from steps.facts import Facts
from steps.failures import RULES
from steps.machines import EXAMPLES, machine_file
from steps.played import Played
from steps.settings import Settings
from steps.what_now import what_now
from wizard.answer_file import write_answers
from wizard.answers import record, settle
from wizard.arguments import STATE_DIRECTORY, Arguments
from wizard.console import Console
from wizard.errors import ChecksFailed, Exit, RebootNeeded, SetupError, UsageError
from wizard.journal import Store
from wizard.live_reporter import LiveReporter
from wizard.pipeline import Outcome, Pipeline
from wizard.plain_reporter import PlainReporter
from wizard.program import interview, wishes_of
from wizard.program_session import (
    Session,
    answers_of,
    console_for,
    machine_facts,
    session_for,
)
from wizard.prompts import Prompter, choose_prompter
from wizard.saved_plan import is_saved_plan, is_shown_plan
from wizard.secret_references import resolve
from wizard.simulated_machine import PACE
from wizard.simulation import Simulation, heaviest
from wizard.step import step_name

NOTHING = "That was simulated: nothing of this machine was changed."


def run(arguments: Arguments) -> int:
    """Play what the arguments say; the exit status is the one that the real run would have."""
    arguments = _with_machine(arguments)
    simulation = Simulation(
        PIPELINE,
        machine_facts(arguments),
        Played(),
        pace=PACE if arguments.simulate_pace is None else arguments.simulate_pace,
        fails_in=arguments.simulate_failure or "",
    )
    console = console_for(arguments)
    prompter = _prompter(arguments)
    if not arguments.quiet:
        _introduce(console, arguments)
    if prompter is None:
        answers = resolve(answers_of(arguments, arguments.files), unattended=True)
        facts = simulation.read_facts()
        session = session_for(arguments, settle(answers, facts), facts)
    else:
        session = interview(arguments, prompter, simulation.steps)
    session = replace(session, steps=simulation.steps)
    _refuse_impossible_failure(arguments, session)
    try:
        outcome = _play(arguments, console, simulation, session, prompter)
    except ChecksFailed:
        raise  # it says by itself that nothing was changed
    except SetupError as error:
        error.hint = f"{NOTHING} On a real machine: {error.hint}" if error.hint else NOTHING
        raise
    console.finished(outcome, what_now(session.settings), stays=False)
    if not arguments.quiet:
        console.line()
        for line in xl_list(simulation.read_facts()):
            console.line(line)
        console.line()
        console.line(NOTHING, "bold")
    return Exit.DONE


def _with_machine(arguments: Arguments) -> Arguments:
    """The same, with the facts of the machine that is to be played; `UsageError` if none is."""
    if arguments.command not in {"guided", "apply"}:
        raise UsageError(
            f"`{arguments.command}` cannot be simulated.",
            hint="A guided run can (xen-setup --simulate stock), and `apply`; `plan`, `check` and "
            "`facts` show a saved machine with --facts.",
        )
    if arguments.simulate is None:
        raise UsageError(
            "A failure can only be let happen in a simulated run.",
            hint="For example: xen-setup --simulate stock --simulate-failure network_bridge",
        )
    names = [step_name(step) for step in PIPELINE]
    if arguments.simulate_failure not in {None, *names}:
        raise UsageError(
            f"There is no step {arguments.simulate_failure} that could fail.",
            hint=f"The steps are: {', '.join(names)}.",
        )
    if any(is_saved_plan(path) or is_shown_plan(path) for path in arguments.files):
        raise UsageError(
            "A saved plan is for the one machine that it was made on, and cannot be simulated.",
            hint="Simulate the answers that it was made from: "
            "xen-setup apply --simulate stock ANSWERS",
        )
    return arguments._replace(facts=machine_file(arguments.simulate))


def _prompter(arguments: Arguments) -> Prompter | None:
    """Who answers; nobody in `apply`."""
    if arguments.command == "apply":
        return None
    if arguments.no_input:
        raise UsageError(
            "A guided run asks questions, and --no-input forbids them.",
            hint="Write the answers to a file, and use: "
            f"xen-setup apply --simulate {arguments.simulate} ANSWERS",
        )
    return choose_prompter(plain=arguments.plain)


def _introduce(console: Console, arguments: Arguments) -> None:
    name = arguments.simulate or ""
    about = EXAMPLES.get(name, "saved facts")
    console.line(f"SIMULATED, on the machine {name} ({about}).", "bold yellow")
    console.line(
        "Nothing of this machine is touched; times are shortened. Every question, plan and "
        "command is as on a real machine like that one."
    )


def _refuse_impossible_failure(arguments: Arguments, session: Session) -> None:
    for preview in session.previews():
        if preview.name != arguments.simulate_failure or preview.plan is None:
            continue
        if heaviest(preview.plan.actions) is None:
            raise UsageError(
                f"The step {preview.name} has nothing to do on this machine, so nothing in it can "
                "fail.",
                hint="Choose another step; `plan --facts` shows what each has to do.",
            )


def _play(
    arguments: Arguments,
    console: Console,
    simulation: Simulation[Settings, Facts],
    session: Session,
    prompter: Prompter | None,
) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="xen-setup-simulated-") as folder:
        store = _store(arguments, Path(folder))
        with console.reporter() as reporter:
            wishes = wishes_of(
                arguments, session, prompter, reporter.paused, agreed=prompter is not None
            )
            pipeline = Pipeline(
                simulation.steps,
                simulation.read_facts,
                store,
                simulation.machine,
                reporter,
                wishes,
                rules=RULES,
            )
            text = write_answers(record(session.settings, session.facts))
            begun = False
            while True:
                try:
                    if begun:
                        return pipeline.resume(session.settings)
                    return pipeline.apply(session.settings, text)
                except RebootNeeded:
                    begun = True
                    _boot(simulation, session, reporter)


def _boot(
    simulation: Simulation[Settings, Facts],
    session: Session,
    reporter: LiveReporter | PlainReporter,
) -> None:
    by_hand = session.settings.host.after_reboot == "by-hand"
    if by_hand:
        reporter.note("Here a person types: sudo reboot")
    reporter.waiting("the machine boots into Xen (simulated)", 60)
    simulation.boot(session.settings, reporter)
    if by_hand:
        reporter.note("It has booted. Here a person types: sudo xen-setup resume")
    else:
        reporter.note("It has booted, and the run goes on by itself.")


def _store(arguments: Arguments, folder: Path) -> Store:
    """Where the play's journal is: in the folder, or where tests want it. It is no real machine's
    journal: a rollback refuses it.
    """
    own = folder if arguments.state == STATE_DIRECTORY else Path(arguments.state)
    return Store(own, lambda: "simulated")
