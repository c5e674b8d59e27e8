"""A machine that is only played: it shows what the real one would, and changes nothing.

Nothing here starts a process or writes a file but the log. What its commands "print" is given to
it; it logs and shows that at a pace of its own, and remembers what was done.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence

from wizard.actions import (
    Action,
    Argv,
    CreatePartition,
    InstallPackages,
    InstallTree,
    MakeDirectory,
    MakeLink,
    MovePath,
    Never,
    Reboot,
    RunCommand,
    WriteFile,
    text_hash,
)
from wizard.errors import StepFailed
from wizard.files import Checkpoint, nothing
from wizard.interrupts import Interrupts
from wizard.log import Log
from wizard.progress import reader
from wizard.running import Watch, Workplace
from wizard.undo import FileUndo, MoveUndo, PackagesUndo, PlainUndo, RebootUndo, TreeUndo, Undo
from wizard.wording import commands, headline

PACE = 0.1  # of the usual time of each action
_LONGEST = 2.5  # seconds of one action: it is a show
_SHORTEST = 0.15  # a line that nobody can read is no line


class SimulatedMachine:
    """`begins` is told of each action first. `output` gives the lines that its commands print,
    `failure` the error that it ends with, if it is to. `pace` times its usual time is how long it
    takes here; 0: none.
    """

    def __init__(
        self,
        begins: Callable[[Action], None],
        output: Callable[[Action], Sequence[str]],
        failure: Callable[[Action], StepFailed | None],
        pace: float = PACE,
    ) -> None:
        self.interrupts = Interrupts()
        self.checkpoint: Checkpoint = nothing
        self._begins = begins
        self._output = output
        self._failure = failure
        self._pace = pace
        self._log = Log(None)
        self._done: set[Action] = set()
        self._boot_id = str(uuid.uuid4())
        self._seconds = 0.0

    @property
    def command_seconds(self) -> float:
        """The time that was played, in seconds."""
        return self._seconds

    def has_done(self, action: Action) -> bool:
        """Whether it was done here, and not taken back."""
        return action in self._done

    # --- as the pipeline knows it -------------------------------------------------------------

    def attend(self, place: Workplace) -> None:
        """Log there from now on."""
        self._log = Log(place.log)

    def clear_leftovers(self) -> list[str]:
        """There are none."""
        return []

    def note(self, words: str) -> None:
        """A line for the log."""
        self._log.note(words)

    def release(self) -> None:
        """Nothing is mounted."""

    def reads_well(self, _argv: Argv, _timeout: float) -> bool:
        """Every guarded step is confirmed."""
        return True

    def request_reboot(self) -> None:
        """Whoever plays the machine boots it: `boot`."""

    def arm(self, _argv: Argv, _seconds: int) -> None:
        """Nobody needs to watch over a play."""

    def disarm(self) -> None:
        """Nobody watches."""

    def is_done(self, action: Action, undo: Undo | None = None) -> bool:
        """As on the real machine: what cannot tell whether it is done is not."""
        if isinstance(action, Reboot):
            return isinstance(undo, RebootUndo) and undo.boot_id != self._boot_id
        self._begins(action)
        if isinstance(action, RunCommand) and isinstance(action.probe, Never):
            return False
        return action in self._done

    def prepare(self, action: Action, _label: str) -> Undo:
        """What would undo it; there is nothing to be saved."""
        match action:
            case WriteFile():
                return FileUndo(action.path, None, text_hash(action.text))
            case MovePath():
                return MoveUndo(0)
            case InstallPackages():
                return PackagesUndo(action.packages)
            case Reboot():
                return RebootUndo(self._boot_id)
            case InstallTree():
                return TreeUndo((), ())
            case RunCommand() | MakeDirectory() | MakeLink() | CreatePartition():
                return PlainUndo()

    def perform(self, action: Action, _undo: Undo, watch: Watch) -> None:
        """Show it as if it were done. Raises `StepFailed` where it is to fail, `Interrupted`."""
        failure = self._failure(action)
        lines = self._output(action)
        if failure is not None:  # on the way, not after all of it
            lines = (*lines[: len(lines) // 2], *failure.details)
        self._play(action, lines, watch)
        if failure is not None:
            raise failure
        self._done.add(action)

    def settle(self, action: Action, undo: Undo, _watch: Watch) -> bool:
        """Nothing is ever half done here."""
        return self.is_done(action, undo)

    def in_the_way(self, _action: Action, _undo: Undo) -> str:
        """Nobody edits anything in a play."""
        return ""

    def is_left(self, action: Action) -> bool:
        """Whether it was done."""
        return action in self._done

    def revert(self, action: Action, _undo: Undo, _watch: Watch) -> str:
        """As if it were taken back."""
        undo = action.undo if isinstance(action, RunCommand) else None
        self._log.note(f"taken back: {' '.join(undo) if undo else headline(action)}")
        self._wait(min(_SHORTEST, self._pace))
        self._done.discard(action)
        return ""

    # --- the play -----------------------------------------------------------------------------

    def boot(self, lines: Sequence[str], watch: Watch, seconds: float) -> None:
        """Show a boot; afterwards the machine has another boot id. Raises `Interrupted`."""
        with self.interrupts:
            self._show(lines, watch, "", seconds * self._pace)
            self.interrupts.check()
        self._boot_id = str(uuid.uuid4())
        self._seconds = 0.0  # whoever goes on after a boot counts from there

    def _play(self, action: Action, lines: Sequence[str], watch: Watch) -> None:
        started = time.monotonic()
        words = "; ".join(commands(action)) or headline(action)
        self._log.begin(words)
        progress = action.progress if isinstance(action, RunCommand) else ""
        if isinstance(action, InstallPackages):
            progress = action.manager
        self._show(lines, watch, progress, action.estimate * self._pace)
        self._seconds += time.monotonic() - started
        self._log.end("simulated", ())

    def _show(self, lines: Sequence[str], watch: Watch, progress: str, seconds: float) -> None:
        read = reader(progress)
        seconds = min(max(seconds, _SHORTEST if self._pace else 0.0), _LONGEST)
        for line in lines:
            self._log.output(f"{line}\n")
            watch.output(line)
            found = read(line)
            if found is not None:
                watch.progress(*found)
            self._wait(seconds / len(lines))
        if not lines:
            self._wait(seconds)

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self.interrupts.wait(seconds)
        self.interrupts.check()
