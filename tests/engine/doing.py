"""One action done and taken back, as the pipeline does it."""

from __future__ import annotations

from wizard.actions import Action
from wizard.codec import decode, encode
from wizard.machine import Machine
from wizard.running import Unwatched
from wizard.undo import Undo


def do(machine: Machine, action: Action) -> Undo:
    """Prepare and perform, the undo taken through JSON as the journal does."""
    undo: Undo = decode(Undo, encode(machine.prepare(action, "0001"), Undo))  # type: ignore[arg-type]
    machine.perform(action, undo, Unwatched())
    return undo


def take_back(machine: Machine, action: Action, undo: Undo) -> None:
    machine.revert(action, undo, Unwatched())
