"""A simulated machine with xen-setup on it: apply, resume, roll back, and die at any point.

What a crash leaves is kept as an image (files and state) at the very moment; the run that made it
then goes on, or is dropped. So nothing that a dying process still does counts.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from steps import PIPELINE
from steps.facts import Facts
from steps.guest_disks import root_device
from steps.read_facts import look_into_tarball
from steps.settings import Settings
from tests.engine.recording import RecordingReporter
from tests.faults.elsewhere import Elsewhere
from tests.faults.model import Model, part_names
from tests.faults.programs import program
from tests.faults.said import Said
from tests.faults.state import Part, State
from wizard import partitions
from wizard.actions import Action, CreatePartition
from wizard.commands import Answer, Completed
from wizard.errors import Conflict, RebootNeeded, StepFailed
from wizard.interrupts import Interrupts
from wizard.journal import Means, Store, unfinished_run
from wizard.log import Log
from wizard.machine import Machine
from wizard.pipeline import Pipeline, Wishes
from wizard.rollback import roll_back
from wizard.running import Running
from wizard.step import Step

Entry = tuple[int, int, int, int, bytes | str | None]  # mode, uid, gid, mtime, content or target
How = Literal["done", "boot"]


class Dropped(BaseException):
    """The run is dropped here: what it would have done since the image was taken does not count."""


@dataclass(frozen=True)
class Image:
    """A machine as it stood at one moment. `point` names that moment."""

    point: str
    files: Mapping[str, Entry]
    state: bytes


@dataclass(frozen=True)
class Lie:
    """What a command does instead of its work. `words` are the test's name for it."""

    words: str
    work: Literal["all", "half", "none"] = "none"
    status: int = 0
    ended: Literal["exited", "timeout"] = "exited"
    out: str = ""


@dataclass
class Host:
    """The machine below `top`. `answers` are the settings it is set up with."""

    top: Path
    base: Facts
    settings: Settings
    wishes: Wishes = field(default_factory=lambda: Wishes(consent=True))
    at_point: Callable[[str], None] = lambda _name: None
    lies: Callable[[tuple[str, ...]], Lie | None] = lambda _argv: None
    mute: Callable[[tuple[str, ...]], Answer | None] = lambda _argv: None  # of what only reads
    change: Callable[[Action], Action] = lambda action: action
    reporter: RecordingReporter = field(default_factory=RecordingReporter)
    commands: list[tuple[str, ...]] = field(default_factory=list)
    questions: list[tuple[str, ...]] = field(default_factory=list)
    interrupts: Interrupts = field(default_factory=Interrupts)
    means: Means = field(default_factory=Means)

    def __post_init__(self) -> None:
        self.tree = self.top / "tree"
        self.model = Model(self.tree, self.base)
        self.tree.mkdir(parents=True)
        self.model.make_files()

    @property
    def store(self) -> Store:
        """The runs, as a new process finds them."""
        return Store(self.top / "state", lambda: "this machine", self.means)

    # --- xen-setup ----------------------------------------------------------------------------

    def machine(self) -> Machine:
        """The engine's machine, over the simulated one."""
        return Machine(
            run_command=self.run,
            ask_command=self.ask,
            secrets=lambda key: f"secret of {key}",
            checkpoint=self._checkpoint,
            work=self.tree / "run/xen-setup",
            guests_disks=self.tree / "sys/xen-backend",
            boot_id=lambda: f"boot-{self.model.state.boots}",
            mounted=self.model.mounted,
            partition_tables=Tables(self),
            interrupts=self.interrupts,
            to_disk=lambda *_more, **_how: None,
        )

    def pipeline(self) -> Pipeline[Settings, Facts]:
        """A new process: nothing is remembered but by journal and machine."""
        steps: Sequence[Step[Settings, Facts]] = [
            Elsewhere(step, self.tree, self.change) for step in PIPELINE
        ]
        return Pipeline(
            steps=steps,
            read_facts=self.read_facts,
            store=self.store,
            machine=self.machine(),
            reporter=self.reporter,
            wishes=self.wishes,
        )

    def read_facts(self) -> Facts:
        """The machine as the steps see it."""
        facts = self.model.facts(
            [root_device(self.settings, guest) for guest in self.settings.guests]
        )
        return look_into_tarball(facts, self.settings.host.tarball, root=self.tree)

    def apply(self) -> None:
        """`xen-setup apply`, and what it asks for: a boot, and `resume`."""
        self._booting(lambda: self.pipeline().apply(self.settings, "version: 1\n"))

    def resume(self) -> None:
        """`xen-setup resume`, and a boot where one is asked for."""
        self._booting(lambda: self.pipeline().resume(self.settings))

    def go_on(self) -> None:
        """What a user does after a crash: resume; and apply, where there was nothing to resume."""
        if unfinished_run(self.store) is None:
            self.apply()
        else:
            self.resume()

    def roll_back(self) -> None:
        """`xen-setup rollback`."""
        roll_back(self.store, self.machine(), self.reporter)

    def _booting(self, go: Callable[[], object]) -> None:
        for _boot in range(3):
            try:
                go()
            except RebootNeeded:
                self.model.boot()
                go = lambda: self.pipeline().resume(self.settings)  # noqa: E731
            else:
                return
        raise AssertionError("it wants to boot for ever")

    # --- its programs -------------------------------------------------------------------------

    def ask(
        self,
        argv: Sequence[str],
        timeout: float = 20.0,
        input: str | None = None,  # noqa: A002
    ) -> Answer:
        """A command that only reads."""
        words = tuple(self.model.own(word) for word in argv)
        instead = self.mute(words)
        if instead is not None:
            return instead
        said = self._to_the_end(words)
        return Answer(said.status, said.out if said.status == 0 else "", said.out)

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        input: str | None = None,  # noqa: A002
        environment: Mapping[str, str] | None = None,
        on_output: Callable[[str], None] | None = None,
        until: str | None = None,
        fails_at: str | None = None,
        cwd: Path | None = None,
        log: Log | None = None,
        interrupts: Interrupts | None = None,
        masks: Sequence[str] = (),
        on_start: Callable[[int], None] | None = None,
    ) -> Completed:
        """A command that changes something; at its moments, a crash or a signal may come."""
        words = tuple(self.model.own(word) for word in argv)
        self.commands.append(words)
        lie = self.lies(words)
        moments = program(self.model, words)
        said = Said()
        ended: Literal["exited", "matched", "timeout", "interrupted"] = "exited"
        while lie is None or lie.work != "none":
            try:
                next(moments)
            except StopIteration as end:
                said = end.value
                break
            self.at_point(f"during {words[0]}")
            if interrupts is not None and interrupts.pending:
                return Completed(tuple(argv), -15, "interrupted", (), 0.0, timeout)
            if lie is not None and lie.work == "half":
                break
        if lie is not None:
            said = Said(lie.status, lie.out)
            ended = lie.ended
        if re.search(r"\[[yn/]+\]\s*$", said.out):
            self.questions.append(words)
        lines = said.out.splitlines()
        for line in lines:
            if on_output is not None:
                on_output(line)
        if until is not None and re.search(until, said.out, re.MULTILINE):
            ended = "matched"
        return Completed(tuple(argv), said.status, ended, tuple(lines[-5:]), 0.0, timeout)

    def _to_the_end(self, argv: tuple[str, ...]) -> Said:
        moments = program(self.model, argv)
        while True:
            try:
                next(moments)
            except StopIteration as end:
                said = end.value
                assert isinstance(said, Said)
                return said

    def _checkpoint(self, name: str) -> None:
        self.at_point(name)

    # --- images -------------------------------------------------------------------------------

    def image(self, point: str = "") -> Image:
        """The machine and the program's own directory as they are now."""
        return Image(point, dict(files_below(self.top)), self.model.state.copied())

    def restore(self, image: Image) -> None:
        """Have the machine be as it was then."""
        restore_files(self.top, image.files)
        self.model.state = State.from_copy(image.state)
        self.reporter = RecordingReporter()
        self.commands, self.questions = [], []

    def crashes_of(self, work: Callable[[], None], *, during: bool = True) -> list[Image]:
        """What a crash would leave, at every point of some work, which is done to its end."""
        found: list[Image] = []

        def keep(point: str) -> None:
            found.append(self.image(f"{len(found) + 1}: {point}"))

        self.at_point = keep
        work()
        self.at_point = lambda _name: None
        return found

    def crash(self, work: Callable[[], None], number: int) -> bool:
        """Do the work until its n-th point, and stand there; false when it has fewer points."""
        passed = 0
        image: Image | None = None

        def drop(point: str) -> None:
            nonlocal passed, image
            passed += 1
            if image is not None:
                raise Dropped
            if passed == number:
                image = self.image(point)
                raise Dropped

        self.at_point = drop
        with suppress(Dropped):
            work()
        self.at_point = lambda _name: None
        if image is not None:
            self.restore(image)
        return image is not None


@dataclass(frozen=True)
class Tables:
    """The simulated machine's partition tables: for CreatePartition."""

    host: Host

    def is_there(self, action: CreatePartition, /) -> bool:
        made = self._made(action)
        return made is not None and (made.start, made.sectors) == (action.start, action.sectors)

    def create(self, action: CreatePartition, running: object, /) -> None:
        model = self.host.model
        disk = model.disk_of(model.device(model.own(action.disk.path)))
        assert disk is not None
        taken = [made for made in model.state.parts.values() if made.disk == disk.path]
        end = action.start + action.sectors
        if any(made.start < end and action.start < made.start + made.sectors for made in taken):
            raise StepFailed("The space is not free any more.", hint="Start again.")
        model.state.parts[f"{disk.path}{action.number}"] = Part(
            disk.path, action.number, action.start, action.sectors
        )
        model.state.content[f"{disk.path}{action.number}"] = model.state.remains
        self.host.at_point("during the table's change")
        self.announce(action, running)

    def announce(self, action: CreatePartition, running: object, /) -> None:
        model = self.host.model
        disk = model.disk_of(model.device(model.own(action.disk.path)))
        assert disk is not None
        model.make_nodes(sorted(part_names(disk, action.number)))

    def remove(self, action: CreatePartition, running: Running, remains: str, /) -> None:
        model = self.host.model
        made = self._made(action)
        disk = model.disk_of(model.device(model.own(action.disk.path)))
        if made is None or disk is None or made.start != action.start:
            return
        path = f"{disk.path}{action.number}"
        if made.sectors != action.sectors:
            raise Conflict(f"{path} is another partition.", hint="It was left as it is.")
        partitions.refuse_another_disk(action, running.ask)
        on_it = model.content(path)
        if on_it.kind != "empty" and remains != f"TYPE={on_it.detail} UUID={on_it.uuid}":
            raise Conflict(f"{path} is not empty.", hint="It was left as it is.")
        self.host.at_point("during the table's change")
        del model.state.parts[path]
        model.state.content.pop(path, None)
        model.remove_nodes(sorted(part_names(disk, action.number)))

    def _made(self, action: CreatePartition) -> Part | None:
        model = self.host.model
        disk = model.disk_of(model.device(model.own(action.disk.path)))
        return model.state.parts.get(f"{disk.path}{action.number}") if disk else None


# ---- files as data


def files_below(top: Path) -> list[tuple[str, Entry]]:
    """Everything below a directory, directories before what is in them."""
    found: list[tuple[str, Entry]] = []
    waiting = [str(top)]
    skip = len(str(top)) + 1
    while waiting:
        directory = waiting.pop()
        with os.scandir(directory) as entries:
            for entry in entries:
                state = entry.stat(follow_symlinks=False)
                content: bytes | str | None = None
                if entry.is_symlink():
                    content = os.readlink(entry.path)  # noqa: PTH115 - many thousand times
                elif entry.is_dir():
                    waiting.append(entry.path)
                else:
                    with open(entry.path, "rb") as file:  # noqa: PTH123 - as above
                        content = file.read()
                found.append(
                    (
                        entry.path[skip:],
                        (state.st_mode, state.st_uid, state.st_gid, state.st_mtime_ns, content),
                    )
                )
    return sorted(found)


def restore_files(top: Path, files: Mapping[str, Entry]) -> None:
    """Make a directory hold exactly these."""
    there = dict(files_below(top))
    for name in sorted(there, reverse=True):
        if files.get(name) == there[name]:
            continue
        same_kind = name in files and stat.S_IFMT(files[name][0]) == stat.S_IFMT(there[name][0])
        path = top / name
        if stat.S_ISDIR(there[name][0]):
            if not same_kind:
                shutil.rmtree(path)
        else:
            path.unlink()
    for name, (mode, uid, gid, _time, content) in sorted(files.items()):
        path = top / name
        if there.get(name) == files[name] and not stat.S_ISDIR(mode):
            continue
        if stat.S_ISDIR(mode):
            path.mkdir(exist_ok=True)
        elif isinstance(content, str):
            path.symlink_to(content)
        else:
            path.write_bytes(content or b"")
        if not stat.S_ISLNK(mode):
            path.chmod(stat.S_IMODE(mode))
        os.chown(path, uid, gid, follow_symlinks=False)
    for name, entry in sorted(files.items(), reverse=True):
        os.utime(top / name, ns=(entry[3], entry[3]), follow_symlinks=False)
