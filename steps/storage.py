"""Disks, partitions and volume groups in the facts: found by name, measured, said in words, and
whether one can be taken at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from steps.facts import Content, Disk, Facts, FreeRegion, Partition
from steps.kinds import show_size, size_to_read
from wizard.step import Problem

SPARE_SPACE = 5 * 1024  # MiB: what the tutorial asks for beyond the distribution
EXTENT = 4  # MiB: LVM's default, for groups that we make

# MBR type and GPT type of a partition that is meant for LVM.
_LVM_TYPES = ("0x8e", "8e", "e6d6d379-f507-44c2-a23c-238f2a3df928")
# Extended partitions are only a frame around logical ones.
_EXTENDED_TYPES = ("0x5", "0x05", "0xf", "0x0f", "0x85")


def find_disk(facts: Facts, name: str) -> Disk | None:
    """The whole disk of that path or stable name."""
    for disk in facts.disks:
        if name == disk.path or name in disk.names:
            return disk
    return None


def find_partition(facts: Facts, name: str) -> tuple[Disk, Partition] | None:
    """The partition of that path or stable name, and the disk it is on."""
    for disk in facts.disks:
        for partition in disk.partitions:
            if name == partition.path or name in partition.names:
                return disk, partition
    return None


def kernel_path(facts: Facts, name: str) -> str:
    """The kernel's path of a disk or partition that may be named otherwise."""
    if disk := find_disk(facts, name):
        return disk.path
    if found := find_partition(facts, name):
        return found[1].path
    return name


def stable_name(thing: Disk | Partition) -> str:
    """The best name that stays the same over reboots; the kernel's own if there is none."""
    return thing.names[0] if thing.names else thing.path


def partition_name(disk: str, number: int) -> str:
    """The device node that a disk's partition gets, for the kernel's names and udev's."""
    if disk.startswith("/dev/disk/"):
        return f"{disk}-part{number}"
    # The kernel puts a p between where the disk's name ends in a digit: nvme0n1p2, mmcblk0p1.
    return f"{disk}p{number}" if disk[-1].isdigit() else f"{disk}{number}"


def largest_region(disk: Disk) -> FreeRegion | None:
    """The largest piece of unpartitioned space in which a partition can be made."""
    usable = [region for region in disk.free if region.usable]
    return max(usable, key=lambda region: (region.size, -region.start), default=None)


def region_start(disk: Disk, region: FreeRegion) -> int:
    """Where a piece of unpartitioned space begins, in MiB from the start of the disk (a new
    partition begins at a whole MiB).
    """
    return region.start * disk.sector_size // (1024 * 1024)


def wanted_region(disk: Disk, start: int) -> FreeRegion | None:
    """The piece of unpartitioned space that begins at that MiB; 0: the largest."""
    if not start:
        return largest_region(disk)
    for region in disk.free:
        if region.usable and region_start(disk, region) == start:
            return region
    return None


def is_for_lvm(partition: Partition) -> bool:
    """Whether the partition's type says that it is meant for LVM."""
    return partition.type.lower() in _LVM_TYPES


def is_extended(partition: Partition) -> bool:
    """Whether it is an MBR extended partition."""
    return partition.type.lower() in _EXTENDED_TYPES


def rounded(size: int, extent: int) -> int:
    """A size in MiB rounded up to whole extents, as lvcreate does."""
    return -(-size // extent) * extent


def group_size(device_size: int) -> int:
    """What a new group holds on a device of that many MiB: LVM keeps the first one for itself."""
    return max(device_size - 1, 0) // EXTENT * EXTENT


def room_problem(needed: int, free: int, group: str, guests: int) -> Problem:
    """The volumes of so many guests do not fit: what is needed, what there is, what to do."""
    over = needed - free
    each = f", {show_size(-(-over // guests))} from each of the {guests}" if guests > 1 else ""
    return Problem(
        "guests-do-not-fit",
        f"The guests' volumes need {show_size(needed)}; {group} has {show_size(free)} free, "
        f"{show_size(over)} less.",
        f"Take {show_size(over)} from them (guests: root_size, swap_size){each}. Or choose a "
        "larger place; a group that is there grows by vgextend.",
    )


def in_words(content: Content) -> str:
    """What is on a device: "an ext4 filesystem labelled home", "a partition table"."""
    label = f" labelled {content.label}" if content.label else ""
    match content.kind:
        case "filesystem":
            article = "an" if re.match(r"[aeiou]", content.detail) else "a"
            return f"{article} {content.detail} filesystem{label}".replace("  ", " ")
        case "swap":
            return f"swap space{label}"
        case "lvm":
            return "an LVM physical volume"
        case "raid":
            return f"a member of a RAID array{label}"
        case "luks":
            return f"an encrypted LUKS volume{label}"
        case "partition table":
            return "a partition table"
        case "other":
            return f"{content.detail or 'something unknown'}{label}"
        case "empty":
            return "nothing"
        case "unknown":
            return "something that cannot be read"


def content_in_words(disk: Disk, partition: Partition | None = None) -> str:
    """What is on a device, in words; of a whole disk, what is on each of its partitions too."""
    if partition is not None or not disk.partitions:
        return in_words(partition.content if partition is not None else disk.content)
    parts = "; ".join(f"{part.path} holds {in_words(part.content)}" for part in disk.partitions)
    return f"a partition table ({parts})"


def is_empty(disk: Disk, partition: Partition | None = None) -> bool:
    """Whether nothing is on a device that could be lost."""
    if partition is not None:
        return partition.content.kind == "empty"
    return disk.content.kind == "empty" and not disk.partitions


class Obstacle(NamedTuple):
    """Why a device cannot be taken, whatever is agreed to: a check's name, and the sentence
    without its end.
    """

    name: str
    words: str


def obstacles(disk: Disk, partition: Partition | None, called: str = "it") -> Iterator[Obstacle]:
    """What stands against taking a whole disk, or one of its partitions, for the guests' disks:
    the system is on it, something uses it, it is too small. What is on it, is none of these.
    """
    system = disk.system if partition is None else partition.system
    if system:
        yield Obstacle("device-is-the-systems", f"the running system is on {called}")
    elif partition is not None and is_extended(partition):
        words = f"{called} is an extended partition: a frame around logical ones"
        yield Obstacle("device-is-extended", words)
    else:
        yield from _uses(disk, partition, called)
    content = disk.content if partition is None else partition.content
    if content.kind == "unknown":
        words = f"what is on {called} is not known, as it could not be read"
        yield Obstacle("device-unread", words)
    if disk.read_only:
        yield Obstacle("device-read-only", f"{called} is read-only")
    size = disk.size if partition is None else partition.size
    if size < SPARE_SPACE:
        words = f"{called} has {size_to_read(size)}; {size_to_read(SPARE_SPACE, up=True)} is needed"
        yield Obstacle("device-too-small", words)


def _uses(disk: Disk, partition: Partition | None, called: str) -> Iterator[Obstacle]:
    """The first use of it, or of a partition on it."""
    own = disk.content if partition is None else partition.content
    inside = disk.partitions if partition is None else ()
    for name, content in ((called, own), *((part.path, part.content) for part in inside)):
        if content.mounted_at:
            words = f"{name} is mounted at {' and '.join(content.mounted_at)}"
            yield Obstacle("device-in-use", words)
            return
        if content.used_by:
            words = (
                f"{name} is in use: it holds {in_words(content)}, "
                f"used by {' '.join(content.used_by)}"
            )
            yield Obstacle("device-in-use", words)
            return
