"""What the runs of this machine came to, and what to type next: read from the journals alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never

from wizard.errors import Exit
from wizard.journal import Holder, RunDirectory, Stamped, Store, meaning
from wizard.records import (
    Begun,
    Ledger,
    Paused,
    Skipped,
    StepBegun,
    StepLeftOut,
    StepState,
    StepVerified,
)
from wizard.scope import scope_of
from wizard.undo import RebootUndo

State = Literal[
    "nothing yet",
    "running",
    "stopped",
    "waiting for a boot",
    "rolling back",
    "rolled back",
    "rollback incomplete",
    "finished",
]


@dataclass(frozen=True)
class StepStatus:
    """One step of a run. Times are ISO 8601 in UTC, "" for not yet; `actions` done by us."""

    name: str
    state: StepState
    begun: str
    ended: str
    actions: int
    skipped: int


@dataclass(frozen=True)
class RunStatus:
    """One run. `reason`: why it stopped. `left`: what a rollback could not take back, and why.

    `taught`: it is a lesson, and goes on as one.
    `exit_status`: what the program that ended or stopped it exited with; None: not known.
    """

    number: int
    state: State
    exit_status: int | None
    reason: str
    steps: tuple[StepStatus, ...]
    left: tuple[str, ...]
    log: str
    taught: bool = False


@dataclass(frozen=True)
class Status:
    """The state that the runs come to (or who is at work now), all runs, and the next command.
    `telling`: the run that state and command are of.
    """

    state: State
    holder: Holder | None
    runs: tuple[RunStatus, ...]
    next: str
    telling: RunStatus | None = None


_NEXT: dict[State, str] = {
    "nothing yet": "sudo xen-setup",
    "running": "",
    "stopped": "sudo xen-setup resume",
    "waiting for a boot": "sudo reboot",
    "rolling back": "",  # it depends on what is taken back
    "rolled back": "sudo xen-setup",
    "rollback incomplete": "",
    "finished": "",
}


def status(store: Store, boot_id: str) -> Status:
    """Read all journals. `boot_id` is the kernel's of now, to tell whether a boot has happened."""
    holder = store.running()
    runs = tuple(_run_status(store, run, boot_id) for run in store.runs())
    runs = tuple(run for run in runs if run.steps)
    telling = _telling(runs)
    state: State = telling.state if telling is not None else "nothing yet"
    if holder is not None:
        state = "running"
    following = _NEXT[state]
    if telling is not None and state in ("rolling back", "rollback incomplete"):
        place = next(run for run in store.runs() if run.number == telling.number)
        following = scope_of(store.ledger(place), place).command
    return Status(state, holder, runs, following, telling)


def _telling(runs: tuple[RunStatus, ...]) -> RunStatus | None:
    """The run whose state is the machine's: one whose rollback was cut off, or else the newest that
    is not taken back.
    """
    newest = runs[::-1]
    for found in (
        [run for run in newest if run.state == "rolling back"],
        [run for run in newest if run.state != "rolled back"],
        newest,
    ):
        if found:
            return found[0]
    return None


def _run_status(store: Store, run: RunDirectory, boot_id: str) -> RunStatus:
    records = store.records(run)
    ledger = meaning(run.journal, records)
    state = _state(ledger, boot_id)
    return RunStatus(
        number=run.number,
        state=state,
        exit_status=_exit_status(state, records),
        reason=ledger.reason,
        steps=tuple(_step_status(name, ledger, records) for name in ledger.steps),
        left=tuple(
            f"{entry.step}: {entry.text}"
            for entry in ledger.to_take_back
            if entry.state == "not undone"
        ),
        log=str(run.workplace.log),
        taught=ledger.taught,
    )


def _state(ledger: Ledger, boot_id: str) -> State:
    match ledger.state:
        case "under way" | "paused":
            entry = ledger.waits_for_boot
            if entry is not None and entry.undo == RebootUndo(boot_id):
                return "waiting for a boot"
            return "stopped"
        case "incomplete":
            return "rolled back" if ledger.taken_back else "rollback incomplete"
        case "rolling back" | "rolled back" | "finished":
            return ledger.state


def _exit_status(state: State, records: tuple[Stamped, ...]) -> int | None:
    match state:
        case "finished":
            return Exit.DONE
        case "waiting for a boot":
            return Exit.REBOOT_NEEDED
        case "rollback incomplete":
            return Exit.ROLLBACK_INCOMPLETE
        case "stopped":
            last = records[-1].record if records else None
            # Any other last record: it was killed, or lost its power.
            return last.status if isinstance(last, Paused) else None
        case "nothing yet" | "running" | "rolling back" | "rolled back":
            return None
    assert_never(state)


def _step_status(name: str, ledger: Ledger, records: tuple[Stamped, ...]) -> StepStatus:
    begun, ended, actions, skipped = "", "", 0, 0
    for stamped in records:
        match stamped.record:
            case StepBegun(step=step) if step == name:
                begun, ended = begun or stamped.time, ""
            case StepVerified(step=step) | StepLeftOut(step=step) if step == name:
                ended = stamped.time
            case Begun(step=step) if step == name:
                actions += 1
            case Skipped(step=step) if step == name:
                skipped += 1
            case _:
                continue
    return StepStatus(name, ledger.step_states[name], begun, ended, actions, skipped)
