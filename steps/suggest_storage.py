"""What is suggested and offered of this machine's disks and volume groups for the guests' disks.

Sizes are in MiB.
"""

from __future__ import annotations

from collections.abc import Sequence

from steps import not_known
from steps.facts import Disk, Facts, FreeRegion, Partition
from steps.kinds import Share, exact_to_read, show_size, size_to_read
from steps.storage import (
    SPARE_SPACE,
    find_disk,
    in_words,
    is_empty,
    largest_region,
    obstacles,
    region_start,
    stable_name,
    wanted_region,
)
from wizard.questions import Choice, Known, Loss


def _facts(known: Known) -> Facts:
    facts: Facts = known.facts
    return facts


def _best_place(facts: Facts, use: str = "") -> tuple[str, str]:
    """The best (use, device), of that use if one is named: free space, then an empty partition,
    then an empty disk.
    """
    regions = [
        (region.size, stable_name(disk))
        for disk in facts.disks
        for region in disk.free
        if disk.table and region.usable and region.size >= SPARE_SPACE and not disk.read_only
    ]
    if regions and use in ("", "free-space"):
        return "free-space", max(regions)[1]
    partitions = [
        (part.size, stable_name(part))
        for disk in facts.disks
        for part in disk.partitions
        if part.content.kind == "empty" and not part.system and part.size >= SPARE_SPACE
    ]
    empty = [
        (disk.size, stable_name(disk))
        for disk in facts.disks
        if disk.content.kind == "empty" and not disk.partitions and not disk.system
        if disk.size >= SPARE_SPACE and not disk.read_only and not disk.removable
    ]
    if (partitions or empty) and use in ("", "device"):
        return "device", max(partitions or empty)[1]
    return "", ""


def _roomy_group(facts: Facts) -> str:
    groups = [
        (group.free, group.name)
        for group in facts.volume_groups or ()
        if group.free >= SPARE_SPACE or "xen-setup" in group.tags
    ]
    return max(groups)[1] if groups else ""


def default_use(known: Known) -> str | None:
    facts = _facts(known)
    return "existing-group" if _roomy_group(facts) else _best_place(facts)[0] or None


def because_use(known: Known) -> str:
    match default_use(known):
        case "existing-group":
            return f"the volume group {_roomy_group(_facts(known))} is here and has room"
        case "free-space":
            return f"{_best_place(_facts(known))[1]} has unpartitioned space: nothing is lost there"
        case "device":
            return f"{_best_place(_facts(known))[1]} is empty"
    return _why_no_place(_facts(known))


def _why_no_place(facts: Facts) -> str:
    if not facts.as_root:
        return "only root can read what is free on the disks"
    return (
        f"no group, empty partition, empty disk or unpartitioned space of {show_size(SPARE_SPACE)} "
        "was found"
    )


def default_device(known: Known) -> str | None:
    return _best_place(_facts(known), str(known.answers.get("storage.use", "")))[1] or None


def because_device(known: Known) -> str:
    if default_device(known) is None:
        return _why_no_place(_facts(known))
    best = default_device(known)
    disk = next((disk for disk in _facts(known).disks if best in disk.names), None)
    shorter = f"{disk.path}, " if disk is not None and disk.path != best else ""
    return f"it is {shorter}the largest spare place of this machine"


def default_group(known: Known) -> str:
    if known.answers.get("storage.use") == "existing-group":
        return _roomy_group(_facts(known)) or "xendisks"
    return "xendisks"


def needs_device(known: Known) -> bool:
    return known.answers.get("storage.use") != "existing-group"


def takes_free_space(known: Known) -> bool:
    return known.answers.get("storage.use") == "free-space"


def takes_device(known: Known) -> bool:
    return known.answers.get("storage.use") == "device"


def _disk_of(known: Known) -> Disk | None:
    """The disk that was answered, if it has a partition table."""
    disk = find_disk(_facts(known), str(known.answers.get("storage.device", "")))
    return disk if disk is not None and disk.table else None


def _roomy_regions(disk: Disk) -> list[FreeRegion]:
    """The pieces of a disk that are worth a partition."""
    return [each for each in disk.free if each.usable and each.size >= SPARE_SPACE]


def has_several_regions(known: Known) -> bool:
    disk = _disk_of(known)
    return disk is not None and len(_roomy_regions(disk)) > 1


def exact_region(start: int, known: Known) -> int:
    """Where the piece begins that is taken; 0 where there is only one. What is the largest now is
    not the largest any more when the partition is in it.
    """
    disk = _disk_of(known)
    largest = largest_region(disk) if disk is not None else None
    if start or disk is None or largest is None or not has_several_regions(known):
        return start
    return region_start(disk, largest)


def default_region(known: Known) -> int:
    return exact_region(0, known)


def region_choices(known: Known) -> Sequence[Choice]:
    disk = _disk_of(known)
    largest = largest_region(disk) if disk is not None else None
    if disk is None or largest is None:
        return []
    alone = not has_several_regions(known)
    return [
        Choice(
            "largest" if alone and region == largest else show_size(region_start(disk, region)),
            _region_title(disk, region) + (", the largest" if region == largest else ""),
            _why_no_partition(region),
            names=(show_size(region_start(disk, region)),),
        )
        for region in sorted(disk.free, key=lambda region: region.start)
    ]


def _region_title(disk: Disk, region: FreeRegion) -> str:
    """How large a piece is, where it begins, and between what it lies."""
    before = max(
        (part for part in disk.partitions if part.start < region.start),
        key=lambda part: part.start,
        default=None,
    )
    where = f"after {before.path}" if before is not None else "before all partitions"
    start = exact_to_read(region_start(disk, region))
    return f"{size_to_read(region.size)}  from {start} on, {where}"


def _why_no_partition(region: FreeRegion) -> str:
    if not region.usable:
        return "the partition table has no room for another one here"
    return f"{size_to_read(SPARE_SPACE, up=True)} is needed" if region.size < SPARE_SPACE else ""


def share_of_free_space(size: int, known: Known) -> int:
    """In MiB, for a share of the unpartitioned region that is taken; 0 (all) where that is not
    known.
    """
    if not isinstance(size, Share):
        return size
    disk = _disk_of(known)
    region = wanted_region(disk, known.answers.get("storage.region", 0)) if disk else None
    return region.size * size // 100 if region is not None else 0


def partition_is_large_enough(size: int, known: Known) -> str:
    if not 0 < size < SPARE_SPACE:
        return ""
    device = known.answers.get("storage.device")
    return f"Of {device} that is {show_size(size)}; {show_size(SPARE_SPACE)} is needed."


def how_much_the_group_holds(known: Known) -> str:
    """What is not known of the room for guests' volumes: of a group that is there, nothing."""
    if not needs_device(known):
        return ""
    return not_known.size_of_group(str(known.answers.get("storage.volume_group", "the group")))


def use_choices(known: Known) -> Sequence[Choice]:
    facts = _facts(known)
    groups = ", ".join(
        f"{group.name} ({size_to_read(group.free)} free)" for group in facts.volume_groups or ()
    )
    return [
        Choice(
            "existing-group",
            f"existing-group  a volume group{f' that is here: {groups}' if groups else ''}",
            "" if groups else "there is none on this machine",
        ),
        Choice(
            "free-space",
            "free-space      unpartitioned space of a disk, for a new partition",
            "" if any(disk.table and disk.free for disk in facts.disks) else "no disk has any",
        ),
        Choice(
            "device", "device          a partition or disk: empty, or one that loses its content"
        ),
    ]


def group_choices(known: Known) -> Sequence[Choice]:
    if known.answers.get("storage.use") != "existing-group":
        return []
    return [
        Choice(
            group.name,
            f"{group.name}  {size_to_read(group.size)}, {size_to_read(group.free)} of it free",
            "" if group.free or "xen-setup" in group.tags else "it is full",
        )
        for group in _facts(known).volume_groups or ()
    ]


def device_choices(known: Known) -> Sequence[Choice]:
    facts = _facts(known)
    if takes_free_space(known):
        return [
            Choice(
                stable_name(disk),
                f"{disk.path}  {disk.model or 'disk'}  {size_to_read(disk.size)}{_free_of(disk)}",
                _why_no_region(disk),
                names=(disk.path, *disk.names),
            )
            for disk in facts.disks
        ]
    return [
        _device_choice(disk, partition)
        for disk in facts.disks
        for partition in (None, *disk.partitions)
    ]


def _free_of(disk: Disk) -> str:
    """What is free on a disk, piece by piece, the large ones."""
    pieces = [size_to_read(region.size) for region in _roomy_regions(disk)]
    if not pieces:
        return ""
    return f"  free: {pieces[0]}" if len(pieces) == 1 else f"  free in pieces: {', '.join(pieces)}"


def _why_no_region(disk: Disk) -> str:
    if not disk.table or not disk.free:
        return "no unpartitioned space"
    if disk.read_only:
        return "it is read-only"
    reasons = [_why_no_partition(region) for region in disk.free]
    if "" in reasons:
        return ""
    largest = max(disk.free, key=lambda region: region.size)
    return f"{size_to_read(largest.size)} free in one piece: {_why_no_partition(largest)}"


def device_would_lose(known: Known) -> bool:
    """Whether the device that was answered holds what could be lost."""
    device = str(known.answers.get("storage.device", ""))
    return any(choice.loss and choice.is_called(device) for choice in device_choices(known))


def _device_choice(disk: Disk, partition: Partition | None) -> Choice:
    """A whole disk, or a partition: what it is, why it cannot be taken, or what would be lost."""
    thing = partition or disk
    stands = next(obstacles(disk, partition), None)
    if partition is None:
        title = f"{disk.path}  {disk.model or 'disk'}  {size_to_read(disk.size)}  whole disk"
        held = "partitions, with all that is on them" if disk.partitions else ""
        held = held or in_words(disk.content)
    else:
        title = f"{partition.path}  {size_to_read(partition.size)}"
        held = in_words(partition.content)
    names = (thing.path, *thing.names)
    if stands is not None:
        return Choice(stable_name(thing), title, stands.words, names)
    if is_empty(disk, partition):
        return Choice(stable_name(thing), f"{title}  empty", names=names)
    return Choice(
        stable_name(thing),
        f"{title}  holds {held}: you would lose that",
        names=names,
        loss=Loss(held, "storage.overwrite"),
    )
