"""A guided run's conversation: interview, plan, one decision. Nothing is changed here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TypeVar

from wizard.answer_file import save_answers, write_answers
from wizard.answers import draft, record
from wizard.consent import agreed_to_lose
from wizard.errors import Cancelled, Exit, Interrupted, UsageError
from wizard.interview import BACK, NOTHING_CHANGED, QUIT, Interview
from wizard.kept_answers import KeptAnswers
from wizard.prompts import InputEnded, Option, Prompter

S = TypeVar("S")

_HOW_IT_GOES = (
    "First come the questions, then the whole plan. Nothing is changed before you agree to it."
)


@dataclass(frozen=True)
class Review:
    """What came of showing the plan: whether it can be applied, and what it destroys.

    Each of `destroys` (a device's path, say) must be typed before it is agreed to. `browse` shows
    all of it to whoever wants to see every command.
    """

    ready: bool
    destroys: tuple[str, ...] = ()
    browse: Callable[[], None] | None = None


class _Saved(Cancelled):
    """The person saved the answers, and left."""


def guided(
    interview: Interview[S],
    facts: object,
    prompter: Prompter,
    show: Callable[[S], Review],
    save_as: Path = Path("xen-setup-answers.yaml"),
    *,
    kept: KeptAnswers[S] | None = None,
) -> S:
    """Interview, show, decide; the settings that the person agreed to.

    `show` shows the plan for settings. Raises Cancelled when the person quits (after saving the
    answers, if wanted), and Interrupted or InputEnded when they cannot go on: nothing was changed.
    However it is left, the answers so far are `kept`, if there is a place for them.
    """

    def left() -> str:
        """What to say to whoever leaves, once the answers are kept."""
        so_far = interview.so_far
        words = kept.keep(so_far) if kept is not None and so_far is not None else ""
        return f"{NOTHING_CHANGED} {words}".rstrip()

    try:
        settings = _converse(interview, facts, prompter, show, save_as)
    except _Saved:
        if kept is not None:
            kept.forget()
        raise
    except KeyboardInterrupt:  # between two prompts, where nothing catches the signal
        raise Interrupted("Stopped by Ctrl-C.", hint=left(), status=Exit.INTERRUPTED) from None
    except Interrupted as error:
        raise Interrupted(error.what, hint=left(), status=error.status) from None
    except InputEnded as error:
        raise InputEnded(f"{error.what} {left()}", hint=error.hint) from None
    except Cancelled as error:
        raise Cancelled(error.what, hint=left()) from None
    except BaseException:  # another signal between two prompts, or a mistake of this program
        left()
        raise
    if kept is not None:
        kept.forget()
    return settings


@contextmanager
def nothing_changed_yet() -> Iterator[None]:
    """Whoever leaves within this hears that nothing was changed."""
    try:
        yield
    except Interrupted as error:
        error.hint = NOTHING_CHANGED
        raise
    except InputEnded as error:
        error.hint = f"{NOTHING_CHANGED} {error.hint}"
        raise


def _converse(
    interview: Interview[S],
    facts: object,
    prompter: Prompter,
    show: Callable[[S], Review],
    save_as: Path,
) -> S:
    prompter.say(_HOW_IT_GOES)
    while True:
        interview.ask_all()
        drafted = draft(interview.answers, facts)
        review = Review(ready=False)
        if drafted.problems:
            prompter.say("These answers do not fit together:", "wrong")
            for problem in drafted.problems:
                prompter.say(f"{problem}", "wrong")
        else:
            review = show(drafted.settings)
        match _decide(prompter, review, can_go_back=interview.can_go_back):
            case "apply" if agreed_to_lose(prompter, review.destroys):
                return drafted.settings
            case "back":
                interview.go_back()
            case "save":
                answers = interview.answers
                if not drafted.problems:
                    answers = record(drafted.settings, facts)
                path = _save(prompter, write_answers(answers), save_as)
                if path is not None:
                    raise _Saved(
                        f"The answers are in {path}. {NOTHING_CHANGED}",
                        hint=f"To go on with them: sudo xen-setup apply {quote(str(path))}",
                    )
            case "quit":
                raise Cancelled("You quit.")


def _decide(prompter: Prompter, review: Review, *, can_go_back: bool) -> str:
    options = [
        Option("apply", "do all of this now", "" if review.ready else "see the problems above",
               lettered=True),
        *([Option("details", "show every command first", lettered=True)] if review.browse else []),
        Option("save", "save the answers and quit", lettered=True),
        Option(BACK, "go back to the questions", "" if can_go_back else "none was asked",
               move=True),
        Option(QUIT, "quit", move=True),
    ]  # fmt: skip
    prompt = "Nothing has been changed yet. What now?"
    while True:
        decision = prompter.pick(prompt, options, "apply" if review.ready else BACK)
        if decision != "details" or review.browse is None:
            return decision
        review.browse()


def _save(prompter: Prompter, text: str, suggested: Path) -> Path | None:
    """Where the answers were saved, or None when the person thought better of it."""
    while True:
        typed = prompter.line("Which file? (back: not at all)", str(suggested)).strip()
        if typed == BACK:
            return None
        # By os.path, which answers where Path would raise: nobody's home, a name that is too long.
        path = Path(os.path.expanduser(typed or suggested))  # noqa: PTH111
        if os.path.lexists(path):
            prompter.say(f"There is something at {path} already. Give another name.", "wrong")
            continue
        try:
            save_answers(path, text)
        except UsageError as error:
            prompter.say(f"{error.what} {error.hint}", "wrong")
            continue
        return path.absolute()
