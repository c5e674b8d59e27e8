"""`--simulate`: a guided run, or `apply`, that is only played, on the saved facts of a machine.

The same questions, plans, screens and decisions as for real; no root, no network, and nothing of
this machine is changed: the journal is in a temporary folder, and the machine a simulated one.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from shlex import quote

from steps import PIPELINE
from steps.expected_output import show, xl_list
from steps.facts import Facts
from steps.failures import RULES
from steps.machines import EXAMPLES, machine_file
from steps.played import Played
from steps.settings import Settings
from steps.what_now import what_now
from wizard.answer_file import write_answers
from wizard.answers import record, settle
from wizard.arguments import STATE_DIRECTORY, Arguments
from wizard.commands import Answer
from wizard.console import Console
from wizard.decision import nothing_changed_yet
from wizard.errors import ChecksFailed, Exit, RebootNeeded, SetupError, UsageError
from wizard.exercise import Exercise
from wizard.journal import UNSYNCED, Store, lasted
from wizard.live_reporter import LiveReporter
from wizard.pipeline import Outcome, Pipeline
from wizard.plain_reporter import PlainReporter
from wizard.program import interview, wishes_of
from wizard.program_changes import Current
from wizard.program_session import (
    Session,
    answers_of,
    console_for,
    machine_facts,
    session_for,
)
from wizard.program_teach import SettingsTutor, tutor_for
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
    prompter = _prompter(arguments)
    console = console_for(arguments)
    if not arguments.quiet:
        _introduce(console, arguments)
    play = _Play(arguments, prompter)
    _refuse_impossible_failure(arguments, play.session)
    try:
        outcome = play.run(console)
    except ChecksFailed:
        raise  # it says by itself that nothing was changed
    except SetupError as error:
        error.hint = (
            f"{NOTHING} On a real machine it would say: {error.hint}" if error.hint else NOTHING
        )
        raise
    console.finished(outcome, what_now(play.settings), stays=False, begun_before=play.lasted)
    if not arguments.quiet:
        console.line()
        for line in xl_list(play.simulation.read_facts()):
            console.line(line, whole=True)
        console.line()
        console.line(NOTHING, "bold")
    return Exit.DONE


class _Play:
    """One play: the machine, who is asked, and what was answered."""

    def __init__(self, arguments: Arguments, prompter: Prompter | None) -> None:
        pace = arguments.simulate_pace
        facts = machine_facts(arguments)
        self.simulation = Simulation(
            PIPELINE,
            facts,
            Played(),
            pace=PACE if pace is None else pace,
            fails_in=arguments.simulate_failure or "",
        )
        self._arguments = arguments
        self._prompter = prompter
        self._tutor: SettingsTutor | None = None
        self.lasted = 0.0  # seconds from its beginning, where it went on after the boot
        if prompter is not None and not arguments.teach:
            session = interview(arguments, prompter, self.simulation.steps)
        else:
            answers = answers_of(arguments, arguments.files)
            answers = resolve(answers, unattended=prompter is None)
            if prompter is not None:
                self._tutor = tutor_for(
                    arguments, answers, facts, prompter,
                    steps=self.simulation.steps, look=played_look,
                )  # fmt: skip
                with nothing_changed_yet():
                    self._tutor.welcome()
            settings = self._tutor.settings if self._tutor else settle(answers, facts)
            session = session_for(arguments, settings, facts)
        self.session = replace(session, steps=self.simulation.steps)
        self._current = Current(self.session, self._tutor)

    @property
    def settings(self) -> Settings:
        """As they are by now."""
        return self._current.settings

    def run(self, console: Console) -> Outcome:
        """Play it to its end, over the boot."""
        with (
            tempfile.TemporaryDirectory(prefix="xen-setup-simulated-") as folder,
            console.reporter() as reporter,
        ):
            reporter.log_stays = self._arguments.state != STATE_DIRECTORY
            if self._tutor is not None:
                self._tutor.paused = reporter.paused
            asks = self._prompter is not None
            store = _store(self._arguments, Path(folder))
            pipeline = Pipeline(
                self.simulation.steps,
                self.simulation.read_facts,
                store,
                self.simulation.machine,
                reporter,
                wishes_of(
                    self._arguments, self._current, self._prompter, reporter.paused, agreed=asks
                ),
                rules=RULES,
                companion=self._tutor,
            )
            text = write_answers(record(self.session.settings, self.session.facts))
            begun = False
            while True:
                try:
                    if begun:
                        outcome = pipeline.resume(self.settings)
                        if outcome.run is not None:
                            self.lasted = lasted(store.records(outcome.run))
                        return outcome
                    return pipeline.apply(self.settings, text)
                except RebootNeeded:
                    begun = True
                    self._boot(reporter)

    def _boot(self, reporter: LiveReporter | PlainReporter) -> None:
        by_hand = self.settings.host.after_reboot == "by-hand"
        if by_hand:
            reporter.note("Here a person types: sudo reboot")
        reporter.waiting("the machine boots into Xen (simulated)", 60)
        self.simulation.boot(self.settings, reporter)
        if by_hand:
            reporter.note("It has booted. Here a person types: sudo xen-setup resume")
        else:
            reporter.note("It has booted, and the run goes on by itself.")


def _with_machine(arguments: Arguments) -> Arguments:
    """The same, with the facts of the machine that is to be played; `UsageError` if none is."""
    if arguments.command not in {"guided", "apply"}:
        raise UsageError(
            f"`{arguments.command}` cannot be simulated.",
            hint="A guided run can (xen-setup --simulate stock), and `apply`; `plan`, `check` and "
            "`facts` show such a machine with --facts stock.",
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
    unasked = f"xen-setup apply --simulate {quote(arguments.simulate or '')} ANSWERS"
    if arguments.no_input:
        raise UsageError(
            "A guided run asks questions, and --no-input forbids them.",
            hint=f"Write the answers to a file, and use: {unasked}",
        )
    return choose_prompter(plain=arguments.plain, unasked=unasked)


def _introduce(console: Console, arguments: Arguments) -> None:
    name = arguments.simulate or ""
    about = EXAMPLES.get(name, "saved facts")
    console.line(f"SIMULATED, on the machine {name} ({about}).", "bold magenta")
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


def played_look(exercise: Exercise, facts: Facts) -> Answer:
    """What the command would print on the machine that is played."""
    return Answer(0, "\n".join(show(exercise.command, facts)), "")


def _store(arguments: Arguments, folder: Path) -> Store:
    """Where the play's journal is: in the folder, or where tests want it. It is no real machine's
    journal: a rollback refuses it.
    """
    own = folder if arguments.state == STATE_DIRECTORY else Path(arguments.state)
    return Store(own, lambda: "simulated", UNSYNCED)
