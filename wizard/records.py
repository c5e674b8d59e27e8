"""What a journal holds, record by record, and what follows from the records together.

`replay` is the only reader of meaning: resume, rollback and status all look at its result.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Literal

from wizard.actions import Action, CreatePartition, Reboot
from wizard.undo import PlainUndo, Undo

VERSION = 1


@dataclass(frozen=True)
class RunBegun:
    """The first record. `machine` is a hash of the machine's id, `steps` the order of this run;
    `plan` the fingerprint of the saved plan that it is held to, "" for none. `alone`: no later run
    stands on it, so it can be taken back by itself.
    """

    version: int
    machine: str
    program: str
    steps: tuple[str, ...]
    plan: str = ""
    alone: bool = False


@dataclass(frozen=True)
class Taught:
    """From here on the run is a lesson, or it is none any more. Without this record it is none."""

    on: bool


@dataclass(frozen=True)
class StepBegun:
    """A step begins, for the first time or again. `guarded`: it must be confirmed at its end."""

    step: str
    guarded: bool = False


@dataclass(frozen=True)
class Skipped:
    """The action's work was there: it is not ours."""

    step: str
    action: Action


@dataclass(frozen=True)
class Begun:
    """The next thing touched is the machine. Its backups are saved."""

    entry: int
    step: str
    action: Action
    undo: Undo


@dataclass(frozen=True)
class Done:
    """The action is done, and was seen to be."""

    entry: int


@dataclass(frozen=True)
class UndoBegun:
    """The action is about to be taken back."""

    entry: int


@dataclass(frozen=True)
class Undone:
    """The action is taken back; `note` says what is to know of it."""

    entry: int
    note: str = ""


@dataclass(frozen=True)
class NotUndone:
    """The undo was refused or failed; `text` says why and what to do."""

    entry: int
    text: str


@dataclass(frozen=True)
class Confirmed:
    """A guarded step was confirmed: it stays."""

    step: str


@dataclass(frozen=True)
class StepVerified:
    """The step's work was read back and found right."""

    step: str


@dataclass(frozen=True)
class StepLeftOut:
    """A person went on without this step, which had failed. What it did stays, and is ours."""

    step: str


@dataclass(frozen=True)
class Paused:
    """The run stopped and can go on. `status` is the exit status it stopped with."""

    reason: str
    status: int


@dataclass(frozen=True)
class RollbackBegun:
    """From now on things are taken back. `to` is the step that stays, "" for none; `only`: the runs
    before this one were not to be taken back with it.
    """

    to: str
    only: bool = False


@dataclass(frozen=True)
class RollbackEnded:
    """All that could be was taken back."""

    complete: bool


@dataclass(frozen=True)
class Finished:
    """Every step is done and verified."""


Record = (
    RunBegun
    | Taught
    | StepBegun
    | Skipped
    | Begun
    | Done
    | UndoBegun
    | Undone
    | NotUndone
    | Confirmed
    | StepVerified
    | StepLeftOut
    | Paused
    | RollbackBegun
    | RollbackEnded
    | Finished
)

EntryState = Literal["begun", "done", "undoing", "undone", "not undone"]
RunState = Literal["under way", "paused", "rolling back", "rolled back", "incomplete", "finished"]
StepState = Literal["to do", "begun", "verified", "left out", "rolled back"]
ENDED: tuple[StepState, ...] = ("verified", "left out")  # the run has gone on from these


@dataclass
class Entry:
    """One action of a run, and what became of it. `number` is unique in the run."""

    number: int
    step: str
    action: Action
    undo: Undo
    state: EntryState = "begun"
    text: str = ""

    @property
    def to_take_back(self) -> bool:
        """Whether something of it may be on the machine."""
        return self.state != "undone"


@dataclass
class Ledger:
    """A run as its journal tells it. `rollback_to` and `rollback_only` tell of the last rollback;
    `guarded` are the steps that ever began so.
    """

    steps: tuple[str, ...] = ()
    program: str = ""
    plan: str = ""
    alone: bool = False
    taught: bool = False
    state: RunState = "under way"
    reason: str = ""
    current: str = ""
    rollback_to: str = ""
    rollback_only: bool = False
    guarded: set[str] = field(default_factory=set)
    guard_open: bool = False
    entries: dict[int, Entry] = field(default_factory=dict)
    step_states: dict[str, StepState] = field(default_factory=dict)
    booted_for: set[str] = field(default_factory=set)  # steps, since the run last paused
    lost: set[str] = field(default_factory=set)  # steps of which something was taken back since

    @property
    def to_take_back(self) -> list[Entry]:
        """What may be on the machine, newest first."""
        return [entry for entry in reversed(self.entries.values()) if entry.to_take_back]

    def done_last(self, step: str) -> list[Entry]:
        """What a step did, newest first; of one that began again after later ones had, what it did
        since: they stand on the rest.
        """
        later = self.steps[self.steps.index(step) + 1 :] if step in self.steps else ()
        since = takewhile(lambda entry: entry.step not in later, self.to_take_back)
        return [entry for entry in since if entry.step == step]

    @property
    def cut_off(self) -> list[Entry]:
        """What was being done or undone when the journal ends, newest first."""
        return [
            entry
            for entry in reversed(self.entries.values())
            if entry.state in ("begun", "undoing")
        ]

    @property
    def left_behind(self) -> list[Entry]:
        """What could not be taken back when it failed, newest first, of the step that the run
        stands at, and if nothing was done since: what is done later may need it, or be what would
        be taken back in its place. A guard that is open takes back the whole step.
        """
        if self.guard_open:
            return []
        since = takewhile(
            lambda entry: entry.state in ("undone", "not undone"), reversed(self.entries.values())
        )
        return [
            entry
            for entry in since
            if entry.state == "not undone" and self.step_states[entry.step] not in ENDED
        ]

    @property
    def made_over_remains(self) -> Entry | None:
        """A partition that was made over what its space held before, if nothing of its step came
        after it. It is not empty then: the step would take it for somebody's, its space for gone.
        """
        entry = next(iter(self.to_take_back), None)
        if entry is None or entry.state != "done" or self.step_states[entry.step] in ENDED:
            return None
        match entry.action, entry.undo:
            case CreatePartition(), PlainUndo(note) if note:
                return entry
        return None

    @property
    def waits_for_boot(self) -> Entry | None:
        """The reboot that was asked for and has not been seen, if the run stands there."""
        for entry in self.cut_off:
            if isinstance(entry.action, Reboot) and entry.state == "begun":
                return entry
        return None

    @property
    def open(self) -> bool:
        """Whether the run can go on."""
        return bool(self.steps) and self.state in ("under way", "paused", "rolling back")

    @property
    def taken_back(self) -> bool:
        """Whether it is rolled back; what could not be may have gone another way since."""
        incomplete = self.state == "incomplete"
        return self.state == "rolled back" or (incomplete and not self.to_take_back)

    @property
    def gone(self) -> bool:
        """Whether nothing is left of it, and it is not gone on with."""
        whole = self.state == "rolling back" and not self.rollback_to
        return not self.to_take_back and (whole or not self.open)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Steps that failed, and that a person went on without."""
        return tuple(name for name, state in self.step_states.items() if state == "left out")

    def has_booted(self) -> bool:
        """Whether a reboot was done in this run: from then on a failure does not roll back."""
        return any(
            isinstance(entry.action, Reboot) and entry.state == "done"
            for entry in self.entries.values()
        )

    def take(self, record: Record) -> None:
        """Go on by one record."""
        match record:
            case RunBegun():
                self.steps = record.steps
                self.program = record.program
                self.plan = record.plan
                self.alone = record.alone
                self.step_states = dict.fromkeys(record.steps, "to do")
            case Taught():
                self.taught = record.on
            case StepBegun():
                self.state, self.reason = "under way", ""
                self.current = record.step
                self.guard_open = record.guarded
                if record.guarded:
                    self.guarded.add(record.step)
                # A step that waits for a boot in vain is refused before it begins: this one was
                # booted for rightly. If the power goes now, it may boot once more.
                self.booted_for.discard(record.step)
                self.step_states[record.step] = "begun"
            case Begun():
                self.entries[record.entry] = Entry(
                    record.entry, record.step, record.action, record.undo
                )
            case Done():
                entry = self.entries[record.entry]
                entry.state = "done"
                if isinstance(entry.action, Reboot):
                    self.booted_for.add(entry.step)
            case UndoBegun():
                self.entries[record.entry].state = "undoing"
                self.lost.add(self.entries[record.entry].step)
            case Undone():
                self.entries[record.entry].state = "undone"
                self.entries[record.entry].text = record.note
            case NotUndone():
                self.entries[record.entry].state = "not undone"
                self.entries[record.entry].text = record.text
            case Confirmed():
                self.guard_open = False
            case StepVerified():
                self.step_states[record.step] = "verified"
                self.lost.discard(record.step)
                self.guard_open = False
            case StepLeftOut():
                self.step_states[record.step] = "left out"
                self.lost.discard(record.step)
                self.guard_open = False
            case Paused():
                self.state, self.reason = "paused", record.reason
                self.guard_open = False
                self.booted_for.clear()
            case RollbackBegun():
                self.state = "rolling back"
                self.rollback_to, self.rollback_only = record.to, record.only
                self.guard_open = False
                self.booted_for.clear()
            case RollbackEnded():
                self._end_rollback(complete=record.complete)
            case Finished():
                self.state, self.reason = "finished", ""
            case Skipped():
                pass

    def _end_rollback(self, *, complete: bool) -> None:
        kept = self.steps[: self.steps.index(self.rollback_to) + 1] if self.rollback_to else ()
        for step in self.steps:
            # Of one that stays, something may have gone another way: by a wider rollback that was
            # cut off, by `guests remove`. It is done again then.
            gone = step in self.lost if step in kept else self.step_states[step] != "to do"
            if gone:
                self.step_states[step] = "rolled back"
        if not complete:
            self.state = "incomplete"
        elif kept:
            self.state = "paused"
            self.reason = f"Taken back as far as {self.rollback_to}."
            self.current = kept[-1]
        else:
            self.state = "rolled back"


def replay(records: Iterable[Record]) -> Ledger:
    """What the records say together."""
    ledger = Ledger()
    for record in records:
        ledger.take(record)
    return ledger
