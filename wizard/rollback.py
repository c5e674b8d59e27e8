"""Take back what the journal says is ours, newest first, each undo journaled as it goes."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import groupby
from types import MappingProxyType

from wizard.actions import Action, RunCommand, undo_class
from wizard.errors import (
    Conflict,
    Interrupted,
    Locked,
    RebootNeeded,
    RollbackIncomplete,
    SetupError,
    StepFailed,
    Stopped,
    UsageError,
)
from wizard.journal import Journal, RunDirectory, Store
from wizard.kept_whole import kept_whole
from wizard.performer import Performer
from wizard.records import (
    Done,
    Entry,
    Ledger,
    NotUndone,
    Paused,
    RollbackBegun,
    RollbackEnded,
    UndoBegun,
    Undone,
)
from wizard.reporter import Reporter
from wizard.scope import Scope, end_what_is_gone, scope_of
from wizard.set_aside import put_back_after, stays_with_packages
from wizard.taken_over import later_entries, taken_over
from wizard.undo import FileUndo, PackagesUndo, Undo

_AGAIN = "cut off, and done again"


def to_take_back(store: Store, to: str = "", only: int | None = None) -> list[Entry]:
    """What `roll_back` would take back, newest first, for showing beforehand."""
    found = []
    for run in _chosen(store, Scope(to, only)):
        ledger = store.ledger(run)
        found += _after(ledger.to_take_back, ledger.steps, to)
    return found


def _chosen(store: Store, scope: Scope) -> list[RunDirectory]:
    """The runs that are taken back, newest first: with a step to go back to, the newest that is not
    gone.
    """
    runs = [run for run in _runs(store, scope.only) if store.ledger(run).steps]
    if not scope.to:
        return runs
    runs = [run for run in runs if not store.ledger(run).gone][:1] or runs[:1]
    known = store.ledger(runs[0]).steps if runs else ()
    if scope.to not in known:
        raise UsageError(
            f"There is no step {scope.to} to go back to.",
            hint=f"The steps are: {', '.join(known)}." if known else "No run was begun.",
        )
    return runs


def _runs(store: Store, only: int | None) -> list[RunDirectory]:
    """All runs, newest first, or the one with the number `only`, if no later one stands on it."""
    runs = store.runs()[::-1]
    if only is None:
        return runs
    chosen = [run for run in runs if run.number == only]
    if not chosen:
        raise UsageError(
            f"There is no run {only}.", hint="`sudo xen-setup status` has their numbers."
        )
    later = [run for run in runs if run.number > only and store.ledger(run).to_take_back]
    if later and not store.ledger(chosen[0]).alone:
        raise UsageError(
            f"Run {only} cannot be taken back by itself: run {later[-1].number} stands on it.",
            hint="Take back the later ones first, or all of them: sudo xen-setup rollback",
        )
    return chosen


def roll_back(
    store: Store,
    machine: Performer,
    reporter: Reporter,
    to: str = "",
    only: int | None = None,
) -> int:
    """Take back all runs, the run with the number `only`, or what came after the step `to` in the
    newest; how many actions.

    Raises `RollbackIncomplete` when something stays, `Interrupted` by a signal (what was being
    undone is finished first), `UsageError` when no run has that step.
    """
    with store.lock("rollback"), machine.interrupts:
        return roll_back_all(store, machine, reporter, Scope(to, only))


def roll_back_all(store: Store, machine: Performer, reporter: Reporter, scope: Scope) -> int:
    """What `roll_back` does, for who holds the lock and minds signals."""
    count = 0
    left: list[Entry] = []
    chosen = []
    for run in _chosen(store, scope):
        ledger = store.ledger(run)
        if _after(ledger.to_take_back, ledger.steps, scope.to) or ledger.open:
            chosen.append(run)
    if scope.to:
        end_what_is_gone(store)
    for place, run in enumerate(chosen):
        journal = open_run(store, machine, run)
        # Cut off between two runs, it is one rollback still.
        following = [store.journal(older) for older in chosen[place + 1 : place + 2]]
        before = len(_after(journal.ledger.to_take_back, journal.ledger.steps, scope.to))
        theirs = later_entries(store, run) if scope.only is not None else {}
        stays = take_back(
            journal, machine, reporter, scope, later=left, theirs=theirs, following=following
        )
        count += before - len(stays)
        left += stays
    if left:
        raise incomplete(left, scope)
    return count


def take_back_some(
    store: Store, machine: Performer, reporter: Reporter, mine: Callable[[Action], bool]
) -> tuple[int, list[Entry]]:
    """Take back those actions of all runs that are `mine`, newest first: how many were, and what
    stays. The runs go on counting for the rest; what is taken back here is past for them.
    """
    count, left = 0, []
    with store.lock("remove"), machine.interrupts:
        runs = [run for run in reversed(store.runs()) if store.ledger(run).steps]
        for run in runs:
            if not any(mine(entry.action) for entry in store.ledger(run).to_take_back):
                continue
            journal = open_run(store, machine, run)
            try:
                for entry in journal.ledger.to_take_back:
                    if not mine(entry.action):
                        continue
                    machine.interrupts.check()
                    if take_back_entry(journal, machine, reporter, entry):
                        count += 1
                    else:
                        left.append(entry)
            finally:
                machine.release()
    return count, left


def open_run(store: Store, machine: Performer, run: RunDirectory) -> Journal:
    """The run's journal, with the machine tidied of what a killed program left behind."""
    journal = store.journal(run)
    machine.attend(run.workplace)
    machine.clear_leftovers()
    return journal


def take_back(
    journal: Journal,
    machine: Performer,
    reporter: Reporter,
    scope: Scope,
    *,
    later: Sequence[Entry] = (),
    theirs: Mapping[int, Sequence[Entry]] = MappingProxyType({}),
    following: Sequence[Journal] = (),
) -> list[Entry]:
    """Take back one run (or what came after a step); what stays, newest first. `later`: what stays
    of later runs, and may need something of this one; `theirs`: what later runs that are not to be
    taken back have made, by their number; `following`: whose turn is next. The lock is held.
    """
    begun = RollbackBegun(scope.to, only=scope.only is not None)
    journal.append(begun)
    left: list[Entry] = []
    ledger = journal.ledger
    entries = _after(ledger.to_take_back, ledger.steps, scope.to)
    over = taken_over(entries, theirs)
    try:
        for step, of_step in groupby(entries, key=lambda entry: entry.step):
            machine.interrupts.check()
            guarded = step in ledger.guarded
            # Half of a guarded step taken back, nobody may be able to reach the machine.
            with machine.interrupts.shielded() if guarded else nullcontext():
                group = list(of_step)
                kept = kept_whole(machine, group, guarded=guarded)
                for entry in group:
                    machine.interrupts.check()
                    why = (
                        kept.get(entry.number)
                        or over.get(entry.number)
                        or _needed_by(entry, [*later, *left])
                    )
                    if not _take_back_unless(why, journal, machine, reporter, entry):
                        left.append(entry)
    except Interrupted as error:
        error.hint = f"Go on with `{scope.command}`."
        raise
    finally:
        machine.release()
    machine.disarm()  # a crash may have left the guard of a step that is not there any more
    for other in following:
        other.append(begun)
    journal.append(RollbackEnded(complete=not left))
    # With what was done again.
    return _after(ledger.to_take_back, ledger.steps, scope.to)


def must_take_back(journal: Journal, machine: Performer, reporter: Reporter, scope: Scope) -> None:
    """Take back one run; raises `RollbackIncomplete` when something stays."""
    left = take_back(journal, machine, reporter, scope)
    if left:
        raise incomplete(left, scope)


def _take_back_unless(
    why: str, journal: Journal, machine: Performer, reporter: Reporter, entry: Entry
) -> bool:
    """Take back one action, unless there is a reason why it must stay."""
    if why:
        _note_that_it_stays(journal, reporter, entry, why)
    elif take_back_entry(journal, machine, reporter, entry):
        return True
    for other in put_back_after(entry, journal.ledger.entries.values()):
        _do_again(journal, machine, reporter, other)
    return False


def _note_that_it_stays(journal: Journal, reporter: Reporter, entry: Entry, why: str) -> None:
    journal.append(NotUndone(entry.number, why))
    reporter.conflict(entry.action, why)


def _do_again(journal: Journal, machine: Performer, reporter: Reporter, entry: Entry) -> None:
    """Have what was taken back, for packages that stay after all, as the run left it."""
    if entry.to_take_back:
        return
    # First the record: should the power go now, a rollback takes it back, or does it again.
    _note_that_it_stays(journal, reporter, entry, stays_with_packages(entry))
    try:
        with machine.interrupts.shielded():
            if not _is_done(machine, entry):
                machine.perform(entry.action, entry.undo, reporter)
    except (Stopped, RebootNeeded):
        raise
    except SetupError as error:
        text = (
            f"It was taken back before packages that stay, and cannot be done again: {error.what}"
        )
        machine.note(text)
        _note_that_it_stays(journal, reporter, entry, f"{text} {error.hint}".strip())


def _needed_by(entry: Entry, left: list[Entry]) -> str:
    """Why the action must stay as long as one of these does; "" when it need not."""
    for later in left:
        mine, its = entry.undo, later.undo
        if isinstance(mine, FileUndo) and isinstance(its, FileUndo) and mine.target == its.target:
            return f"{mine.target} has a later change that could not be taken back: first that."
        # What a step does before packages come in prepares for them: what keeps a boot default.
        if isinstance(its, PackagesUndo) and entry.step == later.step:
            return "It prepared for packages that could not be taken back: first those."
        # What their programs have made, they take back; and what a step does after they are in may
        # prepare, taken back, for their going: update-grub is set aside. A point of no return never
        # goes, and must not keep them for ever.
        runs = isinstance(later.action, RunCommand) and later.action.undo is not None
        if (
            isinstance(mine, PackagesUndo)
            and (runs or entry.step == later.step)
            and undo_class(later.action) != "no undo"
        ):
            by = shlex.join(later.action.argv) if isinstance(later.action, RunCommand) else ""
            what = f"What `{by}` did" if by else "What was done with these packages"
            return f"{what} could not be taken back, and may need them: first that."
    return ""


def take_back_entry(
    journal: Journal,
    machine: Performer,
    reporter: Reporter,
    entry: Entry,
    after: SetupError | None = None,
) -> bool:
    """Take back one action; false, and journaled with the reason, when it stays. `after`: the
    failure that is the reason for it. What the undo's commands say is then among its details: it
    may know what the failed command kept to itself.
    """
    machine.checkpoint("undo: before it is journaled")
    journal.append(UndoBegun(entry.number))
    machine.checkpoint("undo: journaled")
    reporter.undoing(entry.action)
    try:
        # A signal waits until this one is done: half an undo helps nobody.
        with machine.interrupts.shielded():
            note = _stays_changed(entry, machine)
            if undo_class(entry.action) != "no undo":
                undo = _undo_of(entry, journal.ledger)
                stays = machine.revert(entry.action, undo, reporter)
                note = " ".join(filter(None, (note, stays)))
    except (Stopped, RebootNeeded):
        raise
    except SetupError as error:
        if after is not None and error.details:
            after.details = (
                *after.details,
                "Nor could it be taken back (that is tried again before anything else):",
                *error.details,
            )
        _stays(journal, machine, reporter, entry, error)
        return False
    machine.checkpoint("undo: before its end is journaled")
    journal.append(Undone(entry.number, note))
    if undo_class(entry.action) == "no undo":
        reporter.conflict(entry.action, note)
        return True
    if note:
        reporter.note(note)
    reporter.undone(entry.action)
    return True


def _undo_of(entry: Entry, ledger: Ledger) -> Undo:
    """What takes it back: as recorded; and a file that was not there before the oldest of the
    changes to it that are taken back may be missing by now. It comes, and goes with the last one:
    what is taken back between them may need it.
    """
    undo = entry.undo
    if not isinstance(undo, FileUndo) or ledger.state != "rolling back":
        return undo
    changes = [
        one.undo.before
        for one in _after(ledger.to_take_back, ledger.steps, ledger.rollback_to)
        if isinstance(one.undo, FileUndo) and one.undo.target == undo.target
    ]
    return replace(undo, may_be_missing=changes[-1:] == [None])


def _stays(
    journal: Journal, machine: Performer, reporter: Reporter, entry: Entry, error: SetupError
) -> None:
    """Write down and say why an action could not be taken back."""
    text = f"{error.what} {error.hint}".strip()
    journal.append(NotUndone(entry.number, text))
    machine.note(f"not taken back: {text}")
    reporter.conflict(entry.action, text)


def _stays_changed(entry: Entry, machine: Performer) -> str:
    """What an undo leaves in another state than before, in a sentence."""
    if isinstance(entry.action, RunCommand) and undo_class(entry.action) == "no undo":
        # Nothing that anybody could mend: it must not keep the rollback from ever being complete.
        whole = _is_done(machine, entry)
        did = "cannot be taken back" if whole else "was cut off, and cannot be taken back"
        because = entry.action.undo_note or "it was agreed to as a point of no return"
        return f"`{shlex.join(entry.action.argv)}` {did}: {because}."
    if isinstance(entry.undo, PackagesUndo) and entry.undo.upgraded:
        names = ", ".join(entry.undo.upgraded)
        return f"Packages that were there and came in newer versions stay so: {names}."
    return ""


def take_back_step(journal: Journal, machine: Performer, reporter: Reporter, step: str) -> bool:
    """Take back what a step did last and is on the machine; whether all of it is."""
    entries = journal.ledger.done_last(step)
    kept = kept_whole(machine, entries, guarded=step in journal.ledger.guarded)
    left: list[Entry] = []
    for entry in entries:
        # One that stays does not keep the others from being taken back.
        why = kept.get(entry.number) or _needed_by(entry, left)
        if not _take_back_unless(why, journal, machine, reporter, entry):
            left.append(entry)
    return not left


def not_confirmed(step: str, *, whole: bool, when: str = "") -> str:
    """What became of a guarded step that nobody confirmed."""
    became = "was taken back" if whole else "could not be taken back: `xen-setup status` says why"
    return f"{step} was not confirmed{when}, and {became}."


def settle(
    journal: Journal, machine: Performer, reporter: Reporter, behind: Iterable[Entry]
) -> None:
    """Finish or take back what a crash cut off; then take back what could not be taken back when it
    failed (`behind`), as its step would take it for somebody else's, and so a partition over
    remains. What somebody has finished meanwhile stays.
    """
    for entry in journal.ledger.cut_off:
        if entry.state == "undoing":
            take_back_entry(journal, machine, reporter, entry)
            continue
        try:
            done = machine.settle(entry.action, entry.undo, reporter)
        except Conflict as error:
            # What somebody has made of it meanwhile. The step looks at it anew, and goes on or says
            # what to do: here it would stand in the way of every resume.
            _stays(journal, machine, reporter, entry, error)
            continue
        journal.append(Done(entry.number) if done else Undone(entry.number, _AGAIN))
    left: list[Entry] = []
    for entry in behind:
        if _is_done(machine, entry) or not _take_back_unless(
            _needed_by(entry, left), journal, machine, reporter, entry
        ):
            left.append(entry)
    if (hidden := journal.ledger.made_over_remains) is not None:
        take_back_entry(journal, machine, reporter, hidden)


def _is_done(machine: Performer, entry: Entry) -> bool:
    try:
        return machine.is_done(entry.action, entry.undo)
    except StepFailed:
        return False  # the undo will say what is in the way


def take_back_unconfirmed(store: Store, machine: Performer, reporter: Reporter) -> bool:
    """Take back a guarded step whose program died before it was confirmed; whether it did so.

    This is what the timer runs. While another program holds the lock it does nothing: that one
    waits for the confirmation itself.
    """
    try:
        with store.lock("rollback --unconfirmed"), machine.interrupts.shielded():
            # Newer runs may be gone: then an older one goes on.
            run = next((run for run in store.runs()[::-1] if store.ledger(run).guard_open), None)
            if run is None or not store.ledger(run).open:
                machine.disarm()
                return False
            journal = open_run(store, machine, run)
            step = journal.ledger.current
            whole = take_back_step(journal, machine, reporter, step)
            machine.release()
            journal.append(Paused(not_confirmed(step, whole=whole, when=" in time"), 7))
            machine.disarm()
            return True
    except Locked:
        return False


def refuse_half_taken_back(store: Store) -> None:
    """Raise `RollbackIncomplete` where the newest run of which anything is left was taken back, but
    not all of it.
    """
    for run in reversed(store.runs()):
        ledger = store.ledger(run)
        left = ledger.to_take_back
        if ledger.state == "incomplete" and left:
            scope = scope_of(ledger, run)
            raise incomplete(left, scope, "The run was taken back, but not all of it.")
        if left:
            return


def incomplete(left: list[Entry], scope: Scope, because: str = "") -> RollbackIncomplete:
    """The error that lists what stays and why, and how to go on with the same."""
    count = "One thing" if len(left) == 1 else f"{len(left)} things"
    return RollbackIncomplete(
        f"{because} {count} could not be taken back.".strip(),
        hint=f"Mend what is named, then run `{scope.command}` again: it tries only what is left.",
        details=tuple(f"{entry.step}: {entry.text}" for entry in left),
    )


def _after(entries: list[Entry], steps: tuple[str, ...], to: str) -> list[Entry]:
    if to not in steps:
        return entries
    stays = steps[: steps.index(to) + 1]
    return [entry for entry in entries if entry.step not in stays]
