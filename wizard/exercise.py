"""What a learner is asked to expect of a step, and the command that shows what came: pure data."""

from __future__ import annotations

from dataclasses import dataclass

from wizard.actions import Argv


@dataclass(frozen=True)
class Guess:
    """Something that one may expect to see, and what is to be said of it when it is chosen."""

    words: str
    answer: str


@dataclass(frozen=True)
class Exercise:
    """A command that shows what a step has changed. `question` asks beforehand what it will show;
    nothing is graded, so each guess has its answer, also the right one. `notice` says what to see
    in what came. Without guesses it is only shown.
    """

    command: Argv
    question: str
    guesses: tuple[Guess, ...]
    notice: str
