"""`learn`: the ideas behind it, and the steps' lessons, to be read in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from steps import PIPELINE
from steps.learn import TOPICS
from wizard.arguments import Arguments
from wizard.console import Console
from wizard.errors import Exit, UsageError
from wizard.lesson import Line
from wizard.own_name import as_typed
from wizard.prompts import PlainPrompter
from wizard.step import step_name
from wizard.topics import lesson_as_topic, lines, nearest, spelled

_STEPS = {step_name(step): step for step in PIPELINE}
_TOPICS = {topic.name: topic for topic in TOPICS}


def topic_names() -> list[tuple[str, str]]:
    """Every topic's name and title: the ideas, then the steps."""
    return [
        *((topic.name, topic.title) for topic in TOPICS),
        *((name, step.TITLE) for name, step in _STEPS.items()),
    ]


def show(arguments: Arguments) -> int:
    """Show the topic that was named, or which there are."""
    console = Console(sys.stdout, plain=arguments.plain)
    if arguments.topic is None:
        _list(console)
    else:
        told = _told(_known(arguments.topic), ascii_only=console.plain)
        console.reading(told, _asks_for_more() if sys.stdout.isatty() else None)
    return Exit.DONE


def _list(console: Console) -> None:
    console.line(as_typed("To read one: xen-setup learn TOPIC"))
    console.heading("The ideas")
    console.rows([(topic.name, topic.title) for topic in TOPICS])
    console.heading("The steps, each with then and now, how to check, what goes wrong")
    console.rows([(name, step.TITLE) for name, step in _STEPS.items()])


def _known(name: str) -> str:
    """The topic's own name; UsageError names the nearest when there is none."""
    names = [*_TOPICS, *_STEPS]
    for known in names:
        if spelled(known) == spelled(name):
            return known
    near = nearest(name, names)
    meant = f"Did you mean {' or '.join(near)}? " if near else ""
    raise UsageError(
        f"There is no topic {name!r}.", hint=f"{meant}The list of topics: xen-setup learn"
    )


def _told(name: str, *, ascii_only: bool) -> Iterator[Line]:
    if name in _TOPICS:
        return lines(_TOPICS[name], ascii_only=ascii_only)
    step = _STEPS[name]
    return lesson_as_topic(step.TITLE, step.LESSON)


def _asks_for_more() -> Callable[[], bool] | None:
    """Asks whether the next page is wanted; None where nobody can answer."""
    if not sys.stdin.isatty():
        return None
    prompter = PlainPrompter(sys.stdin, sys.stdout)
    return lambda: not prompter.line("Enter goes on, q stops:").strip().lower().startswith("q")
