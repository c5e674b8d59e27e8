"""How much a rollback takes back, and the command that takes back just that."""

from __future__ import annotations

from dataclasses import dataclass

from wizard.journal import RunDirectory, Store
from wizard.records import Ledger, RollbackEnded


@dataclass(frozen=True)
class Scope:
    """How much is taken back: all runs; the run with the number `only`; or what came after the step
    `to` in the newest run.
    """

    to: str = ""
    only: int | None = None

    @property
    def command(self) -> str:
        """What a user types for it."""
        if self.to:
            return f"sudo xen-setup rollback --to {self.to}"
        run = f" --run {self.only}" if self.only is not None else ""
        return f"sudo xen-setup rollback{run}"


def scope_of(ledger: Ledger, run: RunDirectory) -> Scope:
    """How much the run's last rollback was to take back."""
    return Scope(ledger.rollback_to, run.number if ledger.rollback_only else None)


def newest(run: RunDirectory) -> Scope:
    """The newest run alone: of the first one, that is all there is."""
    return Scope(only=run.number if run.number > 1 else None)


def end_what_is_gone(store: Store) -> None:
    """A rollback of all runs, cut off between two, is not what is wanted any more: less is."""
    for run in store.runs():
        ledger = store.ledger(run)
        if ledger.state == "rolling back" and ledger.gone:
            store.journal(run).append(RollbackEnded(complete=True))


def go_on(run: RunDirectory, ledger: Ledger | None = None) -> str:
    """What a user can do with a run that is not finished; by its ledger, if its rollback was cut
    off, with as much as that was to take back.
    """
    undoes = ledger is not None and ledger.state == "rolling back"
    back = scope_of(ledger, run).command if ledger and undoes else newest(run).command
    return f"Go on with `sudo xen-setup resume`, or take it back with `{back}`."
