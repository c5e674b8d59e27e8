"""Where a physical volume can go, and what stands in the way: for the volume group's step."""

from __future__ import annotations

from dataclasses import dataclass, replace

from steps import identifiers
from steps.facts import Content, Disk, Facts, FreeRegion, Partition, VolumeGroup
from steps.settings import Settings
from steps.storage import (
    SPARE_SPACE,
    content_in_words,
    find_disk,
    find_partition,
    is_for_lvm,
    kernel_path,
    largest_region,
    partition_name,
    wanted_region,
)
from wizard.actions import CreatePartition
from wizard.step import Problem


@dataclass(frozen=True)
class Place:
    """Where the physical volume goes: a device that is there, or a region for a partition."""

    disk: Disk
    partition: Partition | None = None
    region: FreeRegion | None = None

    @property
    def size(self) -> int:
        """In MiB."""
        if self.region is not None:
            return self.region.size
        return self.partition.size if self.partition is not None else self.disk.size

    @property
    def content(self) -> Content:
        if self.region is not None:
            return Content("empty")
        return self.partition.content if self.partition is not None else self.disk.content


def is_ours(group: VolumeGroup, facts: Facts, settings: Settings) -> bool:
    """A group with our tag, on the device that was asked for."""
    if identifiers.TAG not in group.tags:
        return False
    disk = find_disk(facts, settings.storage.device)
    inside = [part.path for part in disk.partitions] if disk is not None else []
    found = find_partition(facts, settings.storage.device)
    own = {*([disk.path] if disk else []), *inside, *([found[1].path] if found else [])}
    known = {kernel_path(facts, device) for device in group.devices}
    # A device that is not listed (a mapper's, say) cannot be compared: the tag counts then.
    return not own or bool(own & known) or settings.storage.device in group.devices


def place_for(settings: Settings, facts: Facts) -> Place | None:
    """Where the physical volume goes; None when that is not known or not there."""
    device = settings.storage.device
    disk = find_disk(facts, device)
    if settings.storage.use == "free-space":
        if disk is None:
            return None
        if (made := made_before(settings, facts, disk)) is not None:
            return Place(disk, partition=made)
        region = wanted_region(disk, settings.storage.region)
        return Place(disk, region=region) if region is not None and disk.table else None
    if disk is not None:
        return Place(disk)
    found = find_partition(facts, device)
    return Place(found[0], partition=found[1]) if found is not None else None


def made_before(settings: Settings, facts: Facts, disk: Disk) -> Partition | None:
    """The partition that an earlier start of this step made there, before it was cut off.

    Ours is one with our physical volume on it, or one that is empty, meant for LVM, and of the
    size that was asked for (for `rest`: with no room beside it for another); where a piece of the
    disk was asked for, it begins there.
    """
    for partition in disk.partitions:
        if is_our_member(partition.content, settings, facts):
            return partition
    region = largest_region(disk)
    for partition in disk.partitions:
        if partition.content.kind != "empty" or partition.system or not is_for_lvm(partition):
            continue
        if partition.content.used_by or partition.size < SPARE_SPACE:
            continue
        size, start = settings.storage.partition_size, settings.storage.region
        if start and partition.start * disk.sector_size != start * 1024 * 1024:
            continue
        if start and not size:
            return partition
        if partition.size == size or (not size and (region is None or region.size < SPARE_SPACE)):
            return partition
    return None


def is_our_member(content: Content, settings: Settings, facts: Facts) -> bool:
    """A physical volume with the UUID that we choose, in no group yet."""
    uuid = identifiers.physical_volume_uuid(facts, settings.storage.volume_group)
    return content.kind == "lvm" and content.uuid == uuid and not content.used_by


def agreed(settings: Settings, facts: Facts) -> bool:
    """Whether the user typed the device's path as the one to be overwritten."""
    typed = settings.storage.overwrite
    return typed != "no" and kernel_path(facts, typed) == kernel_path(
        facts, settings.storage.device
    )


def must_be_wiped(settings: Settings, facts: Facts, place: Place) -> bool:
    return (
        place.content.kind != "empty"
        and not is_our_member(place.content, settings, facts)
        and agreed(settings, facts)
    )


def what_will_be_lost(settings: Settings, facts: Facts, place: Place) -> list[Problem]:
    """A warning of what is on a device that the answers agree to lose."""
    if not must_be_wiped(settings, facts, place):
        return []
    held = content_in_words(place.disk, place.partition)
    return [
        Problem(
            "device-is-overwritten",
            f"{settings.storage.device} holds {held}: that will be lost, and no rollback brings it "
            "back.",
            "storage.overwrite agrees to it; take that answer out if it is not meant so.",
            severity="warning",
        )
    ]


def wanted_volumes(settings: Settings) -> dict[str, int]:
    """The volumes that all guests together want, by name, in MiB."""
    wanted = {}
    for guest in settings.guests:
        wanted[f"{guest.name}-root"] = guest.root_size
        if guest.swap_size:
            wanted[f"{guest.name}-swap"] = guest.swap_size
    return wanted


def lost_devices(settings: Settings, facts: Facts) -> tuple[str, ...]:
    """The kernel's paths of the devices whose content these settings agree to lose."""
    if settings.storage.use != "device":
        return ()
    place = place_for(settings, facts)
    if place is None or not must_be_wiped(settings, facts, place):
        return ()
    return ((place.partition or place.disk).path,)


def with_partition(facts: Facts, disk: Disk, action: CreatePartition, size: int) -> Facts:
    """The facts with the new partition, and its space not free any more."""
    path = partition_name(disk.path, action.number)
    made = Partition(
        path=path,
        names=tuple(partition_name(name, action.number) for name in disk.names),
        number=action.number,
        start=action.start,
        sectors=action.sectors,
        size=size,
        size_bytes=action.sectors * action.sector_size,
        uuid="",
        type="0x8e" if disk.table == "msdos" else "e6d6d379-f507-44c2-a23c-238f2a3df928",
        content=Content("empty"),
    )
    free = tuple(region for region in disk.free if region.start != action.start)
    changed = replace(disk, partitions=(*disk.partitions, made), free=free)
    return replace(
        facts, disks=tuple(changed if known.path == disk.path else known for known in facts.disks)
    )


def with_content(facts: Facts, path: str, content: Content) -> Facts:
    """The facts with something else on a disk or partition; a disk loses its partitions."""
    disks = []
    for disk in facts.disks:
        if disk.path == path:
            disks.append(
                replace(disk, content=content, table=None, table_id="", partitions=(), free=())
            )
        else:
            parts = tuple(
                replace(part, content=content) if part.path == path else part
                for part in disk.partitions
            )
            disks.append(replace(disk, partitions=parts))
    return replace(facts, disks=tuple(disks))
