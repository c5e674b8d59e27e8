"""Volumes on a real (loop) disk: mounted while needed, unmounted always."""

from __future__ import annotations

import os
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from tests.engine.devices import loop_disk, needs_loop, tool
from tests.engine.world import Count, DieAt, Piece, Task, World, in_child, written
from tests.fast import share
from wizard.actions import (
    CommandShows,
    MakeDirectory,
    MovePath,
    PathAbsent,
    PathPresent,
    Probe,
    RunCommand,
    Volume,
    WriteFile,
)
from wizard.errors import Interrupted, StepFailed, Stopped
from wizard.machine import Machine
from wizard.mounts import mounted_now, parse_mountinfo
from wizard.pipeline import Wishes
from wizard.running import Unwatched, Workplace

pytestmark = needs_loop


@dataclass
class Place:
    """A machine, a volume with an ext4 filesystem, and where it is mounted when it is."""

    machine: Machine
    volume: Volume
    top: Path

    @property
    def point(self) -> Path:
        return Path(self.volume.mount_point)

    def mounts(self) -> list[str]:
        return [mount.point for mount in mounted_now() if mount.point.startswith(str(self.top))]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with loop_disk(tmp_path / "disk.img", 32) as device:
        tool("mkfs.ext4", "-q", device)
        work = tmp_path / "work"
        volume = Volume(device, str(work / "vm01"), "ext4")
        found = Place(Machine(work=work), volume, tmp_path)
        yield found
        found.machine.release()


def touch(place: Place, name: str, command: tuple[str, ...] | None = None) -> RunCommand:
    path = str(place.point / name)
    return RunCommand(
        command or ("touch", path),
        "A file in the guest.",
        probe=PathPresent(path, inside=place.volume),
        undo=("rm", path),
        undo_class="by removal",
        inside=place.volume,
    )


def perform(place: Place, action: RunCommand) -> None:
    place.machine.perform(action, place.machine.prepare(action, "1"), Unwatched())


def test_a_volume_is_mounted_for_its_actions_kept_between_them_and_unmounted(place: Place) -> None:
    first, second = touch(place, "first"), touch(place, "second")
    assert not place.machine.is_done(first)
    perform(place, first)
    number = place.point.stat().st_dev
    perform(place, second)
    assert number == place.point.stat().st_dev
    assert [str(place.point)] == place.mounts()
    place.machine.release()
    assert [] == place.mounts()
    assert not place.point.exists()
    assert place.machine.is_done(first)
    place.machine.release()


def test_nothing_is_done_in_a_volume_that_is_not_there(place: Place) -> None:
    # What is below its mount point is not in it.
    gone = replace(place.volume, device=str(place.top / "gone"))
    place.point.mkdir(parents=True)
    file = place.point / "hostname"
    file.write_text("vm01\n")
    for action in (
        WriteFile(str(file), "vm01\n", "Why.", inside=gone),
        MakeDirectory(str(place.point), "Why.", inside=gone),
        MovePath(str(place.point / "before"), str(file), "Why.", inside=gone),
    ):
        assert not place.machine.is_done(action)


def test_an_action_outside_finds_the_volume_unmounted(place: Place) -> None:
    perform(place, touch(place, "first"))
    action = RunCommand(("sh", "-c", f"! grep -q {place.point} /proc/self/mountinfo"), "Look.")
    perform(place, action)


def test_what_a_failed_command_leaves_running_inside_is_ended_and_unmounted(place: Place) -> None:
    # It leaves its session, so only looking at what holds the volume finds it.
    text = f"cd {place.point}; setsid sleep 60 > {place.point}/held 2>&1 & sleep 0.3; exit 1"
    with pytest.raises(StepFailed, match="exit status 1"):
        perform(place, touch(place, "never", ("sh", "-c", text)))
    started = time.monotonic()
    place.machine.release()
    assert [] == place.mounts()
    assert time.monotonic() - started < 20


def test_a_system_volume_has_dev_proc_and_sys_and_all_go_again(place: Place) -> None:
    system = replace(place.volume, system=True)
    missing = replace(touch(place, "x"), inside=system)
    with pytest.raises(StepFailed, match="no directory /dev"):
        perform(place, missing)
    assert [] == place.mounts()
    make = f"mkdir -p {place.point}/dev/pts {place.point}/proc {place.point}/sys {place.point}/x"
    perform(place, touch(place, "x", ("sh", "-c", make)))
    look = RunCommand(("test", "-e", str(place.point / "proc/1/stat")), "Look.", inside=system)
    perform(place, look)
    assert 5 == len(place.mounts())
    place.machine.release()
    assert [] == place.mounts()


def test_another_filesystem_by_the_same_name_is_nobody_elses_to_empty(place: Place) -> None:
    # Whoever makes the volume anew has something of his own by the old name.
    was = subprocess.run(
        ("blkid", "--probe", "--match-tag", "UUID", "--output", "value", place.volume.device),
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    place.volume = replace(place.volume, uuid=was)
    action = touch(place, "ours")
    undo = place.machine.prepare(action, "1")
    place.machine.perform(action, undo, Unwatched())
    place.machine.release()
    tool("mkfs.ext4", "-q", "-F", place.volume.device)
    assert not place.machine.is_done(action)
    place.machine.revert(action, undo, Unwatched())
    assert [] == place.mounts()
    with pytest.raises(StepFailed, match="does not hold the ext4 that was made on it") as refused:
        perform(place, action)
    assert was in refused.value.hint
    assert [] == place.mounts()


@pytest.mark.parametrize("by", ["its name", "its number"])
def test_what_somebody_has_mounted_is_not_mounted_a_second_time(place: Place, by: str) -> None:
    # The kernel lets it be mounted twice; what is deleted here is gone there.
    theirs = place.top / "theirs"
    theirs.mkdir()
    other = str(place.top / "node")
    os.mknod(other, 0o600 | stat.S_IFBLK, Path(place.volume.device).stat().st_rdev)
    tool("mount", place.volume.device if by == "its name" else other, str(theirs))
    try:
        with pytest.raises(StepFailed, match="is mounted at") as refused:
            perform(place, touch(place, "ours"))
        assert f"umount {theirs}" in refused.value.hint
        assert [str(theirs)] == place.mounts()
    finally:
        tool("umount", str(theirs))


def test_a_mount_that_a_command_made_inside_goes_too(place: Place) -> None:
    text = f"mkdir {place.point}/proc; mount -t proc proc {place.point}/proc"
    perform(place, touch(place, "proc", ("sh", "-c", text)))
    assert 2 == len(place.mounts())
    place.machine.release()
    assert [] == place.mounts()


def test_links_in_the_volume_never_lead_out_of_it(place: Place) -> None:
    outside = place.top / "outside"
    outside.write_text("the host's\n")
    etc = place.point / "etc"
    make = f"mkdir {etc}; ln -s {outside} {etc}/a; mkdir -p {place.point}{place.top}"
    perform(place, touch(place, "etc", ("sh", "-c", make)))
    action = replace(
        written(place.point / "etc" / "a", "the guest's\n", "A file."), inside=place.volume
    )
    undo = place.machine.prepare(action, "1")
    place.machine.perform(action, undo, Unwatched())
    assert "the host's\n" == outside.read_text()
    assert "the guest's\n" == Path(f"{place.point}{outside}").read_text()
    assert place.machine.is_done(action)


def test_what_is_made_inside_a_volume_goes_with_it_and_leaves_no_copy_behind(place: Place) -> None:
    shadow = place.point / "shadow"
    perform(place, touch(place, "shadow", ("sh", "-c", f"echo root:hash > {shadow}")))
    backups = place.top / "backups"
    backups.mkdir()
    place.machine.attend(Workplace(place.top / "log", backups))
    action = replace(written(shadow, "root:other\n", "A file."), inside=place.volume)
    undo = place.machine.prepare(action, "1")
    place.machine.perform(action, undo, Unwatched())
    place.machine.revert(action, undo, Unwatched())
    assert "root:other\n" == shadow.read_text()
    assert [] == list(backups.iterdir())


def test_an_action_that_names_a_path_outside_its_volume_is_refused(place: Place) -> None:
    action = replace(written(place.top / "file", "x", "A file."), inside=place.volume)
    with pytest.raises(StepFailed, match="is not below"):
        place.machine.prepare(action, "1")
    place.machine.release()


def test_a_mount_point_outside_the_work_directory_is_refused(place: Place) -> None:
    for point in (place.top / "elsewhere", place.top / "work" / ".." / "x", place.top / "work"):
        volume = replace(place.volume, mount_point=str(point))
        with pytest.raises(StepFailed, match="no place to mount"):
            perform(place, RunCommand(("true",), "Look.", inside=volume))
    assert [] == place.mounts()


@pytest.mark.parametrize("probe", ["present", "absent", "command"])
def test_a_probe_into_a_volume_that_is_gone_says_not_done(place: Place, probe: str) -> None:
    for volume in (
        replace(place.volume, device="/dev/gone/vm01-root"),
        replace(place.volume, filesystem="xfs"),
    ):
        probes: dict[str, Probe] = {
            "present": PathPresent(str(place.point), inside=volume),
            "absent": PathAbsent(str(place.point / "x"), inside=volume),
            "command": CommandShows(("true",), "", inside=volume),
        }
        assert not place.machine.probe(probes[probe])
    assert [] == place.mounts()


def test_undoing_what_was_inside_a_volume_that_is_gone_is_no_error(place: Place) -> None:
    gone = replace(place.volume, device="/dev/gone/vm01-root")
    file = replace(written(place.point / "file", "x", "A file."), inside=place.volume)
    undo = place.machine.prepare(file, "1")
    place.machine.revert(replace(file, inside=gone), undo, Unwatched())
    made = MakeDirectory(str(place.point / "made"), "A directory.", inside=gone)
    place.machine.revert(made, undo, Unwatched())
    command = touch(place, "x")
    probe = PathPresent(str(place.point / "x"), inside=gone)
    place.machine.revert(replace(command, probe=probe, inside=gone), undo, Unwatched())
    place.machine.release()


def test_what_a_killed_run_left_mounted_and_running_is_found_by_the_next(place: Place) -> None:
    name = place.point / "slow"
    flag = place.top / "slowly"
    slow = touch(place, "slow", ("sh", "-c", f"test ! -e {flag} || sleep 4321; touch {name}"))
    boot = place.top / "boot_id"
    boot.write_text("boot-1")

    def seen() -> bool:
        done = place.machine.is_done(slow)
        place.machine.release()
        return done

    world = World(place.top, tasks=[Task("guest", [Piece(slow, seen)])])
    points: list[str] = []
    world.checkpoint = points.append
    at = _point_of(world, points)
    flag.touch()
    world.checkpoint = DieAt(at)
    assert -9 == in_child(world.apply)
    assert [str(place.point)] == place.mounts()
    ends = time.monotonic() + 10
    # None while it becomes a shell; two while that makes a child, which becomes `sleep`.
    while _waiting_to_touch(name) != [str(name)] and time.monotonic() < ends:
        time.sleep(0.05)
    assert [str(name)] == _waiting_to_touch(name)
    world.checkpoint = lambda _name: None
    world.roll_back()
    assert [] == place.mounts()
    assert [] == _waiting_to_touch(name)
    assert not seen()


def _waiting_to_touch(name: Path) -> list[str]:
    """The name once for each shell that lives and will touch it."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):
            if f"touch {name}" in file.read_bytes().decode(errors="replace"):
                found.append(str(name))
    return found


def _point_of(world: World, points: list[str]) -> int:
    """The number of the checkpoint at which the action's command runs, in an undisturbed run."""
    world.apply()
    ended = points.index("RunCommand: ended")
    at = max(index for index, name in enumerate(points[:ended], start=1) if name == "command: runs")
    world.roll_back()
    return at


def test_a_failed_run_leaves_nothing_mounted(place: Place) -> None:
    (place.top / "boot_id").write_text("boot-1")
    failing = touch(place, "never", ("sh", "-c", f"cd {place.point}; exit 7"))
    world = World(place.top, Wishes(on_failure="stop"), [Task("guest", [Piece(failing, bool)])])
    with pytest.raises(Stopped, match="exit status 7"):
        world.apply()
    assert [] == place.mounts()


def test_the_disk_of_a_running_guest_is_never_mounted(place: Place) -> None:
    number = Path(place.volume.device).stat().st_rdev
    backend = place.top / "devices" / "vbd-3-51713"
    backend.mkdir(parents=True)
    (backend / "physical_device").write_text(f"{os.major(number):x}:{os.minor(number):x}\n")
    place.machine = Machine(work=place.top / "work", guests_disks=backend.parent)
    with pytest.raises(StepFailed, match="the disk of a guest that is running"):
        perform(place, touch(place, "x"))
    assert [] == place.mounts()
    (backend / "physical_device").write_text("fe:7f\n")
    perform(place, touch(place, "x"))


def test_a_place_where_something_else_is_mounted_is_refused(place: Place) -> None:
    place.point.mkdir(parents=True)
    tool("mount", "-t", "tmpfs", "tmpfs", str(place.point))
    with pytest.raises(StepFailed, match="Something else is mounted"):
        perform(place, touch(place, "x"))
    tool("umount", str(place.point))


def test_a_filesystem_that_cannot_be_mounted_is_an_error_with_its_words(place: Place) -> None:
    wrong = replace(place.volume, filesystem="xfs")
    with pytest.raises(StepFailed, match=r"mount --types xfs .* exit status 32") as error:
        perform(place, RunCommand(("true",), "Look.", inside=wrong))
    assert error.value.details
    assert [] == place.mounts()


def test_mountinfo_is_read_with_its_escapes() -> None:
    text = (
        "22 1 254:0 / / rw - ext4 /dev/root rw\n30 22 7:0 / /run/a\\040b rw - ext4 /dev/loop0 rw\n"
    )
    assert [("/", "254:0"), ("/run/a b", "7:0")] == [
        (mount.point, mount.device) for mount in parse_mountinfo(text)
    ]


def test_a_busy_volume_that_nobody_can_be_ended_for_is_unmounted_lazily_and_said_so(
    place: Place,
) -> None:
    said: list[str] = []
    place.machine = Machine(work=place.top / "work", warn=said.append)
    perform(
        place, touch(place, "loop.img", ("truncate", "--size=1M", str(place.point / "loop.img")))
    )
    # A loop device over a file in the volume keeps it busy, and no process does.
    device = tool("losetup", "--find", "--show", str(place.point / "loop.img"))
    try:
        place.machine.release()
        assert [] == place.mounts()
        assert ["lazily" in line for line in said] == [True]
    finally:
        subprocess.run(("losetup", "--detach", device), check=True)
        os.sync()


def test_a_guests_system_survives_a_kill_at_every_kind_of_point(place: Place) -> None:
    (place.top / "boot_id").write_text("boot-1")
    tree = place.point / "etc"
    make = replace(touch(place, "etc", ("mkdir", str(tree))), undo=("rm", "-r", str(tree)))
    hosts = replace(written(tree / "hosts", "127.0.0.1 vm01\n", "A file."), inside=place.volume)
    made = MakeDirectory(str(tree / "made"), "A directory.", inside=place.volume)

    pieces = [
        Piece(action, partial(place.machine.is_done, action)) for action in (make, hosts, made)
    ]
    world = World(place.top, tasks=[Task("guest", pieces)], after_reading=place.machine.release)
    points = Count()
    world.checkpoint = points
    world.apply()
    kinds = {name: number for number, name in enumerate(points.names, start=1)}
    world.roll_back()
    for name, number in share(list(kinds.items()), one_in=3):
        world.checkpoint = DieAt(number)
        assert -9 == in_child(world.apply), name
        world.checkpoint = lambda _name: None
        world.resume_or_apply()
        assert [] == place.mounts()
        assert 3 == len(world.read_facts()), name
        world.roll_back()
        assert [] == place.mounts()
        assert 0 == len(world.read_facts()), name


def test_a_run_that_a_signal_stops_leaves_nothing_mounted(place: Place) -> None:
    (place.top / "boot_id").write_text("boot-1")
    name = place.point / "never"
    slow = touch(place, "never", ("sh", "-c", f"kill -INT {os.getpid()}; sleep 60; touch {name}"))
    world = World(place.top, tasks=[Task("guest", [Piece(slow, lambda: False)])])
    with pytest.raises(Interrupted):
        world.apply()
    assert [] == place.mounts()
