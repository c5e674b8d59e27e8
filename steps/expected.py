"""Facts as they will be after an action: the changes that several steps predict, in one place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from steps.facts import Facts, Service

# A version that is not known before the package manager has chosen it.
TO_COME = "to be installed"


def with_file(facts: Facts, path: str, text: str) -> Facts:
    """The facts with a file written."""
    return with_files(facts, {path: text})


def with_files(facts: Facts, files: Mapping[str, str]) -> Facts:
    """The facts with these files written."""
    return replace(facts, files={**facts.files, **files})


def without_file(facts: Facts, path: str) -> Facts:
    """The facts with a file removed."""
    return replace(facts, files={name: text for name, text in facts.files.items() if name != path})


def with_directories(facts: Facts, *paths: str) -> Facts:
    """The facts with these directories there."""
    new = tuple(path for path in paths if path not in facts.directories)
    return replace(facts, directories=(*facts.directories, *new)) if new else facts


def with_link(facts: Facts, path: str, target: str) -> Facts:
    """The facts with a symbolic link made."""
    return replace(facts, links={**facts.links, path: target})


def with_packages(facts: Facts, names: Iterable[str]) -> Facts:
    """The facts with these packages installed; those that are there keep their versions."""
    new = {name: TO_COME for name in names if name not in facts.packages}
    return replace(facts, packages={**facts.packages, **new})


def with_service(facts: Facts, service: Service) -> Facts:
    """The facts with what is known of one service replaced, or added."""
    names = [known.name for known in facts.services]
    if service.name not in names:
        return replace(facts, services=(*facts.services, service))
    return replace(
        facts,
        services=tuple(
            service if known.name == service.name else known for known in facts.services
        ),
    )
