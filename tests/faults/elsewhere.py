"""Steps whose plans are carried out in a tree: the same actions, their paths below a directory.

Commands stay as they are: the simulated programs know where the tree is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import assert_never

from steps.facts import Facts
from steps.settings import Settings
from wizard.actions import (
    Action,
    CommandShows,
    CreatePartition,
    Identity,
    InstallPackages,
    InstallTree,
    MakeDirectory,
    MakeLink,
    MovePath,
    Never,
    PathAbsent,
    PathPresent,
    Probe,
    Reboot,
    RunCommand,
    Volume,
    WriteFile,
)
from wizard.lesson import Lesson
from wizard.step import Plan, Problem, Step


@dataclass(frozen=True)
class Elsewhere:
    """A step in a tree. `change` is a last word on each of its actions."""

    step: Step[Settings, Facts]
    tree: Path
    change: Callable[[Action], Action] = lambda action: action

    @property
    def TITLE(self) -> str:  # noqa: N802 - as a step has it
        return self.step.TITLE

    @property
    def LESSON(self) -> Lesson:  # noqa: N802 - as a step has it
        return self.step.LESSON

    @property
    def QUESTIONS(self) -> tuple[str, ...]:  # noqa: N802 - as a step has it
        return self.step.QUESTIONS

    @property
    def __name__(self) -> str:
        return self.step.__name__

    def check(self, settings: Settings, facts: Facts, /) -> list[Problem]:
        return self.step.check(settings, facts)

    def plan(self, settings: Settings, facts: Facts, /) -> Plan[Facts]:
        plan = self.step.plan(settings, facts)
        moved = tuple(self.change(moved_action(one, self.tree)) for one in plan.actions)
        return replace(plan, actions=moved)

    def verify(self, settings: Settings, facts: Facts, /) -> list[Problem]:
        return self.step.verify(settings, facts)


def moved_action(action: Action, tree: Path) -> Action:
    """The same action, with the paths that the engine itself touches below the tree."""
    match action:
        case RunCommand():
            return replace(
                action,
                probe=_probe(action.probe, tree),
                traces=_probe(action.traces, tree) if action.traces is not None else None,
                identity=_identity(action.identity, tree) if action.identity else None,
                inside=_volume(action.inside, tree),
                own_log=_below(action.own_log, tree) if action.own_log else "",
            )
        case WriteFile():
            # The tests need not run as root.
            return replace(
                action,
                path=_below(action.path, tree),
                uid=os.getuid(),
                gid=os.getgid(),
                inside=_volume(action.inside, tree),
            )
        case MakeDirectory() | MakeLink():
            return replace(
                action, path=_below(action.path, tree), inside=_volume(action.inside, tree)
            )
        case MovePath():
            return replace(
                action,
                source=_below(action.source, tree),
                destination=_below(action.destination, tree),
                inside=_volume(action.inside, tree),
            )
        case CreatePartition():
            return replace(
                action, disk=_identity(action.disk, tree), path=_below(action.path, tree)
            )
        case InstallPackages() | Reboot():
            return action
        case InstallTree():
            # Its script installs below the tree, too: `env` in the simulated programs.
            return replace(
                action,
                source=_below(action.source, tree),
                entries=tuple(
                    replace(entry, path=_below(entry.path, tree)) for entry in action.entries
                ),
                leavings=tuple(f"{re.escape(str(tree))}{path}" for path in action.leavings),
            )
    assert_never(action)


def _below(path: str, tree: Path) -> str:
    return str(tree / path.lstrip("/"))


def _identity(identity: Identity, tree: Path) -> Identity:
    return replace(identity, path=_below(identity.path, tree))


def _volume(volume: Volume | None, tree: Path) -> Volume | None:
    if volume is None:
        return None
    return replace(
        volume, device=_below(volume.device, tree), mount_point=_below(volume.mount_point, tree)
    )


def _probe(probe: Probe, tree: Path) -> Probe:
    match probe:
        case CommandShows():
            return replace(probe, inside=_volume(probe.inside, tree))
        case PathPresent() | PathAbsent():
            return replace(probe, path=_below(probe.path, tree), inside=_volume(probe.inside, tree))
        case Never():
            return probe
