"""One partition made or removed with libparted; the rest of the disk stays. For machine.py.

libparted tells the kernel of the new partition alone (BLKPG), so the disk's other partitions may
be mounted. No lock is held on the disk meanwhile: libparted waits for udev, and udev for a lock.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from wizard.actions import CreatePartition
from wizard.errors import Conflict, StepFailed
from wizard.identity import another_disk
from wizard.mounts import mounted_now
from wizard.running import Running
from wizard.signatures import Ask, signatures_of
from wizard.undo import PlainUndo, Undo


class PartitionTables(Protocol):
    """What this module does, as Machine gets it passed in: tests pass a model of disks."""

    def is_there(self, action: CreatePartition, /) -> bool: ...
    def create(self, action: CreatePartition, running: Running, /) -> None: ...
    def announce(self, action: CreatePartition, running: Running, /) -> None: ...
    def remove(self, action: CreatePartition, running: Running, remains: str, /) -> None: ...


_NODE_WAIT = 10.0  # seconds for the new partition's device node


def is_there(action: CreatePartition) -> bool:
    """Whether a partition with this number, start and length is in the table."""
    disk = _table(action)
    found = _numbered(disk, action.number)
    return found is not None and _same_place(found, action)


def undo_for(action: CreatePartition, tables: PartitionTables, ask: Ask) -> PlainUndo:
    """What is to be known to remove it. Raises `StepFailed` where it is there before it is made: it
    is somebody's by now, who took all of that space too, and what comes next would take it for
    empty.
    """
    if tables.is_there(action):
        raise StepFailed(
            f"Somebody has made the partition {action.number} on {action.disk.path} since the plan "
            "was made.",
            hint="Nothing was done to it. Look what is on it (`lsblk --fs`), then go on or begin "
            "again: the disk is read anew then.",
        )
    place = (action.start * action.sector_size, action.sectors * action.sector_size)
    return PlainUndo(_signature(signatures_of(action.disk.path, ask, place).properties))


def remains(undo: Undo) -> str:
    """What `undo_for` saw in the space."""
    return undo.note if isinstance(undo, PlainUndo) else ""


def _signature(properties: Mapping[str, str]) -> str:
    """One filesystem's own, told from others by its UUID; "" where it has none."""
    known = {name: properties[name] for name in ("TYPE", "UUID") if name in properties}
    return " ".join(f"{name}={value}" for name, value in known.items()) if len(known) > 1 else ""


def create(action: CreatePartition, running: Running) -> None:
    """Make the partition and wait for its node; refuses when its place is not free any more."""
    parted = _parted()
    disk = _table(action)
    last = action.start + action.sectors - 1
    if not any(
        region.start <= action.start and last <= region.end for region in disk.getFreeSpaceRegions()
    ):
        raise StepFailed(
            f"The space for the new partition on {action.disk.path} is not free any more.",
            hint="Something else changed the partition table: look with `parted "
            f"{action.disk.path} print free`, then start again.",
        )
    logical = action.label == "msdos" and action.number >= 5
    geometry = parted.Geometry(device=disk.device, start=action.start, length=action.sectors)
    partition = parted.Partition(
        disk=disk,
        type=parted.PARTITION_LOGICAL if logical else parted.PARTITION_NORMAL,
        geometry=geometry,
    )
    try:
        disk.addPartition(partition=partition, constraint=parted.Constraint(exactGeom=geometry))
        # The type says what it is for, to people and to us: one that is empty and of this type
        # on a disk that we were to take space of is known again after a crash.
        if partition.isFlagAvailable(parted.PARTITION_LVM):
            partition.setFlag(parted.PARTITION_LVM)
        if partition.number != action.number or not _same_place(partition, action):
            raise StepFailed(
                f"The new partition would become number {partition.number}, "
                f"not {action.number} as planned.",
                hint="Something else changed the partition table: start again with a new plan.",
            )
        disk.commit()
    except _errors(parted) as error:
        raise StepFailed(
            f"The partition could not be made on {action.disk.path}: {error}",
            hint="See `dmesg`; a disk that is read-only or failing says so there.",
        ) from error
    announce(action, running)


def announce(action: CreatePartition, running: Running, wait: float = _NODE_WAIT) -> None:
    """See that the kernel knows the partition in the table, and wait for its node."""
    node = Path(action.path)
    running.ask(("udevadm", "settle", f"--timeout={_NODE_WAIT:.0f}"), _NODE_WAIT + 5)
    if not node.is_block_device():
        # A crash came between the table and the kernel.
        disk = str(Path(action.disk.path).resolve())
        running.quietly(("partx", "--add", "--nr", str(action.number), disk), _NODE_WAIT)
    deadline = time.monotonic() + wait
    while not node.is_block_device():
        if time.monotonic() > deadline:
            raise StepFailed(
                f"The partition is in the table, but {node} did not appear.",
                hint=f"Try `partprobe {action.disk.path}`; if that does not help, boot, and go on.",
            )
        time.sleep(0.05)


def remove(
    action: CreatePartition, running: Running, remains: str = "", wait: float = _NODE_WAIT
) -> None:
    """Remove the partition if it is still the one we made, and empty; none that begins where it
    did is no error. `remains`: what its space held before, which is nobody's: what was to wipe it
    may not have come.

    Raises `Conflict` when it has another size or is on another disk, when something is on it or
    uses it, or when that cannot be told. `wait`: seconds for its device node.
    """
    parted = _parted()
    disk = _table(action)
    found = _numbered(disk, action.number)
    # Elsewhere it is somebody's own that got the number: ours was not made yet, or has gone.
    if found is None or found.geometry.start != action.start:
        return
    if not _same_place(found, action):
        raise Conflict(
            f"Partition {action.number} of {action.disk.path} is not the one that was made: "
            "its size differs.",
            hint="It was left as it is; remove it yourself if nothing needs it.",
        )
    refuse_another_disk(action, running.ask)
    _refuse_unseen(action, running, wait)
    use = _use_of(action, running.ask, remains)
    if use:
        raise Conflict(
            f"The partition {action.path} is not empty: {use}.",
            hint="It was left as it is; empty it (`wipefs`, `pvremove`, `umount`), "
            "then roll back again.",
        )
    try:
        disk.deletePartition(found)
        disk.commit()
    except _errors(parted) as error:
        raise StepFailed(
            f"The partition {action.path} could not be removed: {error}",
            hint="See what uses it with `lsblk`, then roll back again.",
        ) from error


def refuse_another_disk(action: CreatePartition, ask: Ask) -> None:
    """Raise `Conflict` unless the disk is seen to be the one that the partition was made on."""
    if differs := another_disk(action.disk, ask):
        raise Conflict(
            f"{action.disk.path} does not look like the disk that partition {action.number} was "
            "made on.",
            hint="Its partition was left as it is. Disks may have changed their names: see "
            "`lsblk --output NAME,SIZE,SERIAL,PTUUID`.",
            details=tuple(differs),
        )


def _refuse_unseen(action: CreatePartition, running: Running, wait: float) -> None:
    """Have the partition's device, by which alone it can be told whether it is empty."""
    hint = (
        f"Try `partprobe {action.disk.path}`, or boot: then roll back again. It is left as it is."
    )
    try:
        announce(action, running, wait)
    except StepFailed as error:
        raise Conflict(
            f"Whether the partition {action.path} is empty cannot be told: {error.what}", hint=hint
        ) from error
    if not _is_the_kernels(action):
        raise Conflict(
            f"Whether the partition is empty cannot be told: {action.path} is another one to the "
            "kernel than in the table.",
            hint=hint,
        )


def _is_the_kernels(action: CreatePartition) -> bool:
    """Whether the device node is that part of that disk, as the kernel has it."""
    node = Path("/sys/dev/block") / _device_number(Path(action.path))
    try:
        seen = [(node / name).read_text().strip() for name in ("partition", "start", "size")]
        disk = (node.resolve().parent / "dev").read_text().strip()
    except OSError:
        return False
    # The kernel counts in sectors of 512 bytes, whatever the disk's are.
    start, sectors = (n * action.sector_size // 512 for n in (action.start, action.sectors))
    wanted = [str(action.number), str(start), str(sectors)]
    return seen == wanted and disk == _device_number(Path(action.disk.path))


def _device_number(node: Path) -> str:
    number = node.stat().st_rdev
    return f"{os.major(number)}:{os.minor(number)}"


def _parted() -> Any:
    import parted  # noqa: PLC0415 - untyped, and needed here only

    return parted


def _errors(parted: Any) -> tuple[type[Exception], ...]:
    return (
        parted.CreateException,
        parted.DeviceException,
        parted.DiskException,
        parted.DiskLabelException,
        parted.GeometryException,
        parted.IOException,
        parted.PartedException,
        parted.PartitionException,
        parted.UnknownTypeException,
    )


def _table(action: CreatePartition) -> Any:
    parted = _parted()
    try:
        path = str(Path(action.disk.path).resolve())
        # libparted would know the disk by that name as it was first, its size too.
        parted.getDevice(path).removeFromCache()
        device = parted.getDevice(path)
        disk = parted.newDisk(device)
    except _errors(parted) as error:
        raise StepFailed(
            f"The partition table of {action.disk.path} cannot be read: {error}",
            hint=f"Look with `parted {action.disk.path} print`.",
        ) from error
    if disk.type != action.label or device.sectorSize != action.sector_size:
        raise StepFailed(
            f"{action.disk.path} has a {disk.type} table with sectors of {device.sectorSize} "
            f"bytes, not {action.label} with {action.sector_size} as planned.",
            hint="The disk was changed since the plan was made: start again.",
        )
    if disk.isFlagAvailable(parted.DISK_CYLINDER_ALIGNMENT):
        # Else the free space of a msdos disk would end with its last whole cylinder.
        disk.unsetFlag(parted.DISK_CYLINDER_ALIGNMENT)
    return disk


def _numbered(disk: Any, number: int) -> Any:
    return next((found for found in disk.partitions if found.number == number), None)


def _same_place(partition: Any, action: CreatePartition) -> bool:
    geometry = partition.geometry
    return bool(geometry.start == action.start and geometry.length == action.sectors)


def _use_of(action: CreatePartition, ask: Ask, remains: str) -> str:
    """What is on the partition, or uses it, or that this cannot be told; "" when nothing does.

    Bytes without a signature are nothing: what the space held before is in it, LVM's leftovers too.
    """
    real = Path(action.path).resolve()
    device = _device_number(real)
    for mount in mounted_now():
        if mount.device == device:
            return f"it is mounted at {mount.point}"
    swaps = Path("/proc/swaps").read_text().splitlines()[1:]
    if any(line.split()[0] == str(real) for line in swaps if line):
        return "it is in use as swap"
    holders = Path("/sys/class/block") / real.name / "holders"
    names = sorted(holder.name for holder in holders.iterdir()) if holders.is_dir() else []
    if names:
        return f"{', '.join(names)} is on it"
    if _is_claimed(real):
        return "something uses it, a guest perhaps"
    on_it = signatures_of(str(real), ask)
    if remains and remains == _signature(on_it.properties):
        return ""
    if on_it.word:
        return f"blkid finds {on_it.word} on it"
    return on_it.not_known


def _is_claimed(device: Path) -> bool:
    """Whether something has the device for itself: a guest's disk, say (open(2), O_EXCL)."""
    try:
        os.close(os.open(device, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC))
    except OSError as error:
        return error.errno == errno.EBUSY
    return False
