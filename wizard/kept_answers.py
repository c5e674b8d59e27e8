"""The answers of a guided run that was left in its questions: kept for the next start.

They are the user's own note, beside reports of bugs: no file of the machine is touched, so "nothing
was changed" stays true. A password is in it as its hash alone; an agreement to lose something is
not (it is typed anew). Gone once the run begins, or when the person does without.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Generic, TypeVar

from wizard.answer_file import read_text, save_answers, write_answers
from wizard.answers import Answers, Settled, text_of, walk
from wizard.errors import AnswersInvalid, Cancelled, UsageError
from wizard.interview import NOTHING_CHANGED, QUIT
from wizard.private_file import read_file, trusted_users
from wizard.prompts import Option, Prompter
from wizard.step import Problem
from wizard.user_folders import user_folder
from wizard.yaml_text import LARGEST_FILE

S = TypeVar("S")

_OPTIONS = (
    Option("on", "go on with them: each question again, with your answer as what is suggested"),
    Option("anew", "begin anew: they are thrown away"),
    Option(QUIT, "quit and keep them", move=True),
)

# Whoever finds the file must not take it for one that says all: what is not in it was never seen.
_HEAD = (
    "The answers so far to questions of xen-setup that were left before their end. Not for",
    "`xen-setup apply`: the next guided start offers them again, and removes this file when the",
    "plan is agreed to, when the answers are saved elsewhere, or when you begin anew.",
)


def kept_path(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Where this user's are; None for a user without a home."""
    folder = user_folder("XDG_STATE_HOME", environ)
    return folder and folder / "answers-so-far.yaml"


class KeptAnswers(Generic[S]):
    """The answers so far, in one file that only its owner may read. No path: none are kept."""

    def __init__(self, settings: type[S], path: Path | None) -> None:
        self._settings = settings
        self._path = path

    def keep(self, answers: Answers[S]) -> str:
        """Keep them, and say where; "" where there is no place for them."""
        if self._path is None:
            return ""
        try:
            _make_folder(self._path.parent)
            save_answers(self._path, write_answers(answers, _HEAD))
        except (OSError, UsageError) as error:
            reason = error.what if isinstance(error, UsageError) else f"{error.strerror}."
            return f"Your answers so far could not be kept: {reason}"
        return _offered_again(self._path)

    def offered(self, prompter: Prompter) -> Answers[S] | None:
        """Those of an earlier start, if the person wants them; Cancelled if the person quits."""
        if self._path is None:
            return None
        try:
            text, written = _own_text(self._path)
            found = read_text(text, self._settings, str(self._path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, UnicodeDecodeError, AnswersInvalid) as error:
            reason = getattr(error, "strerror", None) or "it is damaged, or of another version"
            prompter.say(
                f"The answers kept in {self._path} cannot be used: {reason}. Every question is "
                "asked anew, and what you answer takes their place there.",
                "wrong",
            )
            return None
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(written))
        prompter.say(
            f"You left the questions at {when}. Your answers until then ({len(found.given)}) are "
            f"kept in {self._path}.",
            "note",
        )
        choice = prompter.pick("Go on with these answers?", _OPTIONS, "on")
        if choice == QUIT:
            raise Cancelled("You quit.", hint=f"{NOTHING_CHANGED} {_offered_again(self._path)}")
        if choice == "on":
            return found
        self.forget()
        return None

    def forget(self) -> None:
        """They are of no more use."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)


def _offered_again(path: Path) -> str:
    return f"Your answers so far are kept in {path}: the next start offers them again."


def _make_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Root does not write where a stranger can lead it elsewhere.
    if folder.stat().st_uid not in trusted_users():
        raise PermissionError(0, "the folder is another user's", str(folder))


def _own_text(path: Path) -> tuple[str, float]:
    """A file's text, and when it was written; OSError if it may be somebody else's."""
    content, state = read_file(path, LARGEST_FILE)
    if state.st_uid not in trusted_users() or state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(0, "others could have written it", str(path))
    return content.decode(), state.st_mtime


def beneath(kept: Answers[S], given: Answers[S]) -> Answers[S]:
    """What was given now, and below it what was kept."""
    return replace(
        given,
        given={**kept.given, **given.given},
        counts={**kept.counts, **given.counts},
    )


def fitting(
    kept: Answers[S],
    given: Answers[S],
    facts: object,
    objects: Callable[[Answers[S], Answers[S]], Sequence[Problem]],
    prompter: Prompter,
) -> Answers[S]:
    """What was given now, and below it those of the kept answers that still fit this machine; the
    others are told. `objects` says what stands in the way with later answers, and not with earlier.
    """
    whole = beneath(kept, given)
    begin = replace(whole, given=given.given)
    if not any(item.problem for item in walk(whole, facts)) and not objects(begin, whole):
        return whole
    answers, told = begin, []
    for key, one in kept.given.items():
        tried = answers.with_answer(key, one.value)
        item = next((item for item in walk(tried, facts) if item.key == key), None)
        if key in given.given or item is None:
            continue
        if item.problem is not None:
            reason = item.problem.hint
        elif (found := objects(answers, tried)) and not _is_agreed_to_anew(item):
            reason = found[0].what
        else:
            answers = tried
            continue
        shown = "" if item.question.secret else f" {text_of(item.question, one.value)}."
        told.append(f"  {item.question.prompt}{shown} {reason}")
    if told:
        words = "Not all of them still fit this machine; what does not is asked as if it were new:"
        prompter.say("\n".join([words, *told]), "wrong")
    return answers


def _is_agreed_to_anew(item: Settled) -> bool:
    """Whether the answer costs something: then it is refused until that is agreed to once more."""
    choices = item.question.choices(item.known) if item.question.choices else ()
    return any(one.loss is not None and one.is_called(item.value) for one in choices)
