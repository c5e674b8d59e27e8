"""What a later run has made of an earlier one's work: it stays when that one is taken back alone.

Names, and so UUIDs, follow from a guest's name: what a run left behind and a later one went on with
looks like the earlier one's own. For rollback.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wizard.actions import (
    Action,
    MakeDirectory,
    MakeLink,
    MovePath,
    RunCommand,
    WriteFile,
)
from wizard.journal import RunDirectory, Store
from wizard.records import Entry


def later_entries(store: Store, run: RunDirectory) -> dict[int, Sequence[Entry]]:
    """What of later runs may be on the machine, by their number."""
    return {
        later.number: store.ledger(later).to_take_back
        for later in store.runs()
        if later.number > run.number
    }


def taken_over(entry: Entry, theirs: Mapping[int, Sequence[Entry]]) -> str:
    """Why an action stays as one of these runs has to do with the same; "" when none has."""
    mine = _about(entry.action)
    for number, entries in sorted(theirs.items(), reverse=True):
        if mine and any(mine == _about(later.action) for later in entries):
            return (
                f"Run {number} has made something of the same ({mine}), which would go with it: "
                f"first that (`sudo xen-setup rollback --run {number}`)."
            )
    return ""


def _about(action: Action) -> str:
    """What it is that the undo would change: a volume as GROUP/NAME, a path, a domain; "" for what
    other runs may have in common.
    """
    if action.inside is not None:
        return _volume(action.inside.device)
    match action:
        case RunCommand(undo=(*_, last)):
            return _volume(last)
        case WriteFile() | MakeLink() | MakeDirectory():
            return action.path
        case MovePath():
            return action.source
        case _:
            return ""


def _volume(name: str) -> str:
    """A volume's device by the name that LVM's own commands have for it; others as they are."""
    return name.rpartition("/dev/")[2]
