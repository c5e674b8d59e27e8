"""What a person is asked while a run is under way: after a failure, and to confirm in time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from wizard.consent import confirm
from wizard.errors import Cancelled
from wizard.failure import Failure, OnFailure
from wizard.own_name import as_typed
from wizard.prompts import Option, Prompter, TimeIsUp
from wizard.wording import commands, headline, printable

# The progress display makes room while somebody is asked.
Paused = Callable[[], AbstractContextManager[None]]

_LAST_WORDS = 8  # lines of the command's output: on 24 lines the choices must stay below them


def decide_on_failure(
    prompter: Prompter, paused: Paused, *, log_stays: bool = True
) -> Callable[[Failure], OnFailure]:
    """Asks what becomes of a run whose step failed, after saying all that is known of it.
    `log_stays`: its log is there when the run has ended, and is pointed at.
    """

    def decide(failure: Failure) -> OnFailure:
        with paused():
            _tell(prompter, failure, log_stays=log_stays)
            options: dict[OnFailure, Option] = {
                name: Option(name, words) for name, words in _choices(failure)
            }
            picked = prompter.pick("What now?", list(options.values()), "retry")
            return next(name for name in options if name == picked)

    return decide


def _choices(failure: Failure) -> list[tuple[OnFailure, str]]:
    choices: list[tuple[OnFailure, str]] = [
        ("retry", "try again (when you have mended it, in another terminal say)")
    ]
    if failure.changes:
        choices.append(("change", "go back: change answers, and do this step again"))
    if failure.skip:
        choices.append(("skip", f"go on without this step: {failure.skip}"))
    return [
        *choices,
        ("roll back", "take back everything that this run did"),
        ("stop", "stop here, and keep what was done; `xen-setup resume` goes on later"),
    ]


def _tell(prompter: Prompter, failure: Failure, *, log_stays: bool) -> None:
    """What was tried, its last words, the likely cause and what to do."""
    error = failure.error
    log = str(failure.log) if log_stays else "the log of a real run"
    prompter.say(f"\n{failure.title} ({failure.step}): this step failed.", "wrong")
    if failure.action is None:
        prompter.say(printable(error.what))
    else:
        prompter.say(f"Tried: {headline(failure.action)}")
        for command in commands(failure.action):
            if command not in error.what:
                prompter.say(f"    $ {printable(command)}")
        prompter.say(f"How it ended: {printable(error.what)}")
    left = len(error.details) - _LAST_WORDS
    if left > 0:
        prompter.say(f"    … ({left} lines before these: see {log})")
    for line in error.details[-_LAST_WORDS:]:
        prompter.say(f"    {printable(line)}")
    for words in error.likely:
        prompter.say(as_typed(printable(words)))
    if error.hint:
        prompter.say(error.hint)
    if not error.likely:
        prompter.say(f"All that the commands printed is in {log}.")


def confirm_in_time(prompter: Prompter, paused: Paused) -> Callable[[str, float], bool]:
    """Asks for a confirmation; false for a no, and when the time is up."""

    def ask(question: str, seconds: float) -> bool:
        with paused():
            prompter.say(f"Without an answer this is taken back in {seconds:.0f} seconds.", "note")
            try:
                return confirm(prompter, question, seconds=seconds)
            except TimeIsUp:
                prompter.say("The time is up.", "wrong")
                return False

    return ask


def agree_to_rollback(prompter: Prompter) -> None:
    """Asks before a rollback; raises Cancelled for a no."""
    if not confirm(prompter, "Take all of this back?", default=False):
        raise Cancelled("Nothing was taken back.")
