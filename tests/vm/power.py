"""Power, disks and their copies, from outside of a practice machine: what a journey does to it.

A power cut is honest here: the disk keeps the machine's flushes (`HONEST`), and QEMU is killed, not
asked to leave: what the machine had flushed is in the file, and of what it had only written, what
QEMU still had in its own memory (its table of the disk's clusters, say) is lost.

`frozen` stops QEMU's process for a moment. A copy of the disk's file that is made meanwhile is, to
the byte, what a kill at that moment would leave; and the machine goes on. So a single run gives as
many cuts as one likes.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wizard.practice.image import Image
from wizard.practice.machine import PracticeMachine, link_image
from wizard.practice.qemu import Control, Hardware, Sockets, kvm_is_worth_trying
from wizard.practice.recipe import GIB

HONEST = Hardware(accelerator="kvm" if kvm_is_worth_trying() else "tcg", cache="writeback")
_ROOM = 4 * GIB


def pid_of(machine: PracticeMachine) -> int:
    """Its QEMU's process."""
    pid = machine.status().pid
    assert pid is not None, "the machine is off"
    return pid


def cut_power(machine: PracticeMachine) -> None:
    """Kill its QEMU."""
    pid = pid_of(machine)
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
        assert time.monotonic() < deadline, "QEMU does not die"
        time.sleep(0.05)


def tell_qemu(machine: PracticeMachine, command: str, **arguments: object) -> Any:
    """A command of QMP; a `_` in an argument's name is a "-" there. Raises OSError."""
    with Control(Sockets(machine.places.sockets(machine.name)).control) as control:
        return control.command(command, **arguments)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """The process stands still meanwhile, and so does the file it writes to."""
    os.kill(pid, signal.SIGSTOP)
    try:
        _until_stopped(pid)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _until_stopped(pid: int) -> None:
    """A stop is taken thread by thread: all must have it."""
    deadline = time.monotonic() + 10
    while True:
        states = set()
        for task in Path(f"/proc/{pid}/task").iterdir():
            # The state follows the name, which stands in brackets and may have any character.
            states.add((task / "stat").read_text().rpartition(")")[2].split()[0])
        if states <= {"T"}:
            return
        assert time.monotonic() < deadline, f"threads are {states}, not stopped"
        time.sleep(0.005)


def copy(source: Path, target: Path) -> None:
    """A copy that has the source's holes; on filesystems that can, it takes no space."""
    subprocess.run(
        ["cp", "--sparse=always", "--reflink=auto", str(source), str(target)], check=True
    )


def overlay(base: Path, disk: Path) -> None:
    """A disk of its own upon another in the same folder, which nobody writes to from then on."""
    assert base.parent == disk.parent
    disk.unlink(missing_ok=True)
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base.name, str(disk)],
        check=True,
    )


class Shelf:
    """Copies of one machine's disk, by name, in a folder beside its machines.

    They lie upon the machine's own image, which is linked there too. A shelf with a name of its own
    is found again by another machine.
    """

    def __init__(self, machine: PracticeMachine, name: str = "") -> None:
        self.folder = machine.folder.with_name(f"{name or machine.name}.shelf")
        self.folder.mkdir(parents=True, exist_ok=bool(name), mode=0o700)
        if not (self.folder / "image").exists():
            link_image(Image(machine.folder / "image"), self.folder / "image")

    def put(self, machine: PracticeMachine, name: str) -> float:
        """A copy of what the disk holds at this moment; the seconds that the machine stood still.

        The machine may run or be off.
        """
        self.require_room()
        disk = machine.folder / "disk.qcow2"
        pid = machine.status().pid
        started = time.monotonic()
        if pid is None:
            copy(disk, self.place(name))
        else:
            with frozen(pid):
                copy(disk, self.place(name))
        return time.monotonic() - started

    def machine_from(self, name: str, machine: PracticeMachine) -> PracticeMachine:
        """Have a machine that is off or not there begin with a copy's disk; the copy stays."""
        assert machine.status().pid is None
        machine.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (machine.folder / "image").exists():
            link_image(Image(self.folder / "image"), machine.folder / "image")
        base = machine.folder / "copy.qcow2"
        base.unlink(missing_ok=True)
        base.hardlink_to(self.place(name))
        overlay(base, machine.folder / "disk.qcow2")
        # What of the program is inside is in the copy: it is the one that the run was begun with.
        for left in ("machine.json", "program"):
            (machine.folder / left).unlink(missing_ok=True)
        return machine

    def has(self, name: str) -> bool:
        """Whether there is a copy of that name."""
        return self.place(name).exists()

    def drop(self, name: str) -> None:
        """A copy that nobody needs any more."""
        self.place(name).unlink(missing_ok=True)

    def require_room(self) -> None:
        """Fail in words, before a full disk spoils a run."""
        free = shutil.disk_usage(self.folder).free
        assert free > _ROOM, f"{self.folder} has {free // GIB} GiB free; a copy needs 2 GiB"

    def clear(self) -> None:
        """All of it goes."""
        shutil.rmtree(self.folder)

    def place(self, name: str) -> Path:
        """The file of the copy of that name."""
        return self.folder / f"{name}.qcow2"


def second_disk(machine: PracticeMachine, *, gib: int = 8, serial: str = "second") -> Path:
    """Plug another, empty disk into the running machine: /dev/disk/by-id/virtio-SERIAL there."""
    file = machine.folder / f"{serial}.qcow2"
    file.unlink(missing_ok=True)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(file), f"{gib}G"], check=True)
    tell_qemu(
        machine, "blockdev-add", driver="qcow2", node_name=f"node-{serial}", discard="unmap",
        file={"driver": "file", "filename": str(file)},
    )  # fmt: skip
    plug(machine, serial)
    return file


def failing_disk(machine: PracticeMachine, *, gib: int = 8, serial: str = "failing") -> None:
    """Plug a disk in that can be read, and that no write reaches: each ends with EIO."""
    file = machine.folder / f"{serial}.raw"
    with file.open("wb") as made:
        made.truncate(gib * GIB)
    tell_qemu(
        machine, "blockdev-add", driver="raw", node_name=f"node-{serial}",
        file={
            "driver": "blkdebug",
            "image": {"driver": "file", "filename": str(file)},
            "inject-error": [{"event": "none", "iotype": "write", "errno": 5}],
        },
    )  # fmt: skip
    plug(machine, serial)


def plug(machine: PracticeMachine, serial: str) -> None:
    """Have a disk that QEMU knows in the machine, and wait until it has a name there."""
    tell_qemu(
        machine, "device_add", driver="virtio-blk-pci", id=serial, drive=f"node-{serial}",
        serial=serial,
    )  # fmt: skip
    name = f"/dev/disk/by-id/virtio-{serial}"
    seen = machine.run(
        [
            "sh",
            "-c",
            'for _ in $(seq 60); do [ -b "$1" ] && exit; sleep 1; done; exit 1',
            "sh",
            name,
        ],
        seconds=300,
    )
    assert seen.status == 0, f"{name} does not appear"


def pull(machine: PracticeMachine, serial: str) -> None:
    """Take a disk out, whatever it is doing."""
    tell_qemu(machine, "device_del", id=serial)
