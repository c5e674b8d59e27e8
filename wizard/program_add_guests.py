"""`guests add`: the guests' own steps, on a host that is finished, as a run of its own."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from itertools import count

from steps import first_boot, guest_config, guest_system, guest_volumes
from steps.facts import Facts
from steps.guest_packages import GuestPackages
from steps.settings import GuestSettings, Settings
from wizard.answer_file import read_answers
from wizard.answers import Answers, settle
from wizard.arguments import Arguments
from wizard.errors import ChecksFailed, Stopped, UsageError
from wizard.journal import Store
from wizard.pipeline import unfinished_run
from wizard.program import interview, run_session
from wizard.program_session import (
    answers_of,
    console_for,
    machine_facts,
    prepare,
    session_for,
    store_for,
)
from wizard.prompts import Prompter, choose_prompter
from wizard.questions import questions_of
from wizard.scope import go_on
from wizard.secret_references import resolve
from wizard.step import Step

STEPS: tuple[Step[Settings, Facts], ...] = (
    GuestPackages(), guest_volumes, guest_system, guest_config, first_boot,
)  # fmt: skip
# What belongs to the host is answered as it was; that something may be wiped is no standing wish.
_OF_THE_HOST = ("host.", "storage.")
_ONCE = {"storage.overwrite", "host.after_reboot"}


def add(arguments: Arguments) -> int:
    """From a file without a question, or asked; the host stays as it is."""
    started = time.monotonic()
    prepare(arguments)
    asks = not arguments.files
    if asks and (arguments.no_input or not sys.stdin.isatty()):
        raise UsageError(
            "What the new guest shall be is asked, and nobody is there to answer.",
            hint="Without questions: sudo xen-setup guests add ANSWERS",
        )
    store = store_for(arguments)
    unfinished = unfinished_run(store)
    if unfinished is not None and (ledger := store.ledger(unfinished)).to_take_back:
        raise Stopped("An earlier run is not finished.", hint=go_on(unfinished, ledger))
    facts = machine_facts(arguments)
    refuse_unfinished_host(facts)
    answers = with_the_hosts(answers_of(arguments, arguments.files), store)
    prompter: Prompter | None = None
    if asks:
        prompter = choose_prompter(plain=arguments.plain)
        answers = _with_name(answers, facts, prompter)
        session = interview(arguments, prompter, STEPS, answers)
    else:
        resolved = resolve(answers, unattended=True)
        session = replace(session_for(arguments, settle(resolved, facts), facts), steps=STEPS)
        if not arguments.quiet:
            names = ", ".join(guest.name for guest in session.settings.guests)
            console_for(arguments).line(f"Added to this host: {names}.")
    return run_session(arguments, session, prompter, started, agreed=asks, alone=True)


def refuse_unfinished_host(facts: Facts) -> None:
    """Raise ChecksFailed on a machine that could not start the guest."""
    if not facts.xen.control_domain:
        raise ChecksFailed(
            "Xen does not run here, so no guest can be added.",
            hint="Prepare the host first (sudo xen-setup), or boot its Xen entry.",
        )
    if not facts.xen.answers:
        raise ChecksFailed(
            "xl does not answer: most likely xenstored does not run.",
            hint="Start it: systemctl restart xen",
        )


def with_the_hosts(answers: Answers[Settings], store: Store) -> Answers[Settings]:
    """The answers, and for what belongs to the host those that its newest run was made with.

    What boots by itself was settled when the host was made: it is no part of this run's work.
    """
    answers = answers.with_answer("host.make_default", False)
    made = [run for run in store.runs() if store.ledger(run).state == "finished"]
    if not made:
        return answers
    known = read_answers([made[-1].answers], Settings, ())
    for key, given in known.given.items():
        if key.startswith(_OF_THE_HOST) and key not in _ONCE and key not in answers.given:
            answers = answers.with_answer(key, given.value)
    return answers


def _with_name(answers: Answers[Settings], facts: Facts, prompter: Prompter) -> Answers[Settings]:
    """The answers with the new guest's name: asked first, as the usual default may be taken."""
    if "guests.0.name" in answers.given:
        return answers
    free = free_name(facts)
    kind = dict(questions_of(GuestSettings))["name"].kind
    while True:
        typed = prompter.line("The new guest's name", free).strip() or free
        try:
            name = str(kind.parse(typed))
        except ValueError as error:
            prompter.say(f"{typed} is no guest's name: {error}", "wrong")
            continue
        if name in taken_names(facts):
            prompter.say(f"There is a guest or a volume of the name {name} already.", "wrong")
            continue
        return answers.with_answer("guests.0.name", name)


def taken_names(facts: Facts) -> set[str]:
    """Names that a guest or its volumes have here."""
    configs = {path.rpartition("/")[2].removesuffix(".cfg")
               for path in facts.files if path.startswith("/etc/xen/")}  # fmt: skip
    domains = {domain.name for domain in facts.xen.domains or ()}
    volumes = {
        volume.name.removesuffix("-root")
        for group in facts.volume_groups or ()
        for volume in group.volumes
    }
    return configs | domains | volumes


def free_name(facts: Facts) -> str:
    """The first of vm01, vm02, … that nobody has."""
    taken = taken_names(facts)
    return next(name for number in count(1) if (name := f"vm{number:02}") not in taken)
