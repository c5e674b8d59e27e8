"""Step 8: root and swap volumes for each guest, with filesystems whose UUIDs the plan chooses."""

from __future__ import annotations

import re
from dataclasses import replace

from steps import identifiers
from steps.expected import with_tree, with_volume_group
from steps.facts import Content, Facts, GuestTree, LogicalVolume
from steps.guest_disks import GuestDisk, dependents, disks
from steps.hosts.guest_releases import FILESYSTEM_PACKAGES
from steps.kinds import show_size
from steps.lessons import guest_volumes as lesson
from steps.settings import Settings
from steps.storage import in_words, room_problem, rounded
from wizard.actions import Action, CommandShows, Identity, RunCommand
from wizard.step import Plan, Problem

TITLE = "Volumes for the guests"
LESSON = lesson.LESSON

QUESTIONS = ("guests.name", "guests.root_size", "guests.swap_size", "guests.filesystem")


def check(settings: Settings, facts: Facts) -> list[Problem]:
    """Whether the volumes can be made, or are there and are ours or empty."""
    problems = []
    group = facts.group(settings.storage.volume_group)
    if group is None:
        if facts.volume_groups is None:
            return []  # the step before says that nothing is known
        return [
            Problem(
                "volume-group-missing",
                f"There is no volume group {settings.storage.volume_group} for the guests' "
                "volumes.",
                "The step volume_group makes it, once in a run, or says what stands in the way. If "
                "it was there: see with `vgs` and `pvs` what became of it.",
                follows=True,
            )
        ]
    needed = 0
    for disk in _all_disks(settings, facts):
        volume = facts.volume(group.name, disk.volume)
        if volume is None:
            needed += rounded(disk.size, group.extent)
        else:
            problems += _check_volume(disk, volume, as_root=facts.as_root)
        package = _package(disk)
        if package not in facts.packages and package not in facts.installable:
            problems.append(
                Problem(
                    "filesystem-tools-missing",
                    f"{disk.device} shall get {disk.filesystem}, and {package}, which makes it, is "
                    "neither installed nor can be.",
                    f"Install {package}, or choose ext4 (guests: filesystem).",
                )
            )
    if needed > group.free:
        name = f"the volume group {group.name}"
        problems.append(room_problem(needed, group.free, name, len(settings.guests)))
    return problems


def _unread(disk: GuestDisk, *, as_root: bool) -> Problem:
    if as_root:
        return Problem(
            "volume-unread",
            f"The volume {disk.device} is there, and cannot be read.",
            "`dmesg | tail` says whether the disk below it fails, or is gone. A volume that is "
            f"only switched off: `lvchange --activate y {disk.device}`.",
        )
    return Problem(
        "volume-unread",
        f"What is on {disk.device} is not known: only root can read it.",
        "Start with sudo to see it.",
        severity="unknown",
    )


def _check_volume(disk: GuestDisk, volume: LogicalVolume, *, as_root: bool) -> list[Problem]:
    if volume.size < disk.size:
        return [
            Problem(
                "volume-too-small",
                f"{disk.device} is there with {show_size(volume.size)}; {show_size(disk.size)} "
                "is wanted.",
                f"Enlarge it (lvextend --resizefs --size {disk.size}m {disk.device}), or give its "
                "size in the answers.",
            )
        ]
    if _is_made(disk, volume) or (volume.content.kind == "empty" and not volume.open):
        return []
    if volume.content.kind == "unknown":
        return [_unread(disk, as_root=as_root)]
    use = "is in use" if volume.open else f"holds {in_words(volume.content)}"
    return [
        Problem(
            "volume-taken",
            f"{disk.device} is there already and {use}; xen-setup did not make that.",
            "Give the guest another name. Or, if nothing on the volume is needed: "
            f"lvremove {disk.device}",
        )
    ]


# ---- plan


def plan(settings: Settings, facts: Facts) -> Plan[Facts]:
    """For each guest's disk: the volume, and what is to be on it."""
    actions: list[Action] = []
    skipped = []
    for disk in _all_disks(settings, facts):
        group = facts.group(settings.storage.volume_group)
        volume = facts.volume(settings.storage.volume_group, disk.volume)
        if volume is not None and _is_made(disk, volume):
            skipped.append(f"{disk.device} is there, with {disk.filesystem} on it.")
            continue
        if volume is None:
            actions.append(_lvcreate(settings.storage.volume_group, disk))
            # Of this one nothing is wiped: a script that is run later may find it in use.
            identity = Identity(path=disk.device, size=0)
        else:
            skipped.append(f"The volume {disk.device} is there, and empty.")
            identity = Identity(path=disk.device, size=volume.size * 1024 * 1024)
        actions.append(_make_filesystem(settings.storage.volume_group, disk, identity))
        if group is not None:
            made = LogicalVolume(
                name=disk.volume,
                path=disk.device,
                uuid=volume.uuid if volume else "",
                tags=volume.tags if volume else (identifiers.TAG,),
                size=volume.size if volume else rounded(disk.size, group.extent),
                open=False,
                content=_content(disk),
            )
            others = tuple(known for known in group.volumes if known.name != disk.volume)
            free = group.free - (0 if volume else made.size)
            facts = with_volume_group(facts, replace(group, free=free, volumes=(*others, made)))
        if disk.filesystem != "swap":
            facts = with_tree(facts, GuestTree(disk.device, empty=True))
    return Plan(tuple(actions), facts, skipped=tuple(skipped))


def _lvcreate(group: str, disk: GuestDisk) -> RunCommand:
    return RunCommand(
        (
            "lvcreate",
            "--name",
            disk.volume,
            "--size",
            f"{disk.size}m",
            "--addtag",
            identifiers.TAG,
            "--wipesignatures",
            "y",
            "--yes",
            group,
        ),
        why=f"A volume of {show_size(disk.size)}, cut from the group: on the host {disk.device}, "
        f"in the guest its disk {disk.target}. Remains of older filesystems in that space are "
        "erased, so nothing is taken for what it is not.",
        probe=CommandShows(
            ("lvs", "--noheadings", "--options", "lv_name,lv_tags", f"{group}/{disk.volume}"),
            rf"^\s*{re.escape(disk.volume)}\s+(\S+,)?{identifiers.TAG}(,\S+)?\s*$",
            absent=identifiers.ABSENT_IN_LVM,
        ),
        undo=("lvremove", "--yes", f"{group}/{disk.volume}"),
        undo_class="by removal",
        dependents=dependents(group, disk.volume),
        # What was made on it is wiped before: whatever is there then was made since.
        spared=("wipefs", "--noheadings", "--output", "TYPE", disk.device),
        timeout=120,
        space=disk.size,
    )


def _make_filesystem(group: str, disk: GuestDisk, identity: Identity) -> RunCommand:
    match disk.filesystem:
        case "ext4" | "ext3":
            argv = (f"mkfs.{disk.filesystem}", "-U", disk.uuid, disk.device)
        case "xfs":
            argv = ("mkfs.xfs", "-m", f"uuid={disk.uuid}", disk.device)
        case "btrfs":
            argv = ("mkfs.btrfs", "--uuid", disk.uuid, disk.device)
        case "swap":
            argv = ("mkswap", "--uuid", disk.uuid, disk.device)
        case other:
            raise ValueError(f"{other} is no filesystem that a guest can have")
    has_uuid = CommandShows(
        ("blkid", "--probe", "--match-tag", "UUID", "--output", "value", disk.device),
        rf"^{re.escape(disk.uuid)}$",
    )
    what = (
        "Swap space: where the guest's kernel puts what does not fit into its memory."
        if disk.filesystem == "swap"
        else f"An {disk.filesystem} filesystem for the guest's system."
        if disk.filesystem.startswith("e")
        else f"A {disk.filesystem} filesystem for the guest's system."
    )
    probe, traces = has_uuid, None
    if disk.filesystem == "xfs":
        # mkfs.xfs writes its UUID first, and at its end that nothing is in progress any more.
        probe = CommandShows(
            ("xfs_db", "-r", "-c", "sb 0", "-c", "print uuid inprogress", disk.device),
            rf"^uuid = {re.escape(disk.uuid)}\ninprogress = 0$",
        )
        traces = has_uuid
    return RunCommand(
        argv,
        why=f"{what} Its UUID is chosen beforehand, so that it is known again.",
        probe=probe,
        undo=("wipefs", "--all", disk.device),
        undo_class="by removal",
        dependents=dependents(group, disk.volume),
        timeout=600,
        estimate=2,
        identity=identity,
        traces=traces,
    )


# ---- verify


def verify(settings: Settings, facts: Facts) -> list[Problem]:
    """Every volume is there, large enough, with the filesystem that was made on it."""
    problems = []
    if facts.volume_groups is None:
        return []
    for disk in _all_disks(settings, facts):
        volume = facts.volume(settings.storage.volume_group, disk.volume)
        if volume is None:
            problems.append(
                Problem(
                    "volume-missing",
                    f"The volume {disk.device} is not there.",
                    "See what `lvs` and `journalctl --boot` say.",
                )
            )
        elif volume.content.kind == "unknown":
            problems.append(_unread(disk, as_root=facts.as_root))
        elif not _is_made(disk, volume):
            problems.append(
                Problem(
                    "volume-not-made",
                    f"{disk.device} holds {in_words(volume.content)}, not the {disk.filesystem} "
                    "that was made on it.",
                    f"See what `blkid --probe {disk.device}` says.",
                )
            )
    return problems


# ---- private


def _all_disks(settings: Settings, facts: Facts) -> list[GuestDisk]:
    return [disk for guest in settings.guests for disk in disks(settings, facts, guest)]


def _content(disk: GuestDisk) -> Content:
    if disk.filesystem == "swap":
        return Content("swap", "swap", "", disk.uuid)
    return Content("filesystem", disk.filesystem, "", disk.uuid)


def _is_made(disk: GuestDisk, volume: LogicalVolume) -> bool:
    """Whether what is on the volume is what we make there: our UUID, whatever else changed."""
    return volume.content.uuid == disk.uuid and volume.content.kind in ("filesystem", "swap")


def _package(disk: GuestDisk) -> str:
    if disk.filesystem == "swap":
        return "util-linux"
    return FILESYSTEM_PACKAGES[disk.filesystem]
