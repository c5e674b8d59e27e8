"""Partitions on a real (loop) disk: made beside what is mounted, removed only when still ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from steps.disks import read_table
from tests.engine.devices import MIB, loop_disk, needs_loop, tool
from tests.engine.world import Count, DieAt, Piece, Task, World, in_child
from wizard import commands, partitions
from wizard.actions import CreatePartition, Identity
from wizard.codec import decode, encode
from wizard.errors import Conflict, StepFailed
from wizard.interrupts import Interrupts
from wizard.machine import Machine
from wizard.running import Running, Unwatched
from wizard.signatures import why_unreadable
from wizard.undo import PlainUndo, Undo

pytestmark = needs_loop
LABELS = ["msdos", "gpt"]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(work=tmp_path / "work")


@pytest.fixture(params=LABELS)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A disk with a first partition, which is mounted, and its label."""
    with loop_disk(tmp_path / "disk.img", 64) as device:
        tool("parted", "--script", device, "mklabel", request.param)
        tool("parted", "--script", "--align", "none", device, *_first(request.param))
        tool("mkfs.ext4", "-q", f"{device}p1")
        mounted = tmp_path / "mounted"
        mounted.mkdir()
        tool("mount", f"{device}p1", str(mounted))
        try:
            yield device, request.param
        finally:
            tool("umount", str(mounted))


def _first(label: str) -> tuple[str, ...]:
    name = "primary" if label == "msdos" else "first"
    return ("unit", "MiB", "mkpart", name, "1", "17")


def action(disk: tuple[str, str], number: int = 2) -> CreatePartition:
    device, label = disk
    return CreatePartition(
        disk=Identity(
            path=device,
            size=64 * MIB,
            table_id=tool("blkid", "-p", "-s", "PTUUID", "-o", "value", device),
        ),
        number=number,
        start=20 * 2048,
        sectors=16 * 2048,
        sector_size=512,
        why="Room for guests.",
        path=f"{device}p{number}",
        label="msdos" if label == "msdos" else "gpt",
    )


def make(machine: Machine, wanted: CreatePartition) -> None:
    machine.perform(wanted, machine.prepare(wanted, "1"), Unwatched())


def head(disk: tuple[str, str]) -> bytes:
    with Path(disk[0]).open("rb") as file:
        return file.read(MIB)


def test_all_the_free_space_that_the_facts_name_can_be_taken(
    disk: tuple[str, str], machine: Machine
) -> None:
    # The engine once saw a msdos disk end with its last whole cylinder, the facts with the disk.
    table = read_table(Path(disk[0]), 64 * MIB)
    assert table is not None
    last = table.free[-1]
    wanted = replace(action(disk), start=last.start, sectors=last.sectors)
    make(machine, wanted)
    assert machine.is_done(wanted)


def test_a_partition_is_made_beside_a_mounted_one_and_removed_to_the_same_table(
    disk: tuple[str, str], machine: Machine
) -> None:
    before, wanted = head(disk), action(disk)
    assert not machine.is_done(wanted)
    make(machine, wanted)
    assert machine.is_done(wanted)
    assert str(16 * MIB) == tool("blockdev", "--getsize64", wanted.path)
    machine.revert(wanted, PlainUndo(), Unwatched())
    assert not Path(wanted.path).exists()
    assert not machine.is_done(wanted)
    assert before == head(disk)
    machine.revert(wanted, PlainUndo(), Unwatched())  # again is harmless


def test_a_partition_can_take_the_rest_of_the_disk_and_not_only_whole_cylinders(
    disk: tuple[str, str], machine: Machine
) -> None:
    # A gpt disk keeps its last sectors for the second copy of the table.
    rest = (44 if disk[1] == "msdos" else 43) * 2048
    make(machine, replace(action(disk), sectors=rest))
    assert str(rest * 512) == tool("blockdev", "--getsize64", f"{disk[0]}p2")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"number": 3}, "number 2"),
        ({"start": 2048}, "not free any more"),
        ({"sectors": 63 * 2048}, "not free any more"),
        ({"sector_size": 4096}, "sectors of 512"),
    ],
)
def test_a_partition_that_does_not_fit_the_table_is_refused_and_nothing_written(
    disk: tuple[str, str], machine: Machine, change: dict[str, int], said: str
) -> None:
    before = head(disk)
    with pytest.raises(StepFailed, match=said):
        make(machine, replace(action(disk), **change))  # type: ignore[arg-type]
    assert before == head(disk)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"size": 63 * MIB}, "its size is 67108864 bytes, not 66060288"),
        ({"serial": "WD-123"}, "its serial number is unknown, not WD-123"),
        ({"table_id": "cafe"}, "not cafe"),
        ({"content": "ext4"}, "is on it, not ext4"),
        ({"path": "/dev/loop-nowhere"}, "/dev/loop-nowhere is not there"),
    ],
)
def test_another_disk_than_the_planned_one_is_refused(
    disk: tuple[str, str], machine: Machine, change: dict[str, object], said: str
) -> None:
    wanted = action(disk)
    wanted = replace(wanted, disk=replace(wanted.disk, **change))  # type: ignore[arg-type]
    with pytest.raises(StepFailed, match="not what it was") as error:
        machine.perform(wanted, PlainUndo(), Unwatched())
    assert any(said in line for line in error.value.details)


@pytest.mark.parametrize("made_anew", [False, True])
def test_remains_in_the_space_are_nobodys_and_what_is_made_on_it_is(
    disk: tuple[str, str], machine: Machine, made_anew: bool
) -> None:
    # A filesystem that was deleted with its partition: pvcreate, which wipes it, may not come.
    wanted = action(disk)
    make(machine, wanted)
    tool("mkfs.ext4", "-q", wanted.path)
    tool("parted", "--script", disk[0], "rm", "2")
    undo: Undo = decode(Undo, encode(machine.prepare(wanted, "1"), Undo))  # type: ignore[arg-type]
    machine.perform(wanted, undo, Unwatched())
    if made_anew:
        tool("mkfs.ext4", "-q", "-F", wanted.path)
        with pytest.raises(Conflict, match="ext4"):
            machine.revert(wanted, undo, Unwatched())
        assert machine.is_done(wanted)
    else:
        machine.revert(wanted, undo, Unwatched())
        assert not machine.is_done(wanted)


def test_a_partition_with_something_on_it_is_not_removed(
    disk: tuple[str, str], machine: Machine
) -> None:
    wanted = action(disk)
    make(machine, wanted)
    tool("mkswap", wanted.path)
    with pytest.raises(Conflict, match="blkid finds swap"):
        machine.revert(wanted, PlainUndo(), Unwatched())
    assert machine.is_done(wanted)
    tool("wipefs", "--all", wanted.path)
    machine.revert(wanted, PlainUndo(), Unwatched())
    assert not machine.is_done(wanted)


def running(tmp_path: Path) -> Running:
    return Running(commands.run, commands.ask, Interrupts(), lambda _name: None, tmp_path / "note")


@pytest.mark.parametrize("instead", ["nothing", "a file"])
def test_a_partition_whose_device_is_away_is_not_taken_for_an_empty_one(
    disk: tuple[str, str], machine: Machine, tmp_path: Path, instead: str
) -> None:
    """As while udev makes its links anew; blkid says of what is not there what it says of zeros."""
    wanted = action(disk)
    make(machine, wanted)
    tool("mkfs.ext4", "-q", wanted.path)
    node = Path(wanted.path)
    node.unlink()
    if instead == "a file":
        node.write_bytes(bytes(2 * MIB))
    try:
        with pytest.raises(Conflict, match=r"cannot be told: .* did not appear"):
            partitions.remove(wanted, running(tmp_path), wait=0.1)
    finally:
        node.unlink(missing_ok=True)
    assert machine.is_done(wanted)


def test_a_partition_that_the_kernel_hid_is_looked_into_before_it_goes(
    disk: tuple[str, str], machine: Machine
) -> None:
    wanted = action(disk)
    make(machine, wanted)
    tool("mkfs.ext4", "-q", wanted.path)
    tool("partx", "--delete", "--nr", "2", disk[0])
    with pytest.raises(Conflict, match="blkid finds ext4 on it"):
        machine.revert(wanted, PlainUndo(), Unwatched())
    assert machine.is_done(wanted)


def test_a_partition_that_is_another_to_the_kernel_is_not_removed(
    disk: tuple[str, str], machine: Machine
) -> None:
    wanted = action(disk)
    make(machine, wanted)
    tool("mkfs.ext4", "-q", wanted.path)
    tool("partx", "--delete", "--nr", "2", disk[0])
    tool("addpart", disk[0], "2", str(50 * 2048), str(2048))
    with pytest.raises(Conflict, match="is another one to the kernel"):
        machine.revert(wanted, PlainUndo(), Unwatched())
    assert machine.is_done(wanted)


def test_a_partition_that_cannot_be_read_is_not_taken_for_an_empty_one(
    tmp_path: Path, machine: Machine
) -> None:
    with loop_disk(tmp_path / "disk.img", 64) as device:
        tool("parted", "--script", device, "mklabel", "msdos")
        wanted = action((device, "msdos"), number=1)
        # Of a disk whose end fails blkid tells no table either.
        wanted = replace(wanted, disk=replace(wanted.disk, table_id=""))
        make(machine, wanted)
        tool("mkfs.ext4", "-q", wanted.path)
        tool("sync")
        os.truncate(tmp_path / "disk.img", 20 * MIB)
        tool("blockdev", "--flushbufs", wanted.path)
        asked = commands.ask(("blkid", "--probe", wanted.path))
        assert (2, "", "") == (asked.status, asked.out, asked.err)
        with pytest.raises(Conflict, match="cannot be read"):
            machine.revert(wanted, PlainUndo(), Unwatched())
        assert machine.is_done(wanted)


def test_a_device_that_can_be_read_in_part_is_none_that_can_be_read(tmp_path: Path) -> None:
    with loop_disk(tmp_path / "disk.img", 8) as device:
        assert "" == why_unreadable(Path(device))
        os.truncate(tmp_path / "disk.img", MIB // 2)
        tool("blockdev", "--flushbufs", device)
        assert "Input/output error" == why_unreadable(Path(device))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"serial": "WD-123"}, "its serial number is unknown, not WD-123"),
        ({"table_id": "cafe"}, "not cafe"),
        ({"size": 63 * MIB, "table_id": ""}, "its size is 67108864 bytes, not 66060288"),
    ],
)
def test_a_partition_of_another_disk_under_the_same_name_is_not_removed(
    disk: tuple[str, str], machine: Machine, change: dict[str, object], said: str
) -> None:
    wanted = action(disk)
    make(machine, wanted)
    then = replace(wanted, disk=replace(wanted.disk, **change))  # type: ignore[arg-type]
    with pytest.raises(Conflict, match="does not look like the disk") as error:
        machine.revert(then, PlainUndo(), Unwatched())
    assert any(said in line for line in error.value.details)
    assert machine.is_done(wanted)


def test_a_partition_goes_from_a_disk_that_has_grown(tmp_path: Path, machine: Machine) -> None:
    with loop_disk(tmp_path / "disk.img", 64) as device:
        tool("parted", "--script", device, "mklabel", "msdos")
        wanted = action((device, "msdos"), number=1)
        make(machine, wanted)
        os.truncate(tmp_path / "disk.img", 80 * MIB)
        tool("losetup", "--set-capacity", device)
        machine.revert(wanted, PlainUndo(), Unwatched())
        assert not machine.is_done(wanted)


def test_a_partition_that_something_has_for_itself_is_not_removed(
    disk: tuple[str, str], machine: Machine
) -> None:
    """As a guest has its disk, which may hold what blkid has no word for."""
    wanted = action(disk)
    make(machine, wanted)
    held = os.open(wanted.path, os.O_RDONLY | os.O_EXCL)
    try:
        with pytest.raises(Conflict, match="something uses it"):
            machine.revert(wanted, PlainUndo(), Unwatched())
    finally:
        os.close(held)
    assert machine.is_done(wanted)


def test_a_partition_that_lvm_had_is_empty_though_not_all_zeros(
    disk: tuple[str, str], machine: Machine
) -> None:
    wanted = action(disk)
    make(machine, wanted)
    with Path(wanted.path).open("r+b") as device:
        device.seek(4096)
        device.write(b"xendisks {\nid = 1\n" * 200)
    machine.revert(wanted, PlainUndo(), Unwatched())
    assert not machine.is_done(wanted)


def test_a_partition_that_a_crash_hid_from_the_kernel_is_shown_to_it_again(
    disk: tuple[str, str], machine: Machine
) -> None:
    wanted = action(disk)
    make(machine, wanted)
    tool("partx", "--delete", "--nr", "2", disk[0])
    assert not Path(wanted.path).exists()
    assert machine.settle(wanted, PlainUndo(), Unwatched())
    assert Path(wanted.path).is_block_device()
    machine.revert(wanted, PlainUndo(), Unwatched())


def test_a_partition_that_was_not_made_is_taken_back_without_harm(
    disk: tuple[str, str], machine: Machine
) -> None:
    before = head(disk)
    assert not machine.settle(action(disk), PlainUndo(), Unwatched())
    assert before == head(disk)


def test_another_partition_in_its_place_is_not_removed(
    disk: tuple[str, str], machine: Machine
) -> None:
    wanted = action(disk)
    make(machine, wanted)
    with pytest.raises(Conflict, match="not the one that was made"):
        machine.revert(replace(wanted, sectors=8 * 2048), PlainUndo(), Unwatched())
    assert machine.is_done(wanted)


def test_a_partition_of_our_number_in_another_place_is_left_alone_and_stops_nothing(
    disk: tuple[str, str], machine: Machine
) -> None:
    wanted = action(disk)
    somebodys = replace(wanted, start=40 * 2048)
    make(machine, somebodys)
    assert not machine.settle(wanted, PlainUndo(), Unwatched())
    machine.revert(wanted, PlainUndo(), Unwatched())
    assert machine.is_done(somebodys)


def test_a_logical_partition_is_made_in_an_extended_one(tmp_path: Path, machine: Machine) -> None:
    with loop_disk(tmp_path / "disk.img", 64) as device:
        tool("parted", "--script", device, "mklabel", "msdos")
        tool("parted", "--script", device, "unit", "MiB", "mkpart", "extended", "1", "60")
        wanted = replace(action((device, "msdos"), number=5), start=20 * 2048)
        make(machine, wanted)
        assert machine.is_done(wanted)
        assert Path(wanted.path).is_block_device()
        machine.revert(wanted, PlainUndo(), Unwatched())
        assert not machine.is_done(wanted)


def test_another_disk_under_the_same_name_is_taken_as_it_is(
    tmp_path: Path, machine: Machine
) -> None:
    """As after a disk was plugged in again, or grew."""
    sizes: dict[str, set[int]] = {}  # by name
    # The kernel gives a name that is free, which a busy machine's may be only later.
    for mib in (16, 64, 32, 16, 64, 32, 16, 64, 32):
        with loop_disk(tmp_path / f"{mib}.img", mib) as device:
            sizes.setdefault(device, set()).add(mib)
            tool("parted", "--script", device, "mklabel", "msdos")
            wanted = action((device, "msdos"), number=1)
            disk = replace(wanted.disk, size=mib * MIB)
            wanted = replace(wanted, disk=disk, start=2048, sectors=(mib - 1) * 2048)
            make(machine, wanted)
            assert machine.is_done(wanted)
        if len(sizes[device]) > 2:
            break
    assert max(map(len, sizes.values())) > 1, "no name came again, so this shows nothing"


def test_a_disk_without_a_table_is_an_error_with_words(tmp_path: Path, machine: Machine) -> None:
    with loop_disk(tmp_path / "disk.img", 8) as device:
        wanted = CreatePartition(
            Identity(device, 8 * MIB), 1, 2048, 2048, 512, "Room.", f"{device}p1"
        )
        with pytest.raises(StepFailed, match="cannot be read"):
            make(machine, wanted)


@pytest.mark.parametrize("rolls_back", [False, True])
def test_a_partition_survives_a_kill_at_any_point(tmp_path: Path, rolls_back: bool) -> None:
    with loop_disk(tmp_path / "disk.img", 64) as device:
        tool("parted", "--script", device, "mklabel", "msdos")
        disk = (device, "msdos")
        wanted, before = action(disk, number=1), head(disk)
        (tmp_path / "boot_id").write_text("boot-1")
        world = World(tmp_path)
        seen = partial(Machine(work=tmp_path / "work").is_done, wanted)
        world.tasks = [Task("partition", [Piece(wanted, seen)])]
        points = Count()
        world.checkpoint = points
        world.apply()
        applied = head(disk)
        count = len(points.names)
        world.roll_back()
        for number in range(1, count + 1):
            world.checkpoint = DieAt(number)
            assert -9 == in_child(world.apply), points.names[number - 1]
            world.checkpoint = lambda _name: None
            if not rolls_back:
                world.resume_or_apply()
                assert applied == head(disk)
                assert Path(wanted.path).is_block_device()
            world.roll_back()
            assert before == head(disk)
            assert not Path(wanted.path).exists()
