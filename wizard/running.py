"""Commands as an action needs them: watched, logged, noted, timed. For machine.py."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wizard.actions import Argv, RunCommand
from wizard.commands import (
    Answer,
    Ask,
    Completed,
    Run,
)
from wizard.errors import Conflict, StepFailed
from wizard.files import Checkpoint
from wizard.interrupts import Interrupts
from wizard.log import Log
from wizard.progress import reader
from wizard.sessions import end_session, process_fields, session_members
from wizard.stream import last_lines

_REFRESH_TIME = 600.0  # seconds; emulated machines are slow
_LISTING_TIME = 60.0


class Watch(Protocol):
    """Who is told what a running command prints, and how far it is (0 to 1; None: unknown)."""

    def output(self, line: str, /) -> None: ...
    def progress(self, fraction: float | None, words: str, /) -> None: ...


class Unwatched:
    """A watch for nobody."""

    def output(self, line: str, /) -> None:
        """Nobody is told."""

    def progress(self, fraction: float | None, words: str, /) -> None:
        """Nobody is told."""


@dataclass(frozen=True)
class Workplace:
    """Where one run keeps its log and its backups."""

    log: Path
    backups: Path

    @property
    def edited(self) -> Path:
        """Where copies go of configuration files that somebody edited, before they are purged."""
        return self.backups / "edited"


def kernel_boot_id() -> str:
    """The kernel's id of this boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


class Running:
    """Runs commands for one machine. `seconds` adds up the time spent in them.

    `note` is a file that names the running command, so that the next start can end it if this
    process is killed.
    """

    def __init__(
        self,
        run: Run,
        ask: Ask,
        interrupts: Interrupts,
        checkpoint: Checkpoint,
        note: Path,
        *,
        log_copy: Path | None = None,
    ) -> None:
        self._run = run
        self._ask = ask
        self._checkpoint = checkpoint
        self._note = note
        self._log_copy = log_copy
        self.interrupts = interrupts
        self.log = Log(None, log_copy)
        self.seconds = 0.0

    def log_to(self, path: Path) -> None:
        """Log there from now on."""
        self.log = Log(path, self._log_copy)

    def do(self, argv: Argv, timeout: float, watch: Watch, progress: str = "") -> None:
        """Run a command that must succeed; raises `StepFailed`, or `Interrupted`."""
        self.must_have_ended_well(self.follow(argv, timeout, watch, progress=progress))

    def refresh(self, argv: Argv | None, watch: Watch) -> None:
        """Run an action's `refresh`, if it has one."""
        if argv is not None:
            self._checkpoint("refresh: starts")
            self.do(argv, _REFRESH_TIME, watch)

    def quietly(self, argv: Argv, timeout: float) -> Completed:
        """Run a command of our own housekeeping: nobody watches, no signal cuts it off."""
        with self.interrupts.shielded():
            return self.follow(argv, timeout, Unwatched())

    def ask(self, argv: Argv, timeout: float) -> Answer:
        """Run a command that only reads."""
        started = time.monotonic()
        try:
            return self._ask(argv, timeout)
        finally:
            self.seconds += time.monotonic() - started

    def harm(self, action: RunCommand) -> str:
        """Why its undo would not be run, in words; "" where nothing is seen."""
        try:
            self.refuse_harm(action)
        except Conflict as error:
            return f"{error.what} {error.hint}"
        return ""

    def refuse_harm(self, action: RunCommand) -> None:
        """Raise `Conflict` when one of the two, where it has such a command, lists anything: what
        needs that which its undo removes, or what somebody has made on it.
        """
        dependents, spared, undo = action.dependents, action.spared, action.undo or ()
        answer = self.ask(dependents, _LISTING_TIME) if dependents else Answer(0, "", "")
        if answer.status != 0:
            raise Conflict(
                f"`{shlex.join(undo)}` was not run: what else would go with it is not known.",
                hint=f"See what this says: {shlex.join(dependents)}",
            )
        if names := answer.out.split():
            raise Conflict(
                f"`{shlex.join(undo)}` was not run: it would harm what depends on that and is not "
                f"ours: {', '.join(names)}.",
                hint="Shut that guest down, or merge or remove that volume; then take back again.",
            )
        answer = self.ask(spared, _LISTING_TIME) if spared else Answer(0, "", "")
        look = shlex.join(spared)
        if answer.status != 0:
            raise Conflict(
                f"`{shlex.join(undo)}` was not run: whether somebody uses by now what it removes "
                "is not known.",
                hint=f"See what this says: {look}",
            )
        if found := ", ".join(answer.out.split()):
            raise Conflict(
                f"`{shlex.join(undo)}` was not run: what it removes holds something that was made "
                f"since, and is not ours: {found}.",
                hint=f"See `{look}`. If it is not needed, remove it yourself; then take back "
                "again.",
            )

    def follow(
        self,
        argv: Argv,
        timeout: float,
        watch: Watch,
        *,
        progress: str = "",
        text: str | None = None,
        until: str | None = None,
        fails_at: str | None = None,
        masks: tuple[str, ...] = (),
    ) -> Completed:
        """Run a command, watched and logged; how it ended is the caller's to judge."""
        read = reader(progress)

        def on_output(line: str) -> None:
            watch.output(line)
            found = read(line)
            if found is not None:
                watch.progress(*found)

        started = time.monotonic()
        try:
            return self._run(
                argv,
                timeout=timeout,
                input=text,
                on_output=on_output,
                until=until,
                fails_at=fails_at,
                log=self.log,
                interrupts=self.interrupts,
                masks=masks,
                on_start=self._started,
            )
        finally:
            self.seconds += time.monotonic() - started
            self._note.unlink(missing_ok=True)

    def must_have_ended_well(
        self, result: Completed, own_words: Callable[[], tuple[str, ...]] = tuple
    ) -> None:
        """Raise `StepFailed`, or `Interrupted`, unless the command ended with success. `own_words`
        tells what else it said of a failure.
        """
        if result.ended == "interrupted":
            raise self.interrupts.error()
        if result.ended != "matched" and (result.ended != "exited" or result.status != 0):
            where = f"The log is {self.log.path}." if self.log.path else ""
            more = own_words()
            raise StepFailed(
                f"`{shlex.join(result.argv)}` {result.words}.",
                hint=f"Its last lines are below. {where}"
                if result.tail or more
                else f"It printed nothing. {where}",
                details=(*result.tail, *more),
            )

    def own_words(self, find: Callable[[], Path]) -> tuple[str, ...]:
        """How a command's own log ends, if it can be read: a disk that fails must not hide what the
        command printed. It is in our log too then, as the file may go with the undo.
        """
        try:
            lines = last_lines(path := find())
        except (OSError, StepFailed):
            return ()
        if not lines:
            return ()
        told = (f"{path} ended with:", *lines)
        for line in told:
            self.log.note(line)
        return told

    def end_orphan(self) -> bool:
        """End the command of a run that was killed, if it still runs; says whether it did."""
        if not self._note.is_file():
            return False
        found = re.fullmatch(r"(\d+) (\d+)\n", self._note.read_text(errors="replace"))
        self._note.unlink()
        if not found:
            return False
        session = int(found[1])
        fields = process_fields(session)
        # Another process may have the number by now; a session whose leader ended keeps it.
        if (fields is not None and fields[19] != found[2]) or not session_members(session):
            return False
        end_session(session)
        return True

    def _started(self, pid: int) -> None:
        fields = process_fields(pid)
        if fields is not None:
            # Without the note nothing is lost but the tidying after a kill.
            with suppress(OSError):
                self._note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._note.write_text(f"{pid} {fields[19]}\n")
        self._checkpoint("command: runs")
