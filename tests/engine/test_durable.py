"""What a program did is on the disk before a journal says that it is done."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.engine.devices import MIB, loop_disk, needs_loop, tool
from tests.engine.world import World, full_world
from wizard.actions import (
    MakeDirectory,
    MakeLink,
    PathPresent,
    Reboot,
    RunCommand,
    Volume,
)
from wizard.durable import to_disk
from wizard.errors import StepFailed
from wizard.machine import Machine
from wizard.mounts import Mounted
from wizard.records import Entry
from wizard.running import Unwatched, Workplace


@needs_loop
def test_what_was_only_in_memory_is_on_the_disk(tmp_path: Path) -> None:
    with loop_disk(tmp_path / "disk.img", 32) as device:
        tool("mkfs.ext4", "-q", device)
        place = tmp_path / "there"
        place.mkdir()
        tool("mount", device, str(place))
        try:
            (place / "menu").write_text("ours\n")

            def seen() -> str:
                # What a power cut would leave, and then the journal of the filesystem, replayed.
                copy = tmp_path / "copy.img"
                copy.write_bytes((tmp_path / "disk.img").read_bytes())
                subprocess.run(["e2fsck", "-fy", copy], check=False, capture_output=True)
                said = subprocess.run(
                    ["debugfs", "-R", "cat /menu", copy], check=True, capture_output=True, text=True
                )
                return said.stdout

            assert seen() == ""
            assert str(place) in to_disk(str(place), str(tmp_path / "not there"))
            assert seen() == "ours\n"
        finally:
            tool("umount", str(place))


@needs_loop
def test_a_disk_that_did_not_take_what_was_written_is_told(tmp_path: Path) -> None:
    below, place = tmp_path / "below", tmp_path / "there"
    below.mkdir()
    place.mkdir()
    # A disk whose blocks fail once four MiB were written: its file is on a filesystem that is full.
    tool("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(below))
    try:
        with loop_disk(below / "disk.img", 64) as device:
            tool("mkfs.ext2", "-q", "-N", "16", "-E", "nodiscard", device)
            tool("mount", device, str(place))
            try:
                assert str(place) in to_disk(str(place))
                (place / "system").write_bytes(b"x" * 20 * MIB)  # write(2) does not know it yet
                with pytest.raises(StepFailed) as caught:
                    to_disk(str(place))
                assert caught.value.what == "A disk did not take all that was written."
                (detail,) = caught.value.details
                at, _, why = detail.partition(": ")
                assert (at, why in ("Input/output error", "No space left on device")) == (
                    str(place), True,
                )  # fmt: skip
                (place / "more").write_bytes(b"x" * 20 * MIB)
                assert str(place) not in to_disk(str(place), undone=True)
            finally:
                tool("umount", str(place))
    finally:
        tool("umount", str(below))


def test_what_programs_did_is_on_the_disk_before_the_journal_says_done_or_undone(
    tmp_path: Path,
) -> None:
    world = full_world(tmp_path)
    begun: list[int] = []  # which action the journal called begun each time

    def to_disk(*_more: str, **_how: bool) -> None:
        begun.extend(
            entry.number
            for entry in entries_of(world)
            if entry.state in ("begun", "undoing") and not isinstance(entry.action, Reboot)
        )

    world.to_disk = to_disk
    world.apply()
    kept = [
        entry.number
        for entry in entries_of(world)
        if not isinstance(entry.action, MakeDirectory | MakeLink | Reboot)
    ]
    assert begun == kept
    begun.clear()
    world.roll_back()
    assert begun == [number for number in reversed(kept) if number in begun]
    assert len(begun) > len(kept) // 2


def not_taken() -> StepFailed:
    return StepFailed("A disk did not take all that was written.", details=("/var: EIO",))


def entries_of(world: World) -> list[Entry]:
    """The only run's; none before its journal has begun."""
    return [
        entry for run in world.store.runs() for entry in world.store.ledger(run).entries.values()
    ]


@pytest.mark.parametrize("at", range(0, 8, 2))
def test_work_that_the_disk_did_not_take_is_taken_back_and_done_again(
    at: int, tmp_path: Path
) -> None:
    world = full_world(tmp_path)
    before = world.snapshot(times=False)
    asked: list[str] = []

    def to_disk(*_more: str, undone: bool = False) -> None:
        begun = [entry.state for entry in entries_of(world) if entry.state in ("begun", "undoing")]
        asked.extend(begun)
        if begun and len(asked) == at + 1:
            raise not_taken()

    world.to_disk = to_disk
    with pytest.raises(StepFailed) as caught:
        world.apply()
    assert "A disk did not take all that was written." in caught.value.to_keep
    assert world.snapshot(times=False) == before
    world.to_disk = lambda *_more, **_how: None
    world.apply()
    (world.top / "other").mkdir()
    undisturbed = full_world(world.top / "other")
    undisturbed.apply()
    assert set(world.snapshot(times=False)) == set(undisturbed.snapshot(times=False))


def test_what_a_disk_lost_before_we_came_is_told_and_no_actions_failure(tmp_path: Path) -> None:
    told: list[str] = []
    machine = Machine(work=tmp_path / "work", warn=told.append)
    asked: list[bool] = []

    def to_disk(*_more: str, undone: bool = False) -> None:
        asked.append(undone)
        raise not_taken()

    machine.to_disk = to_disk
    machine.attend(Workplace(tmp_path / "log", tmp_path / "backups"))
    assert [False] == asked
    (words,) = told
    assert "earlier, by whatever program" in words and "/var: EIO" in words


def test_what_was_done_when_it_crashed_and_is_not_on_the_disk_is_done_anew(tmp_path: Path) -> None:
    made = tmp_path / "made"
    action = RunCommand(
        ("touch", str(made)), "A file.", probe=PathPresent(str(made)),
        undo=("rm", str(made)), undo_class="by removal",
    )  # fmt: skip
    machine = Machine(work=tmp_path / "work", to_disk=lambda *_more, **_how: None)
    machine.attend(Workplace(tmp_path / "log", tmp_path / "backups"))
    undo = machine.prepare(action, "1")
    machine.perform(action, undo, Unwatched())
    losses = [not_taken()]

    def to_disk(*_more: str, undone: bool = False) -> None:
        if losses:
            raise losses.pop()

    machine.to_disk = to_disk
    # The kernel tells it once: what is asked again has nothing to say.
    assert not machine.settle(action, undo, Unwatched())
    assert not made.exists()
    machine.perform(action, undo, Unwatched())
    assert machine.settle(action, undo, Unwatched())


def test_only_a_disks_filesystems_are_waited_for(tmp_path: Path) -> None:
    here, gone = str(tmp_path), str(tmp_path / "gone")
    for kind, waited in (("ext4", [here]), ("nfs4", []), ("autofs", []), ("", [])):
        mounts = [Mounted(here, "8:1", kind), Mounted(gone, "8:2", "ext4")]
        assert to_disk(here, gone, mounted=partial(list, mounts)) == waited
    other = [Mounted("/home", "8:3", "ext4")]
    assert to_disk(mounted=lambda: other) == []


@needs_loop
def test_what_filled_a_volume_when_it_crashed_is_done_anew(tmp_path: Path) -> None:
    with loop_disk(tmp_path / "disk.img", 32) as device:
        tool("mkfs.ext4", "-q", device)
        volume = Volume(device, str(tmp_path / "work/vm01"), "ext4")
        made = f"{volume.mount_point}/made"
        action = RunCommand(
            ("touch", made), "A system.", probe=PathPresent(made, inside=volume),
            undo=("rm", "-f", made), undo_class="by removal", inside=volume,
        )  # fmt: skip
        filling = replace(action, traces=PathPresent(made, inside=volume))
        machine = Machine(work=tmp_path / "work")
        machine.attend(Workplace(tmp_path / "log", tmp_path / "backups"))
        try:
            for one, stays in ((action, True), (filling, False)):
                undo = machine.prepare(one, "1")
                machine.perform(one, undo, Unwatched())
                # All is there, and nothing says whether it has its content.
                assert machine.is_done(one, undo)
                assert machine.settle(one, undo, Unwatched()) == stays
                assert machine.is_done(one, undo) == stays
                machine.revert(one, undo, Unwatched())
        finally:
            machine.release()
