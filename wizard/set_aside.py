"""What a step sets aside while its packages come, and puts back once they are in (update-grub):
one thing with the packages. For rollback.py.

A rollback sets it aside once more before the packages go, as their going runs it too. If one of
them stays after all, it is put back again: without it, a kernel that came later would not be in
the boot menu.
"""

from __future__ import annotations

from collections.abc import Iterable

from wizard.actions import RunCommand
from wizard.records import Entry
from wizard.undo import PackagesUndo


def put_back_after(packages: Entry, entries: Iterable[Entry]) -> list[Entry]:
    """What was put back when these packages were in, each once, the newest: a command of their step
    that is the undo of one before them, as that is its.
    """
    if not isinstance(packages.undo, PackagesUndo):
        return []
    commands = [
        (entry, entry.action)
        for entry in entries
        if entry.step == packages.step and isinstance(entry.action, RunCommand)
    ]
    set_aside = {
        (action.undo, action.argv)
        for entry, action in commands
        if entry.number < packages.number and entry.to_take_back
    }
    newest = {
        action.argv: entry
        for entry, action in sorted(commands, key=lambda one: one[0].number)
        if entry.number > packages.number and (action.argv, action.undo) in set_aside
    }
    return list(newest.values())


def stays_with_packages(entry: Entry) -> str:
    """Why it is done again, for the user."""
    return (
        "It is done again, because packages stay that it came after: first those. "
        f"What it is for: {entry.action.why}"
    )
