"""Partition tables and the free space between partitions, read with libparted.

libparted opens a device for writing even to read it, and when it closes it udev scans the disk
again: the nodes of its partitions go and come back. So it is given a copy in memory of the
sectors that hold the table, and the disk itself is only read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import _ped
import parted

from steps.facts import FreeRegion

MIB = 1024 * 1024
_EDGE = 2 * MIB  # bytes at either end: a gpt table has 33 sectors, of 4096 bytes at the most
_EXTENDED = (0x05, 0x0F, 0x85)  # types of the partition that holds the logical ones
_LAST_MSDOS_SECTOR = 2**32 - 1
_REFUSALS = (
    _ped.CreateException,
    _ped.DeviceException,
    _ped.DiskException,
    _ped.DiskLabelException,
    _ped.GeometryException,
    _ped.IOException,
    _ped.PartedException,
    _ped.PartitionException,
    _ped.UnknownTypeException,
)
_SPARE_LINKS = 256  # logical partitions; a longer chain is a loop


class UnreadableTable(ValueError):
    """There is a partition table, and libparted does not accept it; the text says why."""


@dataclass(frozen=True)
class TablePartition:
    """A partition as the table has it, in the disk's logical sectors."""

    number: int
    start: int
    sectors: int


@dataclass(frozen=True)
class Table:
    """A partition table: its label as libparted calls it ("msdos", "gpt", "sun", ...)."""

    label: str
    partitions: tuple[TablePartition, ...]
    free: tuple[FreeRegion, ...]


def read_table(path: Path, size: int, sector_size: int = 512) -> Table | None:
    """The partition table of a disk (or an image of one) of `size` bytes; None if it has none.

    `UnreadableTable` for a damaged one; OSError if the disk cannot be read (only root can).
    """
    with _copy_of_table(path, size, sector_size) as copy:
        try:
            device = parted.getDevice(str(copy))
            try:
                return _table(device, sector_size)
            finally:
                # libparted remembers devices by path, and the next copy may get the same one.
                device.removeFromCache()
        except _REFUSALS as error:
            if "unrecognised disk label" in str(error):
                return None
            reason = " ".join(str(error).replace(str(copy), str(path)).split())
            raise UnreadableTable(reason or "libparted does not accept it") from error


def _table(device: Any, sector_size: int) -> Table | None:
    disk = parted.newDisk(device)
    if disk.type == "loop":  # a filesystem on the whole disk
        return None
    if disk.isFlagAvailable(parted.DISK_CYLINDER_ALIGNMENT):
        # Else a msdos disk would end with its last whole cylinder.
        disk.unsetFlag(parted.DISK_CYLINDER_ALIGNMENT)
    partitions = tuple(
        TablePartition(int(part.number), int(part.geometry.start), int(part.geometry.length))
        for part in sorted(disk.partitions, key=lambda part: int(part.geometry.start))
        if int(part.number) > 0
    )
    if any(part.start + part.sectors > int(device.length) for part in partitions):
        raise UnreadableTable("a partition ends beyond the end of the disk")
    return Table(str(disk.type), partitions, tuple(_free_regions(disk, sector_size)))


def _free_regions(disk: Any, sector_size: int) -> Iterator[FreeRegion]:
    per_mib = MIB // sector_size
    msdos = disk.type == "msdos"
    numbers = {int(part.number) for part in disk.partitions}
    last_logical = max(
        (int(p.geometry.end) for p in disk.partitions if p.type & parted.PARTITION_LOGICAL),
        default=-1,
    )
    for space in disk.getFreeSpacePartitions():
        logical = bool(space.type & parted.PARTITION_LOGICAL)
        first, after = int(space.geometry.start), int(space.geometry.end) + 1
        if msdos:
            after = min(after, _LAST_MSDOS_SECTOR)
        # A logical partition's own small table comes before it, in the first sector or later.
        start = -(-(first + logical) // per_mib) * per_mib
        start = max(start, per_mib)
        sectors = (after - start) // per_mib * per_mib
        if sectors < per_mib:
            continue
        if logical:
            number = max([4, *numbers]) + 1
            # One before another logical partition would give that one another number.
            usable = first > last_logical
        else:
            number = min(set(range(1, len(numbers) + 2)) - numbers)
            usable = int(disk.primaryPartitionCount) < int(disk.maxPrimaryPartitionCount)
        kind: Literal["primary", "logical"] = "logical" if logical else "primary"
        yield FreeRegion(
            start=start,
            sectors=sectors,
            size=sectors // per_mib,
            next_number=number,
            usable=usable and disk.type in ("msdos", "gpt"),
            kind=kind,
        )


@contextmanager
def _copy_of_table(path: Path, size: int, sector_size: int) -> Iterator[Path]:
    source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        copy = os.memfd_create("partition-table", os.MFD_CLOEXEC)
        try:
            os.ftruncate(copy, size)
            for start, length in _table_areas(source, size, sector_size):
                os.pwrite(copy, os.pread(source, length, start), start)
            before = os.environ.get("PARTED_SECTOR_SIZE")
            os.environ["PARTED_SECTOR_SIZE"] = str(sector_size)
            try:
                yield Path(f"/proc/self/fd/{copy}")
            finally:
                if before is None:
                    del os.environ["PARTED_SECTOR_SIZE"]
                else:
                    os.environ["PARTED_SECTOR_SIZE"] = before
        finally:
            os.close(copy)
    finally:
        os.close(source)


def _table_areas(source: int, size: int, sector_size: int) -> Iterator[tuple[int, int]]:
    """Start and length in bytes of what to copy: both ends, and the chain of logical tables."""
    yield 0, min(_EDGE, size)
    yield max(0, size - _EDGE), min(_EDGE, size)
    first = os.pread(source, 512, 0)
    entries = [first[446 + 16 * index : 462 + 16 * index] for index in range(4)]
    for entry in entries:
        if len(entry) < 16 or entry[4] not in _EXTENDED:
            continue
        base = at = int.from_bytes(entry[8:12], "little")
        for _ in range(_SPARE_LINKS):
            place = at * sector_size
            if place <= 0 or place + sector_size > size:
                break
            yield place, sector_size
            table = os.pread(source, 512, place)
            following = table[462:478]
            if table[510:512] != b"\x55\xaa" or following[4:5] not in (b"\x05", b"\x0f", b"\x85"):
                break
            at = base + int.from_bytes(following[8:12], "little")
