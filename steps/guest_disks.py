"""A guest's disks, seen from both sides: what they are called on the host and in the guest.

The names in the guest's config, in its kernel's `root=` and in its fstab must agree: all come
from here.
"""

from __future__ import annotations

from dataclasses import dataclass

from steps import identifiers
from steps.facts import Facts
from steps.hosts.toolstacks import TOOLSTACKS
from steps.settings import GuestSettings, Settings
from wizard.actions import Argv, Volume

MOUNT_DIRECTORY = "/run/xen-setup"


@dataclass(frozen=True)
class GuestDisk:
    """One disk: `volume` in the group and `device` on the host; `target` is the guest's name for
    it. `size` in MiB; `filesystem` may be "swap"; `uuid` is chosen for what is made on it.
    """

    volume: str
    device: str
    target: str
    size: int
    filesystem: str
    uuid: str


def root_device(settings: Settings, guest: GuestSettings) -> str:
    """The root volume's device on the host."""
    return f"/dev/{settings.storage.volume_group}/{guest.name}-root"


def disks(settings: Settings, facts: Facts, guest: GuestSettings) -> tuple[GuestDisk, ...]:
    """The guest's disks, root first."""
    group = settings.storage.volume_group

    def disk(end: str, target: str, size: int, filesystem: str) -> GuestDisk:
        name = f"{guest.name}-{end}"
        device = f"/dev/{group}/{name}"
        uuid = identifiers.filesystem_uuid(facts, device)
        return GuestDisk(name, device, target, size, filesystem, uuid)

    name = TOOLSTACKS[settings.host.toolstack].disk
    root = disk("root", f"{name}1", guest.root_size, guest.filesystem)
    if not guest.swap_size:
        return (root,)
    return (root, disk("swap", f"{name}2", guest.swap_size, "swap"))


def dependents(group: str, volume: str) -> Argv:
    """What lists the snapshots of a volume: lvremove would take them along (lvremove(8)), and each
    change to the volume fills them, until they are lost.
    """
    select = f'origin="{volume}"'
    return ("lvs", "--noheadings", "--options", "lv_full_name", "--select", select, group)


def mount_point(guest: GuestSettings) -> str:
    """Where the host mounts the guest's root volume while it works in it."""
    return f"{MOUNT_DIRECTORY}/{guest.name}"


def root_filesystem(
    settings: Settings, facts: Facts, guest: GuestSettings, *, system: bool = False
) -> Volume:
    """The guest's root volume as something to work inside of."""
    device = root_device(settings, guest)
    uuid = identifiers.filesystem_uuid(facts, device)
    return Volume(device, mount_point(guest), guest.filesystem, system=system, uuid=uuid)


def fstab(settings: Settings, facts: Facts, guest: GuestSettings) -> str:
    """The guest's /etc/fstab, which shows the disks of its config."""
    lines = ["# <device> <mount point> <type> <options> <dump> <pass>"]
    for disk in disks(settings, facts, guest):
        if disk.filesystem == "swap":
            lines.append(f"/dev/{disk.target} none swap sw 0 0")
        elif disk.filesystem in ("ext3", "ext4"):
            lines.append(f"/dev/{disk.target} / {disk.filesystem} errors=remount-ro 0 1")
        else:
            # xfs and btrfs are not checked at boot: their fsck does nothing there.
            lines.append(f"/dev/{disk.target} / {disk.filesystem} defaults 0 0")
    return "\n".join(lines) + "\n"
