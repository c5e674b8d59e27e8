"""Disks, partitions and volume groups in the facts: found by name, measured, said in words."""

from __future__ import annotations

import re

from steps.facts import Content, Disk, Facts, FreeRegion, Partition
from steps.kinds import show_size
from steps.settings import Settings
from wizard.step import Problem

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


def wanted_volumes(settings: Settings) -> dict[str, int]:
    """The volumes that all guests together want, by name, in MiB."""
    wanted = {}
    for guest in settings.guests:
        wanted[f"{guest.name}-root"] = guest.root_size
        if guest.swap_size:
            wanted[f"{guest.name}-swap"] = guest.swap_size
    return wanted


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
