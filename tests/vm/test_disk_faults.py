"""Disks that are full, that fail, and that are pulled out: each is explained, and nothing is lost.

A run goes once to the border before the volume group, on a second disk; each fault begins from a
copy of that border (or of the fresh machine), and is over in some minutes. Each test can run alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from tests.vm import snapshot
from tests.vm.conftest import FAILED, Say, save_logs, teller
from tests.vm.power import HONEST, Shelf, cut_power, failing_disk, pull, second_disk
from tests.vm.running_inside import (
    booted_from,
    copied_as_it_begins,
    nothing_is_left,
    roll_back,
    status_of,
    stops,
    watched,
)
from tests.vm.snapshot import Allowed, Snapshot
from tests.vm.whole_run import ANSWERS, give_answers, inside, state_of, typed
from wizard.errors import Exit
from wizard.practice.machine import PracticeMachine
from wizard.practice.places import MachineName

pytestmark = pytest.mark.full

HARDWARE = HONEST
SECOND = "/dev/disk/by-id/virtio-second"
VOLUME = "xendisks-vm01--root"  # as the device mapper calls it
FRESH, BORDER = "fresh", "volume_group"

# Fill a filesystem to its last byte, root's reserve too.
FILL = 'dd if=/dev/zero of="$1/filler" bs=1M 2>/dev/null; dd if=/dev/zero of="$1/more" bs=1k; true'
# Put a filesystem over a folder that has $2 KiB of room; what fills it can go.
SMALL = """
set -e
used=$(du --summarize --block-size=1K --one-file-system "$1" | cut -f1)
truncate --size="$((used * 5 / 4 + $2 + 200000))K" /root/small.img
mkfs.ext4 -q -m 0 /root/small.img
mkdir -p /mnt/small
mount -o loop /root/small.img /mnt/small
cp --archive "$1/." /mnt/small/
umount /mnt/small
rmdir /mnt/small
mount -o loop /root/small.img "$1"
free=$(df --output=avail "$1" | tail -1)
fallocate -l "$((free - $2))K" "$1/filler"
"""
# The folder itself gets what is in it now. The boot menu names the filesystem that /boot was on.
UNDO_SMALL = """
set -e
mount --bind / /mnt
find "/mnt$1" -xdev -mindepth 1 -delete
rm --recursive "$1/lost+found"
cp --archive "$1/." "/mnt$1/"
umount /mnt
umount --lazy "$1"
losetup --detach-all
rm /root/small.img
[ "$1" != /boot ] || update-grub
"""
FULL = ("A filesystem is full", "too little room", "could not be unpacked or configured")
ERRORS = f"""
size=$(blockdev --getsz /dev/mapper/{VOLUME})
dmsetup suspend --noflush --nolockfs {VOLUME}
dmsetup load {VOLUME} --table "0 $size error"
dmsetup resume {VOLUME}
"""
# Reads are right, and every write fails: after 0 seconds up, 3,600 down.
FLAKY = f"""
table=$(dmsetup table {VOLUME} | sed 's/linear \\(.*\\)/flakey \\1 0 3600 1 error_writes/')
modprobe dm-flakey
dmsetup suspend --noflush --nolockfs {VOLUME}
dmsetup load {VOLUME} --table "$table"
dmsetup resume {VOLUME}
"""
MENDED = """
umount --lazy /run/xen-setup/vm01 2>/dev/null
lvchange --refresh xendisks/vm01-root
sleep 2
e2fsck -fy /dev/xendisks/vm01-root || [ $? -le 2 ]
"""


WITH_SECOND = (
    *snapshot.ALLOWED,
    Allowed("partitions", "/dev/vdb", "plugged in by the test; what is on it is looked at apart"),
)


class Borders:
    """The shelf, and the machine that begins from it."""

    def __init__(self, shelf: Shelf, tried: PracticeMachine, before: Snapshot) -> None:
        self.shelf, self.tried, self.before = shelf, tried, before

    def at(self, name: str, *, disk: bool = True) -> PracticeMachine:
        """The machine at a border, with an empty second disk."""
        machine = booted_from(self.shelf, name, self.tried)
        if disk:
            second_disk(machine)
        return machine


@pytest.fixture(scope="module")
def borders(request: pytest.FixtureRequest, machine: PracticeMachine) -> Iterator[Borders]:
    say = teller(request)
    shelf = Shelf(machine)
    tried = PracticeMachine(MachineName(f"{machine.name}-try"), hardware=HARDWARE, progress=say)
    try:
        give_answers(machine)
        answers = machine.read_file(ANSWERS).decode()
        answers = answers.replace("use: free-space", "use: device").replace(
            "device: /dev/disk/by-id/virtio-practice-disk", f"device: {SECOND}"
        )
        answers = answers.replace("  partition_size: rest\n", "")
        machine.write_file(ANSWERS, answers.encode(), mode=0o600)
        before = state_of(machine)
        machine.run(["sync"])
        shelf.put(machine, FRESH)
        second_disk(machine)
        copied_as_it_begins(machine, shelf, BORDER, say, "apply", ANSWERS)
        yield Borders(shelf, tried, before)
    finally:
        if request.node.stash.get(FAILED, False) and tried.folder.exists():
            say(f"The logs of the failed machine are in {save_logs(tried)}")
        tried.reset()
        shelf.clear()


def sh(machine: PracticeMachine, script: str, *argv: str) -> str:
    """A script in the machine, which must succeed."""
    status, said = inside(machine, "sh", "-c", script, "sh", *argv)
    assert status == 0, said
    return said


def fault_at(
    machine: PracticeMachine, say: Say, line: str, script: str, *, after: float = 0.0
) -> tuple[int, str]:
    """Resume, and run a script in the machine so many seconds after a line came that has these
    words.
    """
    started: list[threading.Timer] = []

    def look(text: str) -> None:
        if line in text and not started:
            say(f"{text.strip()}: the fault, after {after:.0f} s")
            timer = threading.Timer(after, lambda: say(sh(machine, script) or "it is planted"))
            started.append(timer)
            timer.start()

    status, said = watched(
        machine, "xen-setup", "resume", "--no-input", "--on-failure", "stop", on_line=look
    )
    assert started, f"{line} never came: {said[-2000:]}"
    started[0].join()
    say("\n".join(said.splitlines()[-12:]))
    return status, " ".join(said.split())


def goes_on(machine: PracticeMachine, say: Say, step: str) -> None:
    """Resume past the step that the fault was in: it is done and verified, and nothing is left."""
    status, said = typed(machine, say, "xen-setup", "resume", "--no-input", "--to", step)
    assert status == Exit.STOPPED, f"exit {status}: {said[-3000:]}"
    assert f"Done as far as {step}" in said, said[-3000:]
    nothing_is_left(machine)


def is_as_before(borders: Borders, machine: PracticeMachine, say: Say) -> None:
    """All of it, and nothing is on the second disk."""
    after = state_of(machine)
    say(snapshot.table(borders.before, after, WITH_SECOND))
    assert snapshot.compare(borders.before, after, WITH_SECOND) == []
    assert after["partitions"].get("/dev/vdb", "") == ""


def back_to_the_start(borders: Borders, machine: PracticeMachine, say: Say) -> None:
    roll_back(machine, say)
    is_as_before(borders, machine, say)


# ---- full


def test_a_full_root_stops_the_run_which_goes_on_when_there_is_room(
    borders: Borders, say: Say
) -> None:
    machine = borders.at(BORDER)
    inside(machine, "sh", "-c", FILL, "sh", "/root")
    # How far it comes depends on the room that is left in the journal's own last block.
    status, said = typed(machine, say, "xen-setup", "resume", "--no-input", "--on-failure", "stop")
    say(said)
    assert status == Exit.STOPPED, said
    assert "full" in said or "No space left" in said, said
    assert "df" in said
    assert status_of(machine)["next"] == "sudo xen-setup resume"
    sh(machine, "rm /root/filler /root/more")
    goes_on(machine, say, "guest_volumes")


@pytest.mark.parametrize("folder", ["/boot", "/var"])
def test_a_full_folder_of_packages_is_explained_and_all_is_taken_back(
    borders: Borders, folder: str, say: Say
) -> None:
    machine = borders.at(FRESH)
    sh(machine, SMALL, folder, "3000")
    apply = ("xen-setup", "apply", ANSWERS, "--no-input")
    status, said = typed(machine, say, *apply)
    assert status == Exit.CHECKS_FAILED, f"exit {status}: {said[-3000:]}"
    assert "[disk-space]" in said, said
    # Somebody knows better.
    status, said = typed(machine, say, *apply, "--ignore", "disk-space")
    say("\n".join(said.splitlines()[-20:]))
    # Ours can go from a full /boot too; not so if another package's initrd waits for room there.
    assert status in (Exit.ROLLED_BACK, Exit.ROLLBACK_INCOMPLETE), f"exit {status}: {said[-3000:]}"
    flat = " ".join(said.split())
    assert any(words in flat for words in FULL), said
    sh(machine, 'rm "$1/filler"', folder)
    if status == Exit.ROLLBACK_INCOMPLETE:
        status, said = typed(machine, say, "xen-setup", "rollback", "--yes")
        assert status == 0, said[-3000:]
    sh(machine, UNDO_SMALL, folder)
    machine.reboot(seconds=1200)
    is_as_before(borders, machine, say)


def test_a_full_guest_is_explained_and_resume_begins_its_system_anew(
    borders: Borders, say: Say
) -> None:
    machine = borders.at(BORDER)
    fill = """
        until mountpoint -q /run/xen-setup/vm01; do sleep 0.2; done
        free=$(df --output=avail /run/xen-setup/vm01 | tail -1)
        fallocate -l "$((free - 60000))K" /run/xen-setup/vm01/filler
    """
    status, said = fault_at(machine, say, "$ debootstrap", fill, after=5)
    assert status == Exit.STOPPED, said[-3000:]
    assert "the volume is full" in said or "A filesystem is full" in said, said[-3000:]
    nothing_is_left(machine)
    goes_on(machine, say, "guest_system")


# ---- failing


def test_a_disk_that_takes_no_write_stops_pvcreate_and_another_one_is_taken(
    borders: Borders, say: Say
) -> None:
    machine = borders.at(BORDER, disk=False)
    failing_disk(machine, serial="second")
    stops(machine, say, "resume", words="could not be read or written")
    back_to_the_start(borders, machine, say)


@pytest.mark.parametrize(
    ("step", "line", "after"),
    [
        ("guest_volumes", "$ lvcreate --name vm01-root", 2.0),
        ("guest_system", "$ debootstrap", 30.0),
    ],
    ids=["mkfs", "debootstrap"],
)  # fmt: skip
def test_a_volume_that_fails_is_explained_and_once_mended_resume_goes_on(
    borders: Borders, step: str, line: str, after: float, say: Say
) -> None:
    machine = borders.at(BORDER)
    wait = f"until [ -e /dev/mapper/{VOLUME} ]; do sleep 0.1; done\n"
    status, said = fault_at(machine, say, line, wait + ERRORS, after=after)
    assert status == Exit.STOPPED, said[-3000:]
    # mkfs.ext4 ends with 0 on a volume that takes nothing: then it is found to be unreadable.
    assert "Likely cause" in said or "cannot be read" in said, said[-3000:]
    assert status_of(machine)["next"] == "sudo xen-setup resume"
    inside(machine, "sh", "-c", MENDED)
    goes_on(machine, say, step)


def test_a_volume_that_takes_no_write_stops_the_guests_own_files(
    borders: Borders, say: Say
) -> None:
    machine = borders.at(BORDER)
    status, said = fault_at(machine, say, "/etc/hostname", FLAKY)
    assert status == Exit.STOPPED, said[-3000:]
    assert "Likely cause" in said or "read-only" in said, said[-3000:]
    inside(machine, "sh", "-c", MENDED)
    goes_on(machine, say, "guest_system")


def test_a_disk_that_is_pulled_out_in_mkfs_is_noticed_and_all_is_taken_back(
    borders: Borders, say: Say
) -> None:
    machine = borders.at(BORDER)
    pulled: list[float] = []

    def look(line: str) -> None:
        if "$ mkfs.ext4" in line and not pulled:
            pulled.append(time.monotonic())
            pull(machine, "second")

    status, said = watched(
        machine, "xen-setup", "resume", "--no-input", "--on-failure", "stop", on_line=look
    )
    assert pulled, said[-3000:]
    say("\n".join(said.splitlines()[-12:]))
    assert status == Exit.STOPPED, said[-3000:]
    status, said = typed(machine, say, "xen-setup", "rollback", "--yes")
    # What cannot be reached cannot be taken back: it is named, and comes right without the disk.
    assert status in (0, Exit.ROLLBACK_INCOMPLETE), said[-3000:]
    cut_power(machine)  # the kernel keeps what is mapped on a disk that is gone
    machine.start(seconds=1200)
    back_to_the_start(borders, machine, say)
