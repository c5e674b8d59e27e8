"""`transcript`: a document of what a run did, to be handed out or filed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from steps import PIPELINE
from steps.saved_facts import hidden
from steps.settings import Settings
from wizard.answer_file import read_answers
from wizard.answers import secret_names
from wizard.arguments import Arguments
from wizard.errors import AnswersInvalid, Exit, UsageError
from wizard.journal import RunDirectory, Store
from wizard.new_file import create
from wizard.step import step_name
from wizard.transcript import transcript
from wizard.transcript_text import markdown, page

_SHORTEST_SECRET = 4  # characters: masking a shorter one would mask words


def show_transcript(arguments: Arguments) -> int:
    """Print the document, or write it to a file."""
    if os.path.lexists(arguments.state) and not os.access(arguments.state, os.R_OK | os.X_OK):
        raise UsageError(
            f"Only root can read {arguments.state}, where the journals are.",
            hint="Start it with sudo: sudo xen-setup transcript",
        )
    # Reading does no harm: a journal of another machine, or of none, can be told too.
    store = Store(Path(arguments.state), lambda: "")
    run = _chosen(store, arguments.run)
    lessons = {
        step_name(step): (step.TITLE, step.LESSON.idea.split("\n\n")[0]) for step in PIPELINE
    }
    told = transcript(run.number, store.records(run), _log_of(run), lessons, _conceal(run))
    text = page(told) if arguments.html else markdown(told)
    if arguments.out is None:
        sys.stdout.write(text)
    else:
        create(arguments.out, text, 0o644)
    return Exit.DONE


def _chosen(store: Store, number: int | None) -> RunDirectory:
    runs = [run for run in store.runs() if store.ledger(run).steps]
    if not runs:
        raise UsageError(
            "Nothing was begun on this machine yet, so there is nothing to tell.",
            hint="After a run: sudo xen-setup transcript",
        )
    if number is None:
        return runs[-1]
    for run in runs:
        if run.number == number:
            return run
    known = ", ".join(str(run.number) for run in runs)
    raise UsageError(f"There is no run {number}.", hint=f"The runs of this machine are: {known}.")


def _log_of(run: RunDirectory) -> str:
    try:
        text = run.workplace.log.read_text(encoding="utf-8", errors="replace")
        return text.replace("\0", "")  # of a line that a power cut left unwritten (seen)
    except OSError:
        return ""  # it can be told without


def _conceal(run: RunDirectory) -> Callable[[str], str]:
    """Takes out the run's own secrets, hashes included, and passwords in configuration files."""
    secrets = _secrets_of(run)

    def conceal(text: str) -> str:
        for secret in secrets:
            text = text.replace(secret, "********")
        return hidden(text)

    return conceal


def _secrets_of(run: RunDirectory) -> list[str]:
    try:
        answers = read_answers([run.answers], Settings)
    except (AnswersInvalid, UsageError):
        return []
    names = secret_names(Settings)
    found = {
        str(given.value)
        for key, given in answers.given.items()
        if key.rpartition(".")[2] in names and len(str(given.value)) >= _SHORTEST_SECRET
    }
    return sorted(found - {"locked"}, key=len, reverse=True)
