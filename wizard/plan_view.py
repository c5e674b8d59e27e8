"""The whole plan on a screen or two, for the one decision; and all of it, for those who ask.

In short, a step has a line or three: what, how, how long, and what is to be known before one
agrees. Every command, file and reason is in the long form, which `browse` shows by the page.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from wizard.actions import Action, Reboot, agreed_by, download, space, undo_class
from wizard.console import Console
from wizard.preview import StepPreview
from wizard.prompts import Option, Prompter, wrapped
from wizard.wording import amount, commands, duration, guard_words, headline, in_short

F = TypeVar("F")

_ALL, _ENOUGH = "all", "back"


def show_in_short(console: Console, previews: Sequence[StepPreview[Any, Any]]) -> None:
    """The plan for a decision: a line or three a step, points of no return marked, totals last."""
    console.heading("The plan")
    width = max((len(preview.step.TITLE) for preview in previews), default=0)
    for number, preview in enumerate(previews, start=1):
        _step(console, preview, f"{number:2}  {preview.step.TITLE:{width}}")
    console.line()
    _totals(console, previews)


def _step(console: Console, preview: StepPreview[Any, Any], head: str) -> None:
    plan = preview.plan
    if plan is None:
        console.line(f"{head}  problems stand in its way", "bold red")
    elif not plan.actions:
        console.line(f"{head}  nothing to do")
    else:
        console.line(f"{head}  {_costs(plan.actions)}", "bold")
        width = console.width - 4
        console.line(wrapped(in_short(plan.actions, 2 * width - 20), width), indent=4)
        if plan.guard is not None:
            words = f"Safety net: {guard_words(plan.guard)}."
            console.line(wrapped(words, width), indent=4)
        for action in plan.actions:
            if isinstance(action, Reboot):
                words = (
                    "goes on by itself" if action.automatic else "you type: sudo xen-setup resume"
                )
                console.line(f"The machine boots in this step; then {words}.", indent=4)
            if undo_class(action) == "no undo":
                what = "; ".join(commands(action)) or headline(action)
                console.line(f"NO WAY BACK from here: {what}", "bold red", 4)
    console.problems(preview.problems, 4)


def _costs(actions: Sequence[Action]) -> str:
    seconds = sum(action.estimate for action in actions)
    time = duration(seconds) if seconds >= 1 else "a moment"
    mib = math.ceil(sum(map(download, actions)))
    return f"{time}, {amount(mib)} to fetch" if mib else time


def _totals(console: Console, previews: Sequence[StepPreview[Any, Any]]) -> None:
    actions = [action for one in previews if one.plan for action in one.plan.actions]
    if any(one.plan is None for one in previews):
        words = (
            "The plan is not complete: problems stand in its way. Mend them, or change an answer."
        )
        console.line(words, "bold red")
    if not actions:
        return
    console.line(
        f"In all usually {duration(sum(action.estimate for action in actions))}, "
        f"{amount(math.ceil(sum(map(download, actions))))} over the network, "
        f"{amount(math.ceil(sum(map(space, actions))))} of disk space.",
        "bold",
    )
    unknown = dict.fromkeys(words for one in previews if one.plan for words in one.plan.unknown)
    if unknown:
        console.line("Not known before it is done:")
    for words in unknown:
        sentence = words.partition(". ")[0].rstrip(".") + "."
        console.line(wrapped(sentence, console.width - 4), indent=4)
    lost = [action for action in actions if undo_class(action) == "no undo"]
    if lost:
        agreed = ", ".join(dict.fromkeys(filter(None, map(agreed_by, lost))))
        because = f", as you answered ({agreed})" if agreed else ""
        console.line(f"Points of no return: {len(lost)}{because}.", "bold red")
    else:
        console.line("`xen-setup rollback` can take all of it back.")
    # They may have gone off the screen, and the decision comes next.
    warned = [
        str(number)
        for number, one in enumerate(previews, start=1)
        if any(problem.severity == "warning" for problem in one.problems)
    ]
    if warned:
        steps = "step" if len(warned) == 1 else "steps"
        console.line(f"Read the warnings above first: {steps} {', '.join(warned)}.", "magenta")


def browse(
    console: Console,
    previews: Sequence[StepPreview[Any, F]],
    text_of: Callable[[F, str], str | None],
    prompter: Prompter,
) -> None:
    """Every command, file and reason: of the step that is picked, or of all, until it is enough."""
    steps = [
        Option(
            str(number),
            one.step.TITLE,
            "" if one.plan is None or one.plan.actions or one.plan.notes else "nothing to do",
        )
        for number, one in enumerate(previews, start=1)
    ]
    options = [*steps, Option(_ALL, "all steps", lettered=True)]
    options.append(Option(_ENOUGH, "go back to the decision", move=True))
    default = next(option.value for option in options if not option.refused)
    while True:
        picked = prompter.pick("Every command of which step?", options, default)
        if picked == _ENOUGH:
            return
        with console.kept() as kept:
            for number, one in enumerate(previews, start=1):
                if picked in (_ALL, str(number)):
                    console.step(one, number, len(previews), text_of)
        _by_the_page(console, kept, prompter)
        default = _ENOUGH


def _by_the_page(console: Console, lines: Sequence[str], prompter: Prompter) -> None:
    """Lines that fit the terminal, and a question between two of them."""
    height = max(shutil.get_terminal_size().lines - 2, 10)
    for start in range(0, len(lines), height):
        console.as_it_is(lines[start : start + height])
        left = len(lines) - start - height
        if left > 0:
            words = f"Enter shows more ({left} lines), q is enough"
            if prompter.line(words).strip().lower() in {"q", "quit", "back", "b"}:
                return
