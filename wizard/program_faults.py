"""`practice --fault`, `practice hint`, `practice solved`: the engine's class, and Xen's faults."""

from __future__ import annotations

from steps.faults import FAULTS, SETTLE
from wizard.arguments import Arguments
from wizard.practice import classroom


def run(arguments: Arguments) -> int:
    """One of them; `solved` ends with 1 while the fault is not solved."""
    match arguments.practice:
        case "hint":
            return classroom.hint(FAULTS, arguments.name)
        case "solved":
            return classroom.solved(FAULTS, arguments.name)
    if not arguments.fault:
        return classroom.list_faults(FAULTS)
    fault = classroom.fault_called(arguments.fault, FAULTS)
    return classroom.begin(fault, SETTLE, arguments.name)
