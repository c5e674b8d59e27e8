"""Volume groups and logical volumes, as LVM reports them in JSON."""

from __future__ import annotations

import json
import time
from typing import Any

from steps.facts import LogicalVolume, VolumeGroup
from steps.reading.block_devices import BlockDevices
from steps.reading.view import MIB, View

_AS_JSON = ("--reportformat", "json", "--units", "b", "--nosuffix", "--options")
_GROUPS = (
    "pvs",
    *_AS_JSON,
    "vg_name,vg_uuid,vg_tags,vg_size,vg_free,vg_extent_size,pv_name",
)
_VOLUMES = (
    "lvs",
    *_AS_JSON,
    "vg_name,lv_name,lv_path,lv_uuid,lv_tags,lv_size,lv_device_open",
)


_MOST_PATIENCE = 2.0  # seconds, at each reading, where something unknown keeps a volume open
_GUESTS_DISKS = "/sys/bus/xen-backend/devices"


def parse_report(text: str, name: str) -> list[dict[str, str]] | None:
    """The rows of a report ("pv", "lv"); None if this is none."""
    try:
        value: Any = json.loads(text)
        rows = [row for report in value["report"] for row in report.get(name, ())]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return [{key: str(item) for key, item in row.items()} for row in rows if isinstance(row, dict)]


def _report(view: View, argv: tuple[str, ...], name: str) -> list[dict[str, str]] | None:
    # Without its lock LVM prints an empty report, and ends with 5: that is not "there are none".
    answer = view.ask(argv, 60.0)
    return parse_report(answer.out, name) if answer.status == 0 else None


def read_lvm(
    view: View, devices: BlockDevices, patience: float
) -> tuple[tuple[VolumeGroup, ...] | None, dict[str, str]]:
    """The volume groups (None: not known), and each physical volume's group by its kernel name.

    `patience`: so many seconds, at most two, an open volume that nothing known uses is looked at
    again.
    """
    if not view.program("pvs"):
        if any(
            devices.record(name).properties.get("ID_FS_TYPE") == "LVM2_member"
            for name in devices.names
        ):
            view.not_known("volume groups", "lvm2 is not installed, but a device is LVM's")
            return None, {}
        return (), {}
    if not view.as_root:
        view.not_known("volume groups", "only root can ask LVM for them")
        return None, {}
    view.begin(_GROUPS)
    view.begin(_VOLUMES)
    groups = _report(view, _GROUPS, "pv")
    volumes = _settled_volumes(view, devices, groups or [], min(patience, _MOST_PATIENCE))
    devices.begin_volumes()
    if groups is None or volumes is None:
        view.not_known("volume groups", "LVM does not answer")
        return None, {}
    found = []
    # "[unknown]": the group's metadata cannot be read.
    names = dict.fromkeys(row["vg_name"] for row in groups)
    for name in (name for name in names if name and not name.startswith("[")):
        rows = [row for row in groups if row["vg_name"] == name]
        first = rows[0]
        found.append(
            VolumeGroup(
                name=name,
                uuid=first["vg_uuid"],
                tags=_tags(first["vg_tags"]),
                size=_mib(first["vg_size"]),
                free=_mib(first["vg_free"]),
                extent=max(1, _mib(first["vg_extent_size"])),
                devices=tuple(row["pv_name"] for row in rows),
                volumes=tuple(
                    _volume(devices, row, first["vg_uuid"])
                    for row in volumes
                    if row["vg_name"] == name
                ),
            )
        )
    members = {devices.kernel_name(row["pv_name"]): row["vg_name"] for row in groups}
    return tuple(found), {device: group for device, group in members.items() if device}


def _settled_volumes(
    view: View, devices: BlockDevices, groups: list[dict[str, str]], patience: float
) -> list[dict[str, str]] | None:
    # Whoever looks at a volume opens it for that moment: udev's blkid after we unmounted it, say.
    uuids = {row["vg_name"]: row["vg_uuid"] for row in groups}
    deadline = time.monotonic() + patience
    while True:
        rows = _report(view, _VOLUMES, "lv")
        opened = [row for row in rows or () if row["lv_device_open"] == "open"]
        names = [_mapping(devices, row, uuids.get(row["vg_name"], "")) for row in opened]
        if all(_is_used(view, devices, name) for name in names) or time.monotonic() >= deadline:
            return rows
        time.sleep(0.2)


def _is_used(view: View, devices: BlockDevices, name: str) -> bool:
    """Whether it is known what has an open volume open: a mount, swap, a mapping, a guest."""
    if devices.mounted.get(name) or devices.holders(name) or name in devices.swapping:
        return True
    number = devices.word(name, "dev")
    return number in {
        ":".join(str(int(part, 16)) for part in word.split(":"))
        for disk in view.names(_GUESTS_DISKS, "vbd-*")
        if (word := view.word(f"{_GUESTS_DISKS}/{disk}/physical_device"))
    }


def _volume(devices: BlockDevices, row: dict[str, str], group_uuid: str) -> LogicalVolume:
    return LogicalVolume(
        name=row["lv_name"],
        path=row["lv_path"] or f"/dev/{row['vg_name']}/{row['lv_name']}",
        uuid=row["lv_uuid"],
        tags=_tags(row["lv_tags"]),
        size=_mib(row["lv_size"]),
        open=row["lv_device_open"] == "open",
        content=devices.content_or_unknown(_mapping(devices, row, group_uuid)),
    )


def _mapping(devices: BlockDevices, row: dict[str, str], group_uuid: str) -> str:
    # device-mapper knows it by both uuids without their dashes.
    return devices.by_mapping("LVM-" + (group_uuid + row["lv_uuid"]).replace("-", ""))


def _tags(word: str) -> tuple[str, ...]:
    return tuple(tag for tag in word.split(",") if tag)


def _mib(word: str) -> int:
    return int(word) // MIB if word.isdecimal() else 0
