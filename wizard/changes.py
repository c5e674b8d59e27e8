"""Changing answers in the middle of a run: which one, the question again, and what that costs.

The questions are the interview's own, with its checks and its help; only their order is the
person's. What was done with an answer that is changed is taken back, which is asked about first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from wizard.answers import Answers, draft, parts, record, text_of, walk
from wizard.consent import confirm
from wizard.failure import Changing
from wizard.interview import Interview
from wizard.prompts import Option, Prompter
from wizard.step import Problem, Step, step_name

S = TypeVar("S")
F = TypeVar("F")

_GO_ON, _LEAVE, _STEPS = "go on", "leave", "steps"


def change_answers(
    steps: Sequence[Step[S, F]],
    asking: Changing[S, F],
    prompter: Prompter,
    problems: Callable[[S, Sequence[Step[S, F]]], Sequence[Problem]],
) -> S | None:
    """Ask which answers are to change, and for them; None when the person leaves all as it was.

    `problems` says what stands in the way of settings, given the steps that are done again.
    """
    given = record(asking.settings, asking.facts)
    interview = Interview(steps, given, asking.facts, prompter, every_question=True)
    shown = asking.step
    while True:
        step = next(step for step in steps if step_name(step) == shown)
        picked = _pick_answer(interview, step, prompter, changed=interview.answers != given)
        if picked == _LEAVE:
            return None
        if picked == _STEPS:
            shown = _pick_step(steps, shown, prompter)
        elif picked == _GO_ON:
            new = _whole(interview.answers, asking, prompter, problems)
            if new is not None and _agreed(asking.redone(new), prompter):
                return new
        else:
            interview.ask_one(picked)


def _pick_answer(
    interview: Interview[S], step: Step[S, Any], prompter: Prompter, *, changed: bool
) -> str:
    options = []
    several = {part.name for part in parts(interview.answers.settings)
               if part.many and interview.answers.count_of(part.name) > 1}  # fmt: skip
    for item in walk(interview.answers, interview.facts):
        section, _, name = item.key.partition(".")
        if item.needed and f"{section}.{name.rpartition('.')[2]}" in step.QUESTIONS:
            value = "(hidden)" if item.question.secret else text_of(item.question, item.value)
            number = int(name.partition(".")[0]) + 1 if section in several else 0
            whose = f" ({section} {number})" if number else ""
            title = f"{item.question.prompt}{whose}  {value or 'nothing'}"
            options.append(Option(item.key, title))
    go_on = Option(_GO_ON, "go on with these answers", "" if changed else "nothing is changed yet")
    others = [
        Option(_STEPS, "an answer of another step"),
        go_on,
        Option(_LEAVE, "leave all answers as they were"),
    ]
    question = f"{step.TITLE}: which answer shall be another?"
    return prompter.pick(question, [*options, *others], _GO_ON if changed else "")


def _pick_step(steps: Sequence[Step[S, Any]], shown: str, prompter: Prompter) -> str:
    options = [Option(step_name(step), step.TITLE) for step in steps if step.QUESTIONS]
    return prompter.pick("An answer of which step?", options, shown)


def _whole(
    answers: Answers[S],
    asking: Changing[S, F],
    prompter: Prompter,
    problems: Callable[[S, Sequence[Step[S, F]]], Sequence[Problem]],
) -> S | None:
    """The settings that the answers make, if nothing is wrong with them; what is, is told."""
    drafted = draft(answers, asking.facts)
    wrong = [str(one) for one in drafted.problems]
    if not wrong:
        settings = drafted.settings
        found = problems(settings, asking.redone(settings))
        wrong = [f"{one.what} {one.hint}" for one in found]
    for words in wrong:
        prompter.say(words, "wrong")
    return None if wrong else drafted.settings


def _agreed(redone: Sequence[Step[S, F]], prompter: Prompter) -> bool:
    if not redone:
        return True
    prompter.say("These steps have used an answer that is another now:")
    for step in redone:
        prompter.say(f"    {step.TITLE}")
    return confirm(prompter, "Take them back, and do them again with the new answers?")
