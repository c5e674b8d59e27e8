"""What a later run has made of an earlier one's work: it stays when that one is taken back alone.

Names, and so UUIDs, follow from a guest's name: what a run left behind and a later one went on with
looks like the earlier one's own. For rollback.py.
"""

from __future__ import annotations

import re
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


def taken_over(entries: Sequence[Entry], theirs: Mapping[int, Sequence[Entry]]) -> dict[int, str]:
    """Why actions (newest first) stay, by their number: one of these runs has made something of the
    same, or names it, as the config of a guest does its volumes, which it may have found finished.
    What stays for that names things in its turn.
    """
    reasons: dict[int, str] = {}
    users = {number: [later.action for later in theirs[number]] for number in theirs}
    for entry in entries:
        mine = _about(entry.action)
        for number, actions in sorted(users.items(), reverse=True):
            if shared := _shared(mine, actions):
                actions.append(entry.action)
                reasons[entry.number] = (
                    f"Run {number} has made something of the same ({shared}), which would go with "
                    f"it: first that (`sudo xen-setup rollback --run {number}`)."
                )
                break
    return reasons


def _shared(mine: Sequence[str], actions: Sequence[Action]) -> str:
    """The first of these things that one of the actions is about, or names; "" for none."""
    for thing in mine:
        if any(thing in _about(one) or _names(one, thing) for one in actions):
            return thing
    return ""


def _about(action: Action) -> tuple[str, ...]:
    """What it is that the undo would change: a volume as GROUP/NAME, a path, a domain and the
    config that it was made of; nothing for what other runs may have in common.
    """
    if action.inside is not None:
        return (_volume(action.inside.device),)
    match action:
        case RunCommand(undo=(*_, last)):
            made_of = action.argv[-1]
            of_file = made_of.startswith("/") and not made_of.startswith("/dev/")
            return (_volume(last), *((made_of,) if of_file else ()))
        case WriteFile() | MakeLink() | MakeDirectory():
            return (action.path,)
        case MovePath():
            return (action.source,)
        case _:
            return ()


def _volume(name: str) -> str:
    """A volume's device by the name that LVM's own commands have for it; others as they are."""
    return name.rpartition("/dev/")[2]


def _names(action: Action, thing: str) -> bool:
    """Whether the words of an action have that path or volume in them; a mere name tells nothing,
    as it may be any word.
    """
    match action:
        case RunCommand():
            words = " ".join(action.argv)
        case WriteFile():
            words = action.text
        case MakeLink():
            words = action.target
        case _:
            return False
    whole = rf"(?<![\w.+/-])(/dev/)?{re.escape(thing)}(?![\w.+/-])"
    return "/" in thing and re.search(whole, words) is not None
