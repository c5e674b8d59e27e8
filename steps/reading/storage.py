"""Disks with their partitions, contents and free space, and what the running system needs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from steps.disks import Table, UnreadableTable, read_table
from steps.facts import Content, Disk, FreeRegion, Partition, VolumeGroup
from steps.reading.block_devices import BlockDevices, stable_names
from steps.reading.lvm import read_lvm
from steps.reading.view import MIB, View
from steps.what_matters import SYSTEM_MOUNTS

# As lsblk takes it, in this order.
_SERIALS = ("SCSI_IDENT_SERIAL", "ID_SCSI_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL")
_UDEV_QUEUE = "/run/udev/queue"
_PATIENCE = 10.0
_LABELS = {"dos": "msdos", "gpt": "gpt"}


@dataclass(frozen=True)
class Storage:
    """What is known of disks and volumes; `root_uuid` is that of the filesystem at /."""

    disks: tuple[Disk, ...]
    volume_groups: tuple[VolumeGroup, ...] | None
    root_uuid: str


def read_storage(view: View, patience: float = _PATIENCE) -> Storage:
    """The machine's storage, read without changing it, once udev has nothing more to do.

    `patience` is how many seconds that is waited for: names and records come from udev. A volume
    that something opened for a moment is waited for too (lvm.py).
    """
    _wait_for_udev(view, patience)
    devices = BlockDevices(view)
    devices.begin_disks()
    groups, members = read_lvm(view, devices, patience)
    needed = _needed_by_system(devices)
    disks = tuple(_disk(view, devices, name, members, needed) for name in devices.disks)
    root = next((name for name, points in devices.mounted.items() if "/" in points), "")
    return Storage(disks, groups, devices.content_or_unknown(root).uuid)


def _wait_for_udev(view: View, patience: float) -> None:
    deadline = time.monotonic() + patience
    # The file is there as long as events wait: `udevadm settle` looks at it too.
    while view.exists(_UDEV_QUEUE) and time.monotonic() < deadline:
        time.sleep(0.05)


def is_needed(mount_point: str) -> bool:
    """Whether the running system needs what is mounted there: there, or below /var, /usr, /boot."""
    return mount_point in SYSTEM_MOUNTS or mount_point.startswith(("/boot/", "/usr/", "/var/"))


def _needed_by_system(devices: BlockDevices) -> frozenset[str]:
    """The kernel names of every device that the running system stands on."""
    tops = {
        name
        for name, points in devices.mounted.items()
        if any(is_needed(point) for point in points)
    }
    return frozenset(below for top in tops | devices.swapping for below in devices.below(top))


def _disk(
    view: View,
    devices: BlockDevices,
    name: str,
    members: Mapping[str, str],
    needed: frozenset[str],
) -> Disk:
    size = devices.size(name)
    sector_size = devices.number(name, "queue/logical_block_size") or 512
    record = devices.record(name)
    content = devices.content(name, _group(members, name))
    partitions = tuple(
        _partition(devices, part, sector_size, members, needed) for part in devices.partitions(name)
    )
    label = _LABELS.get(content.detail, content.detail) if _has_table(content) else ""
    disk = Disk(
        path=f"/dev/{name}",
        names=stable_names(record.links),
        size=size // MIB,
        size_bytes=size,
        sector_size=sector_size,
        model=devices.word(name, "device/model") or record.properties.get("ID_MODEL", ""),
        serial=_serial(devices, name),
        read_only=devices.word(name, "ro") == "1",
        removable=devices.word(name, "removable") == "1",
        system=name in needed,
        table=label or None,
        table_id=content.uuid if _has_table(content) else "",
        content=content,
        partitions=partitions,
        free=(),
    )
    table = _table(view, disk) if content.kind in ("partition table", "unknown") else None
    return replace(disk, table=table.label, free=_agreed(view, disk, table)) if table else disk


def _has_table(content: Content) -> bool:
    return content.kind == "partition table"


def _table(view: View, disk: Disk) -> Table | None:
    try:
        return read_table(view.place(disk.path), disk.size_bytes, disk.sector_size)
    except UnreadableTable as error:
        view.not_known(f"free space on {disk.path}", str(error))
    except OSError:
        why = "it cannot be read" if view.as_root else "only root can read a partition table"
        view.not_known(f"free space on {disk.path}", why)
    return None


def _agreed(view: View, disk: Disk, table: Table) -> tuple[FreeRegion, ...]:
    """The table's free regions, as long as the kernel knows the same partitions."""
    # The kernel shows an extended partition as a short one: only its start is the same.
    known = {(part.number, part.start) for part in disk.partitions}
    if {(part.number, part.start) for part in table.partitions} == known:
        return table.free
    view.not_known(
        f"free space on {disk.path}",
        "the kernel still has another partition table than the disk: reboot first",
    )
    return ()


def _partition(
    devices: BlockDevices,
    name: str,
    sector_size: int,
    members: Mapping[str, str],
    needed: frozenset[str],
) -> Partition:
    size = devices.size(name)
    record = devices.record(name)
    return Partition(
        path=f"/dev/{name}",
        names=stable_names(record.links),
        number=devices.number(name, "partition"),
        start=devices.number(name, "start") * 512 // sector_size,
        sectors=size // sector_size,
        size=size // MIB,
        size_bytes=size,
        uuid=record.properties.get("ID_PART_ENTRY_UUID", ""),
        type=record.properties.get("ID_PART_ENTRY_TYPE", ""),
        content=devices.content(name, _group(members, name)),
        system=name in needed,
    )


def _group(members: Mapping[str, str], name: str) -> tuple[str, ...]:
    group = members.get(name, "")
    return (group,) if group else ()


def _serial(devices: BlockDevices, name: str) -> str:
    properties = devices.record(name).properties
    for key in _SERIALS:
        if properties.get(key):
            return properties[key]
    return devices.word(name, "serial") or devices.word(name, "device/serial")
