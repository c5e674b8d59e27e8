"""What a person is asked while a run is under way: after a failure, and to confirm in time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from wizard.errors import Cancelled, SetupError
from wizard.interview import confirm
from wizard.pipeline import OnFailure
from wizard.prompts import Option, Prompter, TimeIsUp

# The progress display makes room while somebody is asked.
Paused = Callable[[], AbstractContextManager[None]]

_OPTIONS = (
    Option("retry", "try again (when you have mended it, in another terminal say)"),
    Option("roll back", "take back everything that this run did"),
    Option("stop", "stop here; `xen-setup resume` goes on later"),
)
_CHOICES: dict[str, OnFailure] = {"retry": "retry", "roll back": "roll back", "stop": "stop"}


def decide_on_failure(prompter: Prompter, paused: Paused) -> Callable[[str, SetupError], OnFailure]:
    """Asks what becomes of a run whose step failed; nothing is suggested but to think."""

    def decide(step: str, error: SetupError) -> OnFailure:
        with paused():
            prompter.say(f"The step {step} failed.", "wrong")
            prompter.say(error.what)
            for line in error.details:
                prompter.say(f"    {line}", "note")
            if error.hint:
                prompter.say(error.hint)
            return _CHOICES[prompter.pick("What now?", _OPTIONS, "retry")]

    return decide


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
