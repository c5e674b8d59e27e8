"""The only module that changes the system: is it done, what will undo it, do it, take it back.

Its hands are files.py, mounts.py, packages.py, trees.py and partitions.py, which nobody else
imports; it starts processes through commands.py. It knows one action at a time: order, journal and
policy are pipeline.py's.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

from wizard import commands, durable, files, partitions, timer, trees
from wizard.actions import (
    Action,
    Argv,
    CommandShows,
    CreatePartition,
    InstallPackages,
    InstallTree,
    MakeDirectory,
    MakeLink,
    MovePath,
    Never,
    PathAbsent,
    PathPresent,
    Probe,
    Reboot,
    RunCommand,
    SecretInput,
    Volume,
    WriteFile,
    text_hash,
    undo_class,
)
from wizard.commands import Answer, Ask, Run
from wizard.errors import Conflict, RebootNeeded, StepFailed, from_os
from wizard.files import Checkpoint, is_regular, keep_copy, nothing, resolve, without_copy
from wizard.identity import must_be_same
from wizard.interrupts import Interrupts
from wizard.mounts import GUESTS_DISKS, WORK, Mounted, Mounts, mounted_now
from wizard.packages import Packages
from wizard.partitions import PartitionTables
from wizard.probing import shows, still_shows
from wizard.running import Running, Watch, Workplace, kernel_boot_id
from wizard.undo import FileUndo, MoveUndo, PackagesUndo, PlainUndo, RebootUndo, TreeUndo, Undo
from wizard.wording import probe_words

_PROBE_TIME = 60.0  # seconds; emulated machines are slow
_UNDO_TIME = 1800.0


def _no_secret(key: str) -> str:
    raise StepFailed(
        f"The secret {key} is not known.", hint="Give it in the answers by reference, or be asked."
    )


@dataclass
class Machine:
    """The machine under the wizard. `secrets` gives the secret of an answer key when it is used.

    `log_copy` is a file that gets what the run's log gets. `to_disk` brings to the disk what was
    written, there and where the system is (durable.py).
    `checkpoint` is called with a name at each point where a crash would matter. `work` is where
    volumes are mounted.
    """

    run_command: Run = commands.run
    ask_command: Ask = commands.ask
    secrets: Callable[[str], str] = _no_secret
    interrupts: Interrupts = field(default_factory=Interrupts)
    checkpoint: Checkpoint = nothing
    work: Path = WORK
    guests_disks: Path = GUESTS_DISKS
    boot_id: Callable[[], str] = kernel_boot_id
    warn: Callable[[str], None] = lambda _words: None
    reboot_command: Argv = ("systemctl", "reboot")
    log_copy: Path | None = None
    mounted: Callable[[], list[Mounted]] = mounted_now
    partition_tables: PartitionTables = partitions
    to_disk: Callable[..., object] = durable.to_disk

    def __post_init__(self) -> None:
        self._place: Workplace | None = None
        self._running = Running(
            self.run_command, self.ask_command, self.interrupts, self.checkpoint,
            self.work / "running", log_copy=self.log_copy,
        )  # fmt: skip
        self._mounts = Mounts(
            self._running.quietly, self._probe_ask, self.work, self._warned,
            guests_disks=self.guests_disks, mounted=self.mounted,
        )  # fmt: skip
        self._packages = Packages(self._running)
        self._watchman = self.work / "unconfirmed"

    @property
    def command_seconds(self) -> float:
        """The time spent in commands so far, in seconds."""
        return self._running.seconds

    def _probe_ask(self, argv: Argv) -> Answer:
        return self._running.ask(argv, _PROBE_TIME)

    # --- a run's workplace --------------------------------------------------------------------

    def attend(self, place: Workplace) -> None:
        """Log and keep backups there from now on."""
        self._place = place
        self._running.log_to(place.log)
        durable.tell_old_losses(self.to_disk, self._warned)

    def clear_leftovers(self) -> list[str]:
        """End the command and unmount the volumes of a run that was killed; says what it did."""
        done = []
        if self._running.end_orphan():
            done.append("ended a command that was still running from before")
        done += [f"unmounted {point}" for point in self._mounts.clear_leftovers()]
        for line in done:
            self._running.log.note(line)
        return done

    def note(self, words: str) -> None:
        """A line for the log."""
        self._running.log.note(words)

    def release(self) -> None:
        """Unmount what is mounted for actions."""
        self._mounts.only(None)

    def reads_well(self, argv: Argv, timeout: float) -> bool:
        """Whether a command that only reads ends with exit status 0 within that many seconds."""
        return self._running.ask(argv, timeout).status == 0

    def request_reboot(self) -> None:
        """Have the machine boot; raises `StepFailed` when nobody takes the wish."""
        self._running.must_have_ended_well(self._running.quietly(self.reboot_command, 60.0))

    def arm(self, argv: Argv, seconds: int) -> None:
        """Have a command run after that time, whatever becomes of this program, unless `disarm`
        comes first.
        """
        self.disarm()
        if not timer.arm(self._running, argv, seconds, self._watchman):
            self._warned(
                "Neither systemd nor `setsid` is here to watch over this step: if this program is "
                "killed before the step is confirmed, run `xen-setup rollback --unconfirmed` "
                "yourself."
            )

    def disarm(self) -> None:
        """Stop what `arm` started; harmless when nothing was."""
        timer.disarm(self._running, self._watchman)

    # --- is it done ---------------------------------------------------------------------------

    def is_done(self, action: Action, undo: Undo | None = None) -> bool:
        """Whether the action's work is there, by reading. `undo`: as recorded when it began."""
        match action:
            case RunCommand():
                return self.probe(action.probe)
            case WriteFile():
                if not self._reachable(action.inside):
                    return False
                return files.is_written(action, self._real(action.path, action.inside))
            case MovePath():
                return self._reachable(action.inside) and (
                    not os.path.lexists(action.source) and os.path.lexists(action.destination)
                )
            case MakeDirectory():
                return self._reachable(action.inside) and (
                    self._real(action.path, action.inside).is_dir()
                )
            case MakeLink():
                return self._reachable(action.inside) and files.leads_there(action)
            case InstallPackages():
                return self._packages.all_installed(action.packages)
            case InstallTree():
                return trees.is_installed(action)
            case CreatePartition():
                return self.partition_tables.is_there(action)
            case Reboot():
                return isinstance(undo, RebootUndo) and undo.boot_id != self.boot_id()
        assert_never(action)

    def probe(self, probe: Probe) -> bool:
        """What a probe says; false without one, and when the volume it looks into is not there."""
        if isinstance(probe, Never):
            return False
        if not self._reachable(probe.inside):
            return False
        match probe:
            case CommandShows():
                return shows(probe, self._probe_ask(probe.argv))
            case PathPresent():
                return os.path.lexists(probe.path)
            case PathAbsent():
                return not os.path.lexists(probe.path)
        assert_never(probe)

    # --- before, doing ------------------------------------------------------------------------

    def prepare(self, action: Action, label: str) -> Undo:
        """What will undo the action; backups are on the disk when this returns.

        `label` names the backup. Raises `StepFailed` when the action cannot be begun at all.
        """
        self._mounts.only(action.inside)
        try:
            return self._prepare(action, label)
        except OSError as error:
            raise from_os(error, action.why) from error

    def _prepare(self, action: Action, label: str) -> Undo:
        match action:
            case WriteFile():
                target = self._real(action.path, action.inside)
                files.refuse_unwritable(target, action.path)
                before = None
                if is_regular(target) and undo_class(action) == "exact":
                    before = keep_copy(target, self._workplace().backups, label)
                elif is_regular(target):
                    before = without_copy(target)  # it is not put back: it goes with its volume
                files.refuse_changed(target, action)
                return FileUndo(str(target), before, text_hash(action.text))
            case MovePath():
                if not os.path.lexists(action.source):
                    raise StepFailed(
                        f"{action.source} is not there.", hint="Start again with a new plan."
                    )
                return MoveUndo(Path(action.source).lstat().st_ino)
            case InstallPackages():
                return self._packages.undo_for(action.packages, action.needs)
            case InstallTree():
                return trees.prepare(action, self._workplace(), label)
            case Reboot():
                return RebootUndo(self.boot_id())
            case RunCommand():
                self._refuse_anothers(action)
            case MakeDirectory():
                files.refuse_in_the_way(self._real(action.path, action.inside))
            case MakeLink():
                files.refuse_in_the_way(Path(action.path))
            case CreatePartition():
                return partitions.undo_for(action, self.partition_tables, self._running.ask)
            case _:
                assert_never(action)
        return PlainUndo()

    def perform(self, action: Action, undo: Undo, watch: Watch) -> None:
        """Do it, and see that it is done. Raises `StepFailed`, `Interrupted`, `RebootNeeded`."""
        self._mounts.only(action.inside)
        self.checkpoint(f"{action.kind}: starts")
        try:
            match action:
                case RunCommand():
                    self._perform_command(action, watch)
                case WriteFile():
                    assert isinstance(undo, FileUndo)
                    files.write(action, undo, self.checkpoint)
                    self._running.refresh(action.refresh, watch)
                case MovePath():
                    files.rename(Path(action.source), Path(action.destination))
                    self.checkpoint("MovePath: moved")
                    self._running.refresh(action.refresh, watch)
                case MakeDirectory():
                    files.make_directory(self._real(action.path, action.inside), action.mode)
                case MakeLink():
                    files.make_link(Path(action.path), action.target)
                case InstallPackages():
                    assert isinstance(undo, PackagesUndo)
                    self._packages.install(action, undo, watch)
                case InstallTree():
                    assert isinstance(undo, TreeUndo)
                    work = trees.Work(self._workplace(), self._running, self.checkpoint)
                    trees.install(action, undo, work, watch)
                    self._running.refresh(action.refresh, watch)
                case CreatePartition():
                    must_be_same(action.disk, self._running.ask, table_counts=True)
                    self.partition_tables.create(action, self._running)
                case Reboot():
                    raise RebootNeeded("The machine must boot now.", hint="")
                case _:
                    assert_never(action)
        except OSError as error:
            raise from_os(error, action.why) from error
        except Conflict as error:
            raise StepFailed(error.what, hint=error.hint, details=error.details) from error
        durable.keep(action, self.to_disk)
        self.checkpoint(f"{action.kind}: performed")

    def settle(self, action: Action, undo: Undo, watch: Watch) -> bool:
        """Finish what a crash cut off; true when it is done now, false when it is taken back."""
        if isinstance(action, InstallPackages):
            # Downloads and unpacked files are worth keeping: apt goes on where it was.
            self.perform(action, undo, watch)
            return True
        if isinstance(undo, FileUndo) and self._reachable(action.inside):
            files.remove_half_written(Path(undo.target))
        if isinstance(action, InstallTree):
            trees.clear(self._workplace())
        # What a command filled a volume with may be without its content (durable.py): once more.
        filled = isinstance(action, RunCommand) and action.inside and action.traces
        if not filled and self.is_done(action, undo):
            if isinstance(action, WriteFile | MovePath | InstallTree):
                self._running.refresh(action.refresh, watch)
            if isinstance(action, MakeDirectory):
                self._real(action.path, action.inside).chmod(action.mode)
            if isinstance(action, CreatePartition):
                self.partition_tables.announce(action, self._running)
            if durable.is_kept(action, self.to_disk):
                return True
        if not isinstance(action, Reboot) and undo_class(action) != "no undo":
            self.revert(action, undo, watch)
        return False

    # --- taking back --------------------------------------------------------------------------

    def in_the_way(self, action: Action, undo: Undo) -> str:
        """Why a file cannot be put back, or a command's work go, by reading; "" for nothing."""
        if isinstance(action, RunCommand):
            return self._running.harm(action) if self.is_left(action) else ""
        return files.in_the_way(action, undo, self._workplace().backups)

    def is_left(self, action: Action) -> bool:
        """Whether the work of a command with an undo is there, or that cannot be told."""
        if not isinstance(action, RunCommand) or action.undo is None:
            return False
        try:
            return self._still_there(action.traces or action.probe)
        except StepFailed:
            return True

    def revert(self, action: Action, undo: Undo, watch: Watch) -> str:
        """Take back an action that was begun, however far it came; again is harmless.

        What stays of it, as others need it by now, in a sentence; "" for nothing. Raises `Conflict`
        when that would destroy what is not ours, `StepFailed` when it fails.
        """
        self.checkpoint(f"{action.kind}: undo starts")
        if not isinstance(action, RunCommand) and action.inside is not None:
            return ""  # what is made inside a volume goes with what filled it
        stays = ""
        try:
            match action:
                case RunCommand():
                    self._revert_command(action, watch)
                case WriteFile():
                    assert isinstance(undo, FileUndo)
                    if action.before_undo and files.holds(Path(undo.target), undo.sha256):
                        self._running.quietly(action.before_undo, _UNDO_TIME)
                    files.put_back(undo, self._workplace().backups, self.checkpoint)
                    # Also when it was as before already: a crash may have cut this off.
                    self._running.refresh(action.refresh, watch)
                case MovePath():
                    assert isinstance(undo, MoveUndo)
                    self._mounts.only(None)
                    files.move_back(action, undo)
                    self._running.refresh(action.refresh, watch)
                case MakeDirectory():
                    files.remove_directory(self._real(action.path, action.inside))
                case MakeLink():
                    if os.path.lexists(action.path):
                        files.remove_link(action)
                case InstallPackages():
                    assert isinstance(undo, PackagesUndo)
                    place = self._workplace().edited
                    stays = self._packages.uninstall(undo, action.needs, place, watch)
                case InstallTree():
                    assert isinstance(undo, TreeUndo)
                    trees.take_back(action, undo, self._workplace(), self.checkpoint)
                    self._running.refresh(action.refresh, watch)
                case CreatePartition():
                    self._mounts.only(None)
                    self.partition_tables.remove(action, self._running, partitions.remains(undo))
                case Reboot():
                    pass  # a boot that happened is no change to take back
                case _:
                    assert_never(action)
        except OSError as error:
            raise from_os(error, action.why) from error
        durable.keep(action, self.to_disk, undone=True)
        self.checkpoint(f"{action.kind}: undo done")
        return stays

    # --- commands -----------------------------------------------------------------------------

    def _perform_command(self, action: RunCommand, watch: Watch) -> None:
        if action.identity is not None:
            must_be_same(action.identity, self._running.ask)
        masks: tuple[str, ...] = ()
        text = action.input
        if isinstance(text, SecretInput):
            secret = self.secrets(text.key)
            text = text.template.replace("{}", secret)
            masks = (secret, text)
        result = self._running.follow(
            action.argv,
            action.timeout,
            watch,
            progress=action.progress,
            text=text,
            until=action.until,
            fails_at=action.fails_at,
            masks=masks,
        )
        self.checkpoint("RunCommand: ended")
        if action.until is not None and result.ended == "exited":
            raise StepFailed(
                f"`{shlex.join(action.argv)}` {result.words}, but never showed what was "
                f"waited for ({action.until}).",
                hint=f"Its last lines are below; all of them are in {self._running.log.path}.",
                details=(*result.tail, *self._own_words(action)),
            )
        self._running.must_have_ended_well(result, lambda: self._own_words(action))
        if not isinstance(action.probe, Never) and not self.probe(action.probe):
            raise StepFailed(
                f"`{shlex.join(action.argv)}` {result.words}, but its work is not there.",
                hint=f"Looked for with: {probe_words(action.probe)}",
                details=(*result.tail, *self._own_words(action)),
            )

    def _own_words(self, action: RunCommand) -> tuple[str, ...]:
        """How the log ends that the command keeps itself, if it does."""
        path, inside = action.own_log, action.inside
        return self._running.own_words(lambda: self._real(path, inside)) if path else ()

    def _refuse_anothers(self, action: RunCommand) -> None:
        # Should it fail, its undo would take away what it did not make.
        if action.traces and action.undo_class == "by removal" and self.probe(action.traces):
            raise StepFailed(
                f"What `{shlex.join(action.argv)}` is to make is there in part already.",
                hint="Nothing was done to it. Mend what kept an earlier try from being taken back; "
                "or, if it is somebody else's, wait until it is whole, or remove it. Then go on.",
                details=(f"Looked for with: {probe_words(action.traces)}",),
            )

    def _revert_command(self, action: RunCommand, watch: Watch) -> None:
        if action.undo is None:
            if action.undo_class == "no undo":
                raise Conflict(
                    f"`{shlex.join(action.argv)}` cannot be taken back.",
                    hint=action.undo_note or "It was agreed to as a point of no return.",
                )
            return
        traces = action.traces or action.probe
        if not self._still_there(traces):
            return
        if action.inside is not None and not self._reachable(action.inside):
            return  # what it changed went with the volume
        self._mounts.only(action.inside)
        self._running.refuse_harm(action)
        self._running.do(action.undo, _UNDO_TIME, watch)
        self.checkpoint("RunCommand: undo ended")
        if not isinstance(traces, Never) and self._still_there(traces):
            raise StepFailed(
                f"`{shlex.join(action.undo)}` ended with exit status 0, but took nothing back.",
                hint=f"Look with: {probe_words(traces)}",
            )

    def _still_there(self, traces: Probe) -> bool:
        """Whether there is something to take back; raises `StepFailed` if that cannot be told."""
        if not isinstance(traces, CommandShows):
            return isinstance(traces, Never) or self.probe(traces)
        if not self._reachable(traces.inside):
            return False
        return still_shows(traces, self._probe_ask(traces.argv))

    # --- files --------------------------------------------------------------------------------

    def _real(self, path: str, inside: Volume | None) -> Path:
        """Where a path leads, links followed within the volume it is in."""
        root = Path(inside.mount_point) if inside is not None else Path("/")
        if not Path(path).is_relative_to(root):
            raise StepFailed(
                f"{path} is not below {root}, where its volume is mounted.",
                hint="This is a mistake in the program; nothing was written.",
            )
        return resolve(Path(path), root)

    def _reachable(self, inside: Volume | None) -> bool:
        """Mount the volume if it can be; false when there is none to look into."""
        if inside is not None and not self._mounts.can_hold(inside):
            return False
        if inside is not None:
            self._mounts.only(inside)
        return True

    def _workplace(self) -> Workplace:
        assert self._place is not None, "attend() comes first"
        return self._place

    def _warned(self, words: str) -> None:
        self._running.log.note(words)
        self.warn(words)
