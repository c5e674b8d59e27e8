"""Finished hosts: practice machines that a run was completed in, kept to start others from.

    cache/<image>/hosts/<key>/disk.qcow2    what the run made, upon the image
                              image/        the image it lies upon

A host is kept by what made it: the image, the program, the answers, and what was done to it last.
A machine that starts from one has a small disk of its own upon it, so a start is a boot.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wizard.practice import processes
from wizard.practice.errors import HostNotReady
from wizard.practice.image import Image
from wizard.practice.machine import PracticeMachine, link_image
from wizard.practice.recipe import MIB

_ROOM = 3 * 1024 * MIB
_UPON = "host.qcow2"  # the host's disk in the folder of a machine that started from it


@dataclass(frozen=True)
class Host:
    """A host's folder in the cache."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "disk.qcow2"

    @property
    def image(self) -> Image:
        return Image(self.folder / "image")


def host_key(*makers: bytes) -> str:
    """The name of a host that these have made: texts of programs, answers, scripts."""
    digest = hashlib.sha256()
    for maker in makers:
        digest.update(b"%d\0" % len(maker) + maker)
    return digest.hexdigest()[:16]


def host_of(
    machine: PracticeMachine,
    key: str,
    make: Callable[[PracticeMachine], None],
    *,
    base: Callable[[], Path],
) -> Host:
    """The host with this key. If there is none, `make` completes a run in `machine`, which is new
    and is gone afterwards. `base` gives the folder of the image that it lies upon.

    Raises what `make` raises, HostNotReady when there is no room.
    """
    host = Host(base() / "hosts" / key)
    host.folder.parent.mkdir(exist_ok=True, mode=0o700)
    # One makes it; another who wants it waits, and then has it.
    with (host.folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if host.folder.is_dir():
            return host
        machine.reset()  # what an earlier attempt left
        make(machine)
        machine.stop()
        keep(machine, host)
    return host


def keep(machine: PracticeMachine, host: Host) -> None:
    """Keep what is on the disk of a machine that is off, and remove the machine; hosts that other
    programs made go, as machines that started from one have links of their own to it.
    """
    host.folder.parent.mkdir(exist_ok=True, mode=0o700)
    for other in host.folder.parent.iterdir():
        if other.is_dir():
            shutil.rmtree(other)
    new = host.folder.with_suffix(".new")
    new.mkdir(mode=0o700)
    link_image(Image(machine.folder / "image"), new / "image")
    # Another filesystem may hold the cache: then this is a copy.
    shutil.move(machine.folder / "disk.qcow2", new / "disk.qcow2")
    new.rename(host.folder)
    machine.reset()


def start_from(machine: PracticeMachine, host: Host) -> None:
    """Make the disk of a machine that is not there yet upon the host's, ready to be started."""
    folder = machine.folder
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    free = shutil.disk_usage(folder).free
    if free < _ROOM:
        raise HostNotReady(
            f"{folder} has {free / MIB:.0f} MiB free; {_ROOM // MIB} MiB are needed.",
            hint="Free some space, or set XDG_STATE_HOME to a folder on a larger disk.",
        )
    link_image(host.image, folder / "image")
    try:
        (folder / _UPON).hardlink_to(host.disk)
    except OSError:
        shutil.copyfile(host.disk, folder / _UPON)
    new = folder / "disk.new"
    made = processes.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", _UPON, str(new)]
    )
    if made.status:
        raise HostNotReady(
            "The practice machine's disk could not be made.",
            hint=f"See that {folder} can be written to and has space.",
            details=tuple(made.err.decode(errors="replace").splitlines()),
        )
    new.rename(folder / "disk.qcow2")
