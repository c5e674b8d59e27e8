"""Real commands in surroundings of their own: where apt, dpkg and wget look for their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wizard import commands


def elsewhere(surroundings: Mapping[str, str]) -> commands.Run:
    """Commands with a root of their own."""

    def run(argv: Sequence[str], **others: object) -> commands.Completed:
        others["environment"] = surroundings
        return commands.run(tuple(argv), **others)  # type: ignore[arg-type]

    return run


def asked(surroundings: Mapping[str, str]) -> commands.Ask:
    """Questions to the same root."""
    words = ("env", *(f"{name}={value}" for name, value in surroundings.items()))

    def ask(argv: Sequence[str], *others: object, **more: object) -> commands.Answer:
        return commands.ask((*words, *argv), *others, **more)  # type: ignore[arg-type]

    return ask
