"""A practice machine with a fault in it, for a class: planted, hinted at, looked at.

The faults are handed in; what was planted and how many hints were given stands in the machine's
folder, so that a class goes on after a break.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from wizard.errors import Exit, UsageError
from wizard.practice import front, hosts, image, program
from wizard.practice.errors import MachineTrouble
from wizard.practice.fault import Fault
from wizard.practice.machine import PracticeMachine, State
from wizard.practice.places import MachineName
from wizard.practice.recipe import Recipe
from wizard.practice.sources import find_mirror

NAME = "fault"
_MAKER = MachineName("host-for-faults")
_PLANT_SECONDS = 600.0
NOT_YET = 1


@dataclass(frozen=True)
class Lesson:
    """What is in a machine's folder: the fault that was planted, and how many hints were given."""

    fault: str
    hints: int = 0


def list_faults(faults: Sequence[Fault]) -> int:
    """All faults, on standard output."""
    width = max(len(fault.name) for fault in faults)
    sys.stdout.write("To plant one: xen-setup practice --fault NAME\n\n")
    for fault in faults:
        sys.stdout.write(f"{fault.name:<{width}}  {fault.title}\n")
    return Exit.DONE


def fault_called(name: str, faults: Sequence[Fault]) -> Fault:
    """The fault of that name; UsageError names them all."""
    for fault in faults:
        if fault.name == name:
            return fault
    raise UsageError(
        f"There is no fault called '{name}'.",
        hint="They are: " + ", ".join(fault.name for fault in faults),
    )


def begin(fault: Fault, settle: str, name: str | None = None) -> int:
    """A machine with this fault, made anew, and what its learner is told.

    `settle` is the script that prepares a finished host for a class.
    """
    machine = front.machine_of(name or NAME)
    if machine.status().state is not State.ABSENT:
        if _lesson(machine) is None:
            raise UsageError(
                f"The practice machine '{machine.name}' is no class: it has no fault to begin "
                "anew.",
                hint="Give the new one another name: --name class",
            )
        front.say(f"The machine '{machine.name}' is made anew.")
        machine.reset()
    host = finished_host(machine, settle)
    hosts.start_from(machine, host)
    front.ready(machine)
    plant(machine, fault)
    keep_lesson(machine, Lesson(fault.name))
    _introduce(machine, fault)
    return Exit.DONE


def finished_host(machine: PracticeMachine, settle: str) -> hosts.Host:
    """The host that faults are planted in; made by a whole run the first time."""
    answers = front.FIRST_GUEST.read_bytes()
    key = hosts.host_key(program.packed().digest.encode(), answers, settle.encode())

    def make(maker: PracticeMachine) -> None:
        front.say("A host to break is made first, this once: about a quarter of an hour.")
        status = front.complete_run(maker, answers)
        if status != Exit.DONE:
            raise MachineTrouble(
                f"The run that makes the host ended with status {status}.",
                hint=f"Look: xen-setup practice exec --name {maker.name} -- xen-setup status",
            )
        run_script(maker, settle, "The finished host could not be prepared for a class.")

    def base() -> Path:
        return image.ensure(machine.places.cache, Recipe(find_mirror()), front.say).folder

    maker = PracticeMachine(_MAKER, places=machine.places, progress=front.say)
    return hosts.host_of(maker, key, make, base=base)


def plant(machine: PracticeMachine, fault: Fault) -> None:
    """Break the machine; it runs, and is booted where the fault shows only then."""
    front.say("Planting the fault …")
    run_script(machine, fault.plant, f"The fault {fault.name} could not be planted.")
    if fault.reboots:
        machine.reboot()


def hint(faults: Sequence[Fault], name: str | None = None) -> int:
    """The next hint, on standard output; after the last one, the solution."""
    machine, lesson = _class(name)
    fault = fault_called(lesson.fault, faults)
    number = lesson.hints + 1
    if number <= len(fault.hints):
        sys.stdout.write(f"Hint {number} of {len(fault.hints)}: {fault.hints[number - 1]}\n")
        keep_lesson(machine, Lesson(fault.name, number))
        if number == len(fault.hints):
            sys.stdout.write("This was the last; the next shows a solution.\n")
        return Exit.DONE
    sys.stdout.write("A solution, typed as root in the machine:\n\n")
    for line in fault.solution.splitlines():
        sys.stdout.write(f"    {line}\n")
    return Exit.DONE


def solved(faults: Sequence[Fault], name: str | None = None) -> int:
    """Whether it works now, by looking: 0, or 1 with what is still wrong."""
    machine, lesson = _class(name)
    fault = fault_called(lesson.fault, faults)
    front.ready(machine)
    front.say("Looking … this takes a minute or two, and longer while a guest still boots.")
    works, saw = look(machine, fault)
    if works:
        sys.stdout.write(f"Solved: {saw}\n")
        return Exit.DONE
    sys.stdout.write(f"Not yet: {saw}\n")
    more = "" if lesson.hints else " (xen-setup practice hint)"
    front.say(f"Look at the messages again, or take a hint{more}.")
    return NOT_YET


def look(machine: PracticeMachine, fault: Fault) -> tuple[bool, str]:
    """Whether the fault is gone, and what the check saw."""
    try:
        done = machine.run(["sh", "-c", fault.check], seconds=fault.check_seconds)
    except TimeoutError:
        return False, f"the machine did not answer within {fault.check_seconds} s."
    lines = done.out.decode(errors="replace").split("\n")
    saw = [line.strip() for line in lines if line.strip()]
    return done.status == 0, saw[-1] if saw else "the check said nothing."


def run_script(machine: PracticeMachine, script: str, trouble: str) -> None:
    """Run a script in the machine; MachineTrouble with its last lines if it fails."""
    try:
        done = machine.run(["sh", "-c", script], seconds=_PLANT_SECONDS)
    except TimeoutError:
        raise MachineTrouble(trouble, hint="It took too long; try again.") from None
    if done.status:
        raise MachineTrouble(
            trouble,
            hint="Begin again: the machine is made anew.",
            details=tuple((done.out + done.err).decode(errors="replace").splitlines()[-10:]),
        )


def _introduce(machine: PracticeMachine, fault: Fault) -> None:
    named = "" if str(machine.name) == NAME else f" --name {machine.name}"
    sys.stdout.write(f"\n{fault.title}\n\n")
    for line in front.filled(fault.seen):
        sys.stdout.write(f"    {line}\n")
    sys.stdout.write("\nFind out why, and make it work. From here:\n")
    ways = (
        (f"exec --name {machine.name} -- bash", "a shell in it"),
        (f"hint{named}", "the next hint"),
        (f"solved{named}", "whether it works now"),
        (f"reset --name {machine.name}", "throw it away"),
    )
    width = max(len(command) for command, _words in ways)
    for command, words in ways:
        sys.stdout.write(f"  ./xen-setup practice {command:<{width}}  {words}\n")
    sys.stdout.flush()


def _class(name: str | None) -> tuple[PracticeMachine, Lesson]:
    machine = front.machine_of(name or NAME)
    lesson = _lesson(machine)
    if lesson is None:
        raise UsageError(
            f"The practice machine '{machine.name}' has no fault planted in it.",
            hint="Plant one: xen-setup practice --fault NAME (without NAME: the list)",
        )
    return machine, lesson


def _lesson(machine: PracticeMachine) -> Lesson | None:
    try:
        return Lesson(**json.loads((machine.folder / "fault.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def keep_lesson(machine: PracticeMachine, lesson: Lesson) -> None:
    """Note in the machine's folder what is in it."""
    (machine.folder / "fault.json").write_text(json.dumps(asdict(lesson)) + "\n")
