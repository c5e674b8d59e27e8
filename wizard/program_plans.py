"""What the commands that only show do: `facts`, `check`, `plan`, `status`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from shlex import quote

from steps.facts import Facts
from steps.facts_in_words import describe
from steps.saved_facts import facts_text
from steps.settings import Settings
from wizard.answers import draft
from wizard.arguments import Arguments
from wizard.console import Console
from wizard.errors import AnswerProblem, AnswersInvalid, Exit, UsageError
from wizard.own_name import as_typed
from wizard.preview import StepPreview
from wizard.program_saved import refuse_to_save, save_plan
from wizard.program_session import (
    answers_of,
    console_for,
    machine_facts,
    session_for,
    store_for,
    text_of,
)
from wizard.running import kernel_boot_id
from wizard.secret_references import missing
from wizard.shapes import (
    Machine,
    check_document,
    document_text,
    failed_checks,
    plan_document,
    planned_actions,
    status_document,
)
from wizard.status import status as status_of

Previews = Sequence[StepPreview[Settings, Facts]]


def show_facts(arguments: Arguments) -> int:
    """`facts`: what the wizard sees of this machine."""
    facts = machine_facts(arguments)
    if arguments.json:
        sys.stdout.write(facts_text(facts))
    else:
        console_for(arguments).rows(describe(facts))
    return Exit.DONE


def show_status(arguments: Arguments) -> int:
    """`status`: how far the runs came."""
    if os.path.lexists(arguments.state) and not os.access(arguments.state, os.R_OK | os.X_OK):
        raise UsageError(
            f"Only root can read {arguments.state}.",
            hint="Start it with sudo: sudo xen-setup status",
        )
    found = status_of(store_for(arguments), kernel_boot_id())
    if arguments.json:
        sys.stdout.write(document_text(status_document(found)))
    else:
        console_for(arguments).status(found)
    return Exit.DONE


def look_ahead(arguments: Arguments) -> int:
    """`check` and `plan`: all that is known of what would be done, and what stands in the way."""
    try:
        answers = answers_of(arguments, arguments.files)
    except AnswersInvalid as error:
        if arguments.json:
            _print(arguments, None, error.problems, (), error.status)
        raise
    facts = machine_facts(arguments)
    refuse_to_save(arguments, facts)
    drafted = draft(answers, facts)
    session = session_for(arguments, drafted.settings, facts)
    previews = session.shown()
    # Nobody is at fault for what only root could have suggested, or what is not there on a machine
    # that is not fit: its checks say what is to be mended, and then there is an answer.
    excused = not facts.as_root or failed_checks(previews) > 0
    unanswered = [item.key for item in drafted.problems if item.missing and excused]
    wrong = drafted.problems if len(unanswered) < len(drafted.problems) else ()
    if arguments.command == "check" and arguments.facts is None:
        wrong += missing(answers)
    status = Exit.ANSWERS_INVALID if wrong else _status(arguments, previews)
    console = console_for(arguments)
    if arguments.json:
        shown = drafted.problems if facts.as_root and not wrong else wrong
        _print(arguments, facts, shown, previews, status)
    elif arguments.command == "plan":
        console.plan(previews, text_of, lessons=arguments.lessons)
        console.line()
    else:
        console.checks(previews)
        console.line()
    _conclude(console, facts, unanswered, wrong, previews)
    if arguments.out is not None:
        if failed_checks(previews):
            console.line(f"No plan was saved to {arguments.out}: problems stand in its way.")
        else:
            save_plan(arguments.out, arguments, answers, session, previews)
            name = quote(str(arguments.out))
            words = f"The plan is saved. To do exactly this: sudo xen-setup apply {name}"
            console.line(as_typed(words))
    return status


def _status(arguments: Arguments, previews: Previews) -> Exit:
    if failed_checks(previews):
        return Exit.CHECKS_FAILED
    if arguments.detailed_exitcode and planned_actions(previews):
        return Exit.SOMETHING_TO_DO
    return Exit.DONE


def _print(
    arguments: Arguments,
    facts: Facts | None,
    wrong: Sequence[AnswerProblem],
    previews: Previews,
    status: Exit,
) -> None:
    machine = Machine(facts.machine, facts.hostname, facts.as_root) if facts else None
    document = (
        plan_document(machine, wrong, previews, status, text_of)
        if arguments.command == "plan"
        else check_document(machine, wrong, previews, status)
    )
    sys.stdout.write(document_text(document))


def _conclude(
    console: Console,
    facts: Facts,
    unanswered: Sequence[str],
    wrong: tuple[AnswerProblem, ...],
    previews: Previews,
) -> None:
    """Say what it comes to; raises AnswersInvalid when the answers are wrong."""
    if not facts.as_root:
        console.line("What only root can read is not known here; with sudo it is.", "magenta")
    if wrong:
        raise AnswersInvalid(wrong)
    if unanswered:
        where = "As it is, nothing here" if facts.as_root else "Without root nothing"
        console.line(f"{where} suggests an answer for {', '.join(unanswered)}.", "magenta")
    count = failed_checks(previews)
    if count:
        noun = "check" if count == 1 else "checks"
        console.line(f"{count} {noun} failed; nothing was changed.", "bold red")
    else:
        console.line("No check failed; nothing was changed.", "bold green")
