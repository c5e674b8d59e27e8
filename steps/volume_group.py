"""Step 7: the LVM volume group that the guests' disks are cut from.

An existing group, or a new one: in a disk's unpartitioned space, on an empty partition, or on an
empty disk. What holds anything is refused, with what is on it, unless the user typed its name.
"""

from __future__ import annotations

import re
from dataclasses import replace

from steps import identifiers, not_known
from steps.expected import with_volume_group
from steps.facts import Content, Disk, Facts, FreeRegion, VolumeGroup
from steps.kinds import show_size
from steps.lessons import volume_group as lesson
from steps.settings import SPARE_SPACE, Settings
from steps.spare_place import (
    Place,
    agreed,
    is_our_member,
    is_ours,
    made_before,
    must_be_wiped,
    place_for,
    wanted_volumes,
    what_will_be_lost,
    with_content,
    with_partition,
)
from steps.storage import (
    EXTENT,
    content_in_words,
    find_disk,
    find_partition,
    group_size,
    in_words,
    is_empty,
    largest_region,
    obstacles,
    partition_name,
    region_start,
    room_problem,
    rounded,
    stable_name,
    wanted_region,
)
from wizard.actions import Action, CommandShows, CreatePartition, Identity, RunCommand
from wizard.step import Plan, Problem

TITLE = "Volume group for the guests' disks"
LESSON = lesson.LESSON

QUESTIONS = (
    "storage.use",
    "storage.volume_group",
    "storage.device",
    "storage.region",
    "storage.partition_size",
    "storage.overwrite",
)

_LVM_MEMBER = "LVM2_member"
# wipefs's words for what is no filesystem (libblkid's tables; "minix" is both).
_TABLES = "PMBR|atari|bsd|dos|gpt|mac|sgi|solaris_x86|sun|ultrix|unixware"

# What to do about a device that cannot be taken, by the check's name.
_HINTS = {
    "device-is-the-systems": "Choose another device. This one cannot be taken, and no answer "
    "changes that.",
    "device-is-extended": "Choose a logical partition, or take free space (storage.use: "
    "free-space).",
    "device-in-use": "Choose another device, or free it first if nothing needs what is on it.",
    "device-unread": "Start with sudo to see it. If root cannot read it either, `dmesg` says why; "
    "then choose another device.",
    "device-read-only": "Choose another device.",
    "device-too-small": "Choose a larger one.",
}


# ---- check


def check(settings: Settings, facts: Facts) -> list[Problem]:
    """Whether the group is there, or can be made without harm, and all guests fit into it."""
    storage = settings.storage
    if facts.volume_groups is None:
        return [
            Problem(
                "volume-groups-unread",
                "Which volume groups there are is not known: only root can ask LVM.",
                "Start with sudo to see it.",
                severity="unknown",
            )
        ]
    group = facts.group(storage.volume_group)
    if group is not None:
        if storage.use != "existing-group" and not is_ours(group, facts, settings):
            return [
                Problem(
                    "volume-group-name-taken",
                    f"A volume group {group.name} is there already, and xen-setup did not make it.",
                    "Use it (storage.use: existing-group), or give the new one another name.",
                )
            ]
        return _check_room(settings, group.free, group.extent, group)
    if storage.use == "existing-group":
        names = ", ".join(known.name for known in facts.volume_groups) or "none"
        return [
            Problem(
                "volume-group-missing",
                f"There is no volume group {storage.volume_group} on this machine.",
                f"Groups that are there: {names}. Choose one, or let one be made "
                "(storage.use: free-space or device).",
            )
        ]
    if not storage.device:
        return [_no_spare_place(facts)]
    if storage.use == "free-space":
        return _check_free_space(settings, facts)
    return _check_device(settings, facts)


def _no_spare_place(facts: Facts) -> Problem:
    if not facts.as_root:
        return Problem(
            "spare-place-unread",
            "Whether this machine has spare disk space is not known: only root can see it.",
            "Start with sudo to see it.",
            severity="unknown",
        )
    return Problem(
        "no-spare-place",
        f"No spare place of {show_size(SPARE_SPACE)} for the guests' disks was found.",
        "Add a disk, or free some space: unpartitioned, an empty partition or disk, or free space "
        "in a volume group. To take a device that holds something, name it as storage.device and "
        "storage.overwrite.",
    )


def _check_free_space(settings: Settings, facts: Facts) -> list[Problem]:
    device = settings.storage.device
    disk = find_disk(facts, device)
    if disk is None:
        what = (
            f"{device} is a partition; free space is looked for on a whole disk."
            if find_partition(facts, device)
            else f"There is no disk {device}."
        )
        return [Problem("device-missing", what, f"Disks of this machine: {_disks(facts)}.")]
    if disk.read_only:
        return [_read_only(device)]
    if made_before(settings, facts, disk) is not None:
        place = place_for(settings, facts)
        return _check_room(settings, group_size(place.size), EXTENT) if place else []
    region = wanted_region(disk, settings.storage.region)
    if not facts.as_root and (disk.table is None or region is None):
        return [
            Problem(
                "free-space-unread",
                f"The unpartitioned space on {device} is not known: only root can read a "
                "partition table.",
                "Start with sudo to see it.",
                severity="unknown",
            )
        ]
    if disk.table is None:
        return [
            Problem(
                "no-partition-table",
                f"{device} has no partition table, so no partition can be made on it: "
                f"it holds {in_words(disk.content)}.",
                "An empty disk is taken as a whole: storage.use: device.",
            )
        ]
    if region is None and settings.storage.region and largest_region(disk) is not None:
        pieces = ", ".join(
            f"{show_size(piece.size)} from {show_size(region_start(disk, piece))} on"
            for piece in disk.free
            if piece.usable
        )
        return [
            Problem(
                "no-such-region",
                f"No unpartitioned space of {device} begins at "
                f"{show_size(settings.storage.region)}.",
                f"Its pieces: {pieces}. Choose one of them, or the largest (storage.region).",
            )
        ]
    if region is None:
        if disk.free:
            return [
                Problem(
                    "partition-table-full",
                    f"{device} has unpartitioned space, but its table has no room for another "
                    "partition (an MBR table holds four primary ones).",
                    "Choose another disk, or a partition (storage.use: device).",
                )
            ]
        return [
            Problem(
                "no-free-space",
                f"{device} has no unpartitioned space.",
                "Choose another disk, an empty partition (storage.use: device), or a volume group "
                "that is there (storage.use: existing-group).",
            )
        ]
    wanted = settings.storage.partition_size or SPARE_SPACE
    if region.size < wanted:
        which = "That" if settings.storage.region else "The largest"
        return [
            Problem(
                "free-space-too-small",
                f"{which} unpartitioned piece of {device} has {show_size(region.size)}; "
                f"{show_size(wanted)} is needed.",
                "Choose another disk or piece of it, or a smaller storage.partition_size (5GiB at "
                "the least).",
            )
        ]
    size = settings.storage.partition_size or region.size
    return _check_room(settings, group_size(size), EXTENT)


def _check_device(settings: Settings, facts: Facts) -> list[Problem]:
    device = settings.storage.device
    place = place_for(settings, facts)
    if place is None:
        return [
            Problem(
                "device-missing",
                f"There is no disk or partition {device}.",
                f"Disks of this machine: {_disks(facts)}. `lsblk` shows their partitions.",
            )
        ]
    problems = [
        Problem(
            one.name,
            f"{one.words[0].upper()}{one.words[1:]}.",
            _HINTS[one.name],
            severity="unknown" if one.name == "device-unread" and not facts.as_root else "error",
        )
        for one in obstacles(place.disk, place.partition, device)
    ]
    problems += _why_not_overwritten(settings, facts, place)
    if not problems:
        problems = [
            *what_will_be_lost(settings, facts, place),
            *_check_room(settings, group_size(place.size), EXTENT),
        ]
    return problems


def _why_not_overwritten(settings: Settings, facts: Facts, place: Place) -> list[Problem]:
    """What is on it, unless nothing is, or the user typed that it may be lost."""
    device, content = settings.storage.device, place.content
    if content.kind == "unknown":
        return []  # that it is not known stands against it already
    if is_empty(place.disk, place.partition) or is_our_member(content, settings, facts):
        return []
    if agreed(settings, facts):
        return []
    return [
        Problem(
            "device-not-empty",
            f"{device} is not empty: it holds {content_in_words(place.disk, place.partition)}.",
            "Choose an empty device. To lose what is on this one, choose it among the questions, "
            f"and type its name there; or write storage.overwrite: {device}",
        )
    ]


def _check_room(
    settings: Settings, free: int, extent: int, group: VolumeGroup | None = None
) -> list[Problem]:
    there = {volume.name for volume in group.volumes} if group is not None else set()
    wanted = wanted_volumes(settings)
    needed = sum(rounded(size, extent) for name, size in wanted.items() if name not in there)
    if needed <= free:
        return []
    return [room_problem(needed, free, "the volume group", len(settings.guests))]


def _read_only(device: str) -> Problem:
    return Problem("device-read-only", f"{device} is read-only.", "Choose another device.")


def _disks(facts: Facts) -> str:
    return (
        ", ".join(
            f"{stable_name(disk)} ({show_size(disk.size)})"
            if stable_name(disk) == disk.path
            else f"{stable_name(disk)} ({disk.path}, {show_size(disk.size)})"
            for disk in facts.disks
        )
        or "none that can be seen"
    )


# ---- plan


def plan(settings: Settings, facts: Facts) -> Plan[Facts]:
    """The partition if one is wanted, the physical volume, the group."""
    name = settings.storage.volume_group
    if facts.group(name) is not None:
        return Plan((), facts, skipped=(f"The volume group {name} is there.",))
    place = place_for(settings, facts)
    if place is None or settings.storage.use == "existing-group":
        # Without root nothing is known of it; the steps after this go on as if it were there.
        return Plan(
            (),
            with_volume_group(facts, _expected(settings, SPARE_SPACE, settings.storage.device)),
            notes=(f"Whether there is room for {name} is not known: only root can see it.",),
        )
    actions: list[Action] = []
    skipped = []
    whole = _disk_identity(place.disk)
    if place.region is not None:
        size = settings.storage.partition_size or place.region.size
        device = partition_name(stable_name(place.disk), place.region.next_number)
        partition = _new_partition(place.disk, place.region, size, device)
        actions.append(partition)
        identity = whole
        facts = with_partition(facts, place.disk, partition, size)
    else:
        size = place.size
        thing = place.partition or place.disk
        device = stable_name(thing)
        identity = Identity(
            path=device,
            size=thing.size_bytes,
            serial=place.disk.serial,
            table_id=place.disk.table_id if place.partition is not None else "",
            content=place.content.word,
        )
        if place.partition is not None and settings.storage.use == "free-space":
            skipped.append(f"The partition {device} is there, empty and meant for LVM.")
    if place.region is None and must_be_wiped(settings, facts, place):
        actions += _wipes(device, place, identity)
        identity = replace(identity, content="")
    uuid = identifiers.physical_volume_uuid(facts, name)
    if is_our_member(place.content, settings, facts):
        skipped.append(f"{device} is a physical volume already.")
    else:
        actions.append(_pvcreate(device, uuid, identity, new=place.region is not None))
    actions.append(_vgcreate(name, device, uuid))
    path = (
        partition_name(place.disk.path, place.region.next_number)
        if place.region
        else (place.partition or place.disk).path
    )
    then = with_content(facts, path, Content("lvm", _LVM_MEMBER, "", uuid, (), (name,)))
    then = with_volume_group(then, _expected(settings, size, path))
    unknown = (not_known.size_of_group(name),)
    return Plan(tuple(actions), then, skipped=tuple(skipped), unknown=unknown)


def _expected(settings: Settings, size: int, device: str) -> VolumeGroup:
    return VolumeGroup(
        name=settings.storage.volume_group,
        uuid="",
        tags=(identifiers.TAG,),
        size=group_size(size),
        free=group_size(size),
        extent=EXTENT,
        devices=(device,),
        volumes=(),
    )


def _disk_identity(disk: Disk) -> Identity:
    return Identity(
        path=stable_name(disk),
        size=disk.size_bytes,
        serial=disk.serial,
        table_id=disk.table_id,
        content=disk.content.word,
    )


def _new_partition(disk: Disk, region: FreeRegion, size: int, device: str) -> CreatePartition:
    return CreatePartition(
        disk=_disk_identity(disk),
        number=region.next_number,
        start=region.start,
        sectors=min(size * 1024 * 1024 // disk.sector_size, region.sectors),
        sector_size=disk.sector_size,
        why=f"LVM takes a whole device. A partition in {disk.path}'s unpartitioned space makes one "
        "of it, and touches none of the partitions that are there.",
        path=device,
        label="gpt" if disk.table == "gpt" else "msdos",
    )


def _wipes(device: str, place: Place, identity: Identity) -> list[Action]:
    held = content_in_words(place.disk, place.partition)
    look = ("wipefs", "--noheadings", "--output", "TYPE", device)
    wipe = RunCommand(
        ("wipefs", "--all", device),
        why=f"{device} holds {held}. You typed its path to have that lost: its signatures are "
        "erased, so that neither LVM nor the next boot takes it for what it was.",
        probe=CommandShows(look, r"\S", lacks=True),
        undo_class="no undo",
        undo_note=f"what {device} holds ({held}) is lost",
        agreed_by="storage.overwrite",
        identity=identity,
    )
    if place.partition is None:
        return [wipe]
    # Without --force wipefs wipes nothing that is in use: so that comes first.
    return [
        replace(wipe, probe=CommandShows(look, rf"^(?!(?:{_TABLES})\s*$)\S", lacks=True)),
        replace(
            wipe,
            argv=("wipefs", "--all", "--force", device),
            why="On a partition wipefs leaves what looks like a partition table, unless it is "
            "forced. NTFS and exFAT often have one in their first sector; LVM would ask about it.",
            identity=replace(identity, content="", or_table=True),
        ),
    ]


def _pvcreate(device: str, uuid: str, identity: Identity, new: bool) -> RunCommand:
    # Remains of an old partition in the space that was free would make pvcreate ask; anywhere
    # else a signature that was not there before is a reason to stop: without a terminal the
    # question is answered with no.
    agree = ("--yes",) if new else ()
    return RunCommand(
        ("pvcreate", *agree, "--uuid", uuid, "--norestorefile", device),
        why="A physical volume is a device with LVM's label on it. Its UUID is chosen beforehand, "
        "so that it is known again as ours, whatever the device is called by then.",
        probe=CommandShows(
            ("pvs", "--noheadings", "--options", "pv_uuid", device),
            rf"^\s*{re.escape(uuid)}\s*$",
            absent=identifiers.ABSENT_IN_LVM,
        ),
        undo=("pvremove", device),
        undo_class="by removal",
        timeout=120,
        identity=identity,
    )


def _vgcreate(name: str, device: str, uuid: str) -> RunCommand:
    return RunCommand(
        ("vgcreate", "--addtag", identifiers.TAG, name, device),
        why="The volume group is the pool that the guests' volumes are cut from, and a folder in "
        f"/dev. The tag {identifiers.TAG} marks it as ours.",
        probe=CommandShows(
            ("vgs", "--noheadings", "--options", "vg_name,vg_tags,pv_uuid", name),
            rf"^\s*{re.escape(name)}\s+(\S+,)?{identifiers.TAG}(,\S+)?\s+{re.escape(uuid)}\s*$",
            absent=identifiers.ABSENT_IN_LVM,
        ),
        undo=("vgremove", name),
        undo_class="by removal",
        timeout=120,
    )


# ---- verify


def verify(settings: Settings, facts: Facts) -> list[Problem]:
    """The group is there, and all guests fit."""
    if facts.volume_groups is None:
        return check(settings, facts)
    group = facts.group(settings.storage.volume_group)
    if group is None:
        return [
            Problem(
                "volume-group-missing",
                f"The volume group {settings.storage.volume_group} is not there.",
                "See what `vgs` and `pvs` say.",
            )
        ]
    return _check_room(settings, group.free, group.extent, group)
