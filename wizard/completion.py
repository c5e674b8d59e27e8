"""What can follow on the command line: read from the parser itself, for the shells' scripts.

The scripts (completions/) call `xen-setup __complete WORD…` with the words up to the cursor, the
last one being what is typed of the current word ("" for none). Each candidate is a line, with a
tab and a few words about it; `:files` asks the shell for its own file names.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

FILES = ":files"

# The candidates, as (word, a few words about it), for the value of an option or argument.
Values = Callable[[argparse.Action, str], Iterable[tuple[str, str]] | None]


@dataclass
class _Place:
    """Where on the command line one is: within which command, and what was given of it."""

    parser: argparse.ArgumentParser
    positionals: list[argparse.Action]
    wants: argparse.Action | None = None  # the option whose value is next
    over: bool = False  # behind --, where nothing is ours


def completions(
    parser: argparse.ArgumentParser, words: Sequence[str], values: Values
) -> Iterator[str]:
    """The lines for these words. `values` knows what options take; None stands for files."""
    *before, current = words or [""]
    place = _Place(parser, _positionals(parser))
    for word in before:
        _pass(place, word)
    if place.over:
        yield FILES
        return
    option, equals, typed = current.partition("=")
    if place.wants is not None:
        if place.wants.nargs != "?" or not current.startswith("-"):
            yield from _values(place.wants, current, "", values)
            return
    elif current.startswith("--") and equals:
        action = _option(place.parser, option)
        if action is not None and action.nargs != 0:
            yield from _values(action, typed, f"{option}=", values)
        return
    if not current.startswith("-") and place.positionals:
        yield from _values(place.positionals[0], current, "", values)
        return
    yield from _options(place.parser, current)


def _pass(place: _Place, word: str) -> None:
    """Go over a word that is complete."""
    wants, place.wants = place.wants, None
    if place.over or (wants is not None and (wants.nargs != "?" or not word.startswith("-"))):
        return
    if word == "--":
        place.over = True
    elif word.startswith("-"):
        action = _option(place.parser, word)
        if action is not None and action.nargs != 0:
            place.wants = action
    elif place.positionals:
        first = place.positionals[0]
        if isinstance(first, argparse._SubParsersAction):
            place.positionals = []
            if word in first.choices:
                place.parser = first.choices[word]
                place.positionals = _positionals(place.parser)
        elif first.nargs not in {"+", "*"}:
            del place.positionals[0]


def _positionals(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions if not action.option_strings]


def _option(parser: argparse.ArgumentParser, word: str) -> argparse.Action | None:
    return parser._option_string_actions.get(word)


def _options(parser: argparse.ArgumentParser, current: str) -> Iterator[str]:
    for action in parser._actions:
        if action.help != argparse.SUPPRESS:
            for option in action.option_strings:
                if option.startswith(max(current, "--")):
                    yield f"{option}\t{action.help}"


def _values(action: argparse.Action, current: str, before: str, values: Values) -> Iterator[str]:
    if isinstance(action, argparse._SubParsersAction):
        found: Iterable[tuple[str, str]] | None = [
            (choice.dest, choice.help or "") for choice in action._choices_actions
        ]
    elif action.choices is not None:
        found = [(str(choice), "") for choice in action.choices]
    else:
        found = values(action, current)
    if found is None:
        yield FILES
        return
    for word, about in found:
        if word.startswith(current):
            yield f"{before}{word}\t{about}"
