"""A step that is taken back as a whole or not at all: its command works by a file of the step.

For rollback.py.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from wizard.actions import RunCommand, WriteFile
from wizard.performer import Performer
from wizard.records import Entry
from wizard.undo import FileUndo


def kept_whole(machine: Performer, entries: Sequence[Entry], *, guarded: bool) -> dict[int, str]:
    """Why each of a step's actions stays, by number: its file was edited since, or what its command
    made by that file is in use. With one of the two taken back, the network would not come up
    again, or somebody's guest would be cut off. `entries` are in the order of the undos.
    """
    by_file = any(isinstance(one.action, WriteFile) and one.action.before_undo for one in entries)
    if not (guarded or by_file):
        return {}
    held = {entry.number: machine.in_the_way(entry.action, entry.undo) for entry in entries}
    for place, entry in enumerate(entries):
        if not held[entry.number]:
            continue
        if isinstance(entry.action, RunCommand):
            what = f"what `{shlex.join(entry.action.argv)}` did, which cannot be taken back"
            both = any(isinstance(earlier.undo, FileUndo) for earlier in entries[place:])
        else:
            target = entry.undo.target if isinstance(entry.undo, FileUndo) else ""
            what = f"{target}, which cannot be put back"
            both = any(machine.is_left(later.action) for later in entries[:place])
        if both:
            other = f"It belongs to {what}, and stays: first that."
            return {number: text or other for number, text in held.items()}
    return {}
