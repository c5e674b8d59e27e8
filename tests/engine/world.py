"""A small world for the engine: a tree of real files, steps over it, and a way to die anywhere.

A `Task` is a step whose actions are given; its facts are which of them are seen to be done, read
from the tree and not by the engine's own probes.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.engine.recording import RecordingReporter
from tests.small_lesson import SMALL_LESSON
from wizard.actions import (
    Action,
    Argv,
    CommandShows,
    MakeDirectory,
    MakeLink,
    MovePath,
    PathPresent,
    Reboot,
    RunCommand,
    WriteFile,
)
from wizard.diagnosis import Rule
from wizard.errors import RebootNeeded, SetupError
from wizard.journal import Store
from wizard.lesson import Lesson
from wizard.machine import Machine
from wizard.pipeline import Pipeline, Wishes
from wizard.rollback import roll_back
from wizard.step import Guard, Plan, Problem

Facts = frozenset[str]
Snapshot = dict[str, tuple[object, ...]]


@dataclass(frozen=True)
class Piece:
    """An action, and how a reader sees that its work is there."""

    action: Action
    seen: Callable[[], bool]


@dataclass
class Task:
    """A step over pieces. `broken` makes its verification fail, `unfit` its check."""

    name: str
    pieces: Sequence[Piece]
    guard: Guard | None = None
    broken: bool = False
    unfit: bool = False
    TITLE: str = "A task"
    LESSON: Lesson = SMALL_LESSON
    QUESTIONS: tuple[str, ...] = ()

    @property
    def __name__(self) -> str:
        return f"tests.{self.name}"

    def facts(self) -> Facts:
        """What of this task is there."""
        return frozenset(
            f"{self.name}/{index}" for index, piece in enumerate(self.pieces) if piece.seen()
        )

    def check(self, settings: str, facts: Facts, /) -> list[Problem]:
        """The task's own check."""
        return [Problem("unfit", "It is not fit.", "Mend it.")] if self.unfit else []

    def plan(self, settings: str, facts: Facts, /) -> Plan[Facts]:
        """The actions whose work is not there."""
        names = [f"{self.name}/{index}" for index in range(len(self.pieces))]
        actions = tuple(
            piece.action
            for name, piece in zip(names, self.pieces, strict=True)
            if name not in facts
        )
        return Plan(actions, facts | frozenset(names), guard=self.guard)

    def verify(self, settings: str, facts: Facts, /) -> list[Problem]:
        """Whether all of it is there."""
        names = [f"{self.name}/{index}" for index in range(len(self.pieces))]
        missing = [name for name in names if name not in facts]
        if self.broken:
            missing.append(f"{self.name}/broken")
        return [Problem("missing", f"{name} is missing.", "Look why.") for name in missing]


@dataclass
class World:
    """A tree, its steps, and the engine over them, all below `top`."""

    top: Path
    wishes: Wishes = field(default_factory=Wishes)
    tasks: list[Task] = field(default_factory=list)
    reporter: RecordingReporter = field(default_factory=RecordingReporter)
    checkpoint: Callable[[str], None] = lambda _name: None
    after_reading: Callable[[], None] = lambda: None
    rules: Sequence[Rule] = ()
    kind: type[Machine] = Machine
    to_disk: Callable[..., object] = lambda *_more, **_how: None

    def __post_init__(self) -> None:
        self.tree = self.top / "tree"
        self.boot = self.top / "boot_id"
        self.store = Store(self.top / "state", fingerprint=lambda: "this machine")

    def machine(self) -> Machine:
        """A machine that works in this world."""
        return self.kind(
            checkpoint=self.checkpoint,
            work=self.top / "work",
            boot_id=self.boot.read_text,
            secrets=lambda key: f"secret of {key}",
            to_disk=self.to_disk,
        )

    def pipeline(self, machine: Machine | None = None) -> Pipeline[str, Facts]:
        """The pipeline over this world's tasks."""
        return Pipeline(
            steps=self.tasks,
            read_facts=self.read_facts,
            store=self.store,
            machine=machine or self.machine(),
            reporter=self.reporter,
            wishes=self.wishes,
            rules=self.rules,
        )

    def read_facts(self) -> Facts:
        """What is there of all tasks."""
        found = frozenset[str]().union(*(task.facts() for task in self.tasks))
        self.after_reading()
        return found

    def apply(self) -> None:
        """Apply, booting when asked to."""
        self._booting(lambda: self.pipeline().apply("settings", "version: 1\n"))

    def resume(self) -> None:
        """Resume, booting when asked to."""
        self._booting(lambda: self.pipeline().resume("settings"))

    def resume_or_apply(self) -> None:
        """What a user does after a crash: resume, and apply when there was nothing to resume."""
        self.resume()
        self.apply()

    def roll_back(self) -> None:
        """Take all back."""
        roll_back(self.store, self.machine(), self.reporter)

    def _booting(self, go: Callable[[], object]) -> None:
        for _boot in range(3):
            try:
                go()
            except RebootNeeded:
                self.reboot()
                go = lambda: self.pipeline().resume("settings")  # noqa: E731
            else:
                return
        raise AssertionError("it wants to boot for ever")

    def reboot(self) -> None:
        """Another boot id, as the kernel gives one to each boot."""
        number = int(self.boot.read_text().partition("-")[2])
        self.boot.write_text(f"boot-{number + 1}")

    def snapshot(self, *, times: bool) -> Snapshot:
        """Everything in the tree: kind, mode, owner, content, and the times of files if wanted."""
        return snapshot(self.tree, times=times)


def snapshot(tree: Path, *, times: bool) -> Snapshot:
    """Everything below a directory."""
    found: Snapshot = {}
    for path in sorted(tree.rglob("*")):
        state = path.lstat()
        what: object
        if path.is_symlink():
            what = str(path.readlink())
        elif path.is_dir():
            what = "directory"
        else:
            what = path.read_bytes()
        mode = stat.S_IMODE(state.st_mode)
        # The index is made by a command: it is made again at the undo, at another time.
        timed = times and stat.S_ISREG(state.st_mode) and path.name != "index"
        when = state.st_mtime_ns if timed else 0
        found[str(path.relative_to(tree))] = (what, mode, state.st_uid, state.st_gid, when)
    return found


def written(
    path: Path, text: str, why: str, *, mode: int = 0o644, refresh: tuple[str, ...] | None = None
) -> WriteFile:
    """A WriteFile that makes us the owner: tests need not run as root."""
    return WriteFile(
        str(path), text, why, mode=mode, uid=os.getuid(), gid=os.getgid(), refresh=refresh
    )


def script(path: Path, text: str) -> str:
    """A shell script, ready to run."""
    path.write_text(f"#!/bin/sh\nset -e\n{text}\n")
    path.chmod(0o755)
    return str(path)


def full_world(top: Path) -> World:
    """A world with every kind of action that needs no root, over three steps and a boot."""
    world = World(top)
    tree = world.tree
    (tree / "etc").mkdir(parents=True)
    (tree / "lib" / "tls").mkdir(parents=True)
    world.boot.write_text("boot-1")
    old = tree / "etc" / "old.conf"
    old.write_bytes(b"as it was \xff\n")
    old.chmod(0o640)
    shutil.copy2(old, tree / "derived")
    (tree / "etc" / "real.conf").write_text("behind a link\n")
    (tree / "etc" / "linked.conf").symlink_to("real.conf")
    (tree / "lib" / "tls" / "libc.so").write_text("library")
    # One process each: thousands of runs are made of these.
    refresh = ("cp", "--preserve=all", str(old), str(tree / "derived"))
    index = ("find", str(tree / "lib"), "-maxdepth", "1", "-fprintf", str(tree / "index"), "%P\\n")
    subprocess.run(index, check=True)
    for path in tree.rglob("*"):
        if not path.is_symlink():
            os.utime(path, ns=(1_100_000_000_123_456_789, 1_100_000_000_123_456_789))
    world.tasks = [
        Task("files", _file_pieces(tree, refresh, index)),
        Task("commands", _command_pieces(tree)),
        Task("booted", _boot_pieces(world)),
        Task("last", _last_pieces(tree)),
    ]
    return world


def _file_pieces(tree: Path, refresh: Argv, index: Argv) -> list[Piece]:
    etc = tree / "etc"
    return [
        Piece(
            MakeDirectory(str(etc / "made"), "A place.", mode=0o751),
            (etc / "made").is_dir,
        ),
        Piece(
            written(etc / "made" / "new.conf", "new\n", "A new file.", mode=0o600),
            (etc / "made" / "new.conf").is_file,
        ),
        Piece(
            written(etc / "old.conf", "other\n", "An old file.", refresh=refresh),
            lambda: (tree / "derived").read_bytes() == b"other\n",
        ),
        Piece(
            written(etc / "linked.conf", "through\n", "Behind a link."),
            lambda: (etc / "real.conf").read_text() == "through\n",
        ),
        Piece(
            MovePath(str(tree / "lib/tls"), str(tree / "lib/tls.disabled"), "Away.", index),
            lambda: "tls.disabled" in (tree / "index").read_text(),
        ),
        Piece(
            MakeLink(str(etc / "made" / "link"), "../old.conf", "A link."),
            (etc / "made" / "link").is_symlink,
        ),
    ]


def _command_pieces(tree: Path) -> list[Piece]:
    def made(name: str) -> Piece:
        return Piece(
            RunCommand(
                ("touch", str(tree / name)),
                f"Make {name}.",
                probe=PathPresent(str(tree / name)),
                undo=("rm", str(tree / name)),
                undo_class="by removal",
            ),
            (tree / name).exists,
        )

    grown = tree / "etc" / "made" / "grown"
    return [
        made("one"),
        made("two words"),
        Piece(
            RunCommand(
                ("mkdir", str(grown)),
                "A command in a directory that we made.",
                probe=CommandShows(("ls", str(grown.parent)), "^grown$"),
                undo=("rmdir", str(grown)),
                undo_class="by removal",
            ),
            grown.is_dir,
        ),
    ]


def _boot_pieces(world: World) -> list[Piece]:
    return [
        Piece(Reboot("A boot is needed."), lambda: world.boot.read_text() != "boot-1"),
    ]


def _last_pieces(tree: Path) -> list[Piece]:
    last = tree / "last.conf"
    return [
        Piece(written(last, "x" * 100_000, "After the boot."), last.is_file),
    ]


def in_child(work: Callable[[], None]) -> int:
    """Do the work in a child process; its exit status, or minus the signal that killed it.

    0 when it returned, the error's own status for a `SetupError`, 99 for anything else.
    """
    child = os.fork()
    if child == 0:
        status = 99
        try:
            work()
            status = 0
        except SetupError as error:
            status = int(error.status)
        except BaseException:  # noqa: BLE001 - a child of a test must not come back
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(status)
    _pid, result = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(result)


@dataclass
class DieAt:
    """A checkpoint that kills its own process, with SIGKILL, the n-th time it is passed."""

    number: int
    passed: int = 0

    def __call__(self, name: str) -> None:
        self.passed += 1
        if self.passed == self.number:
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Count:
    """A checkpoint that only counts, and keeps the names."""

    names: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> None:
        self.names.append(name)
