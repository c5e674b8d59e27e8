"""The kernel's block devices: names, mounts, holders, and what stands on each of them.

The structure comes from /sys, stable names and an ordinary user's knowledge of the content from
udev's records, root's from `blkid --probe` and `wipefs`, which read the device itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from steps.facts import REMAINS, Content
from steps.reading.view import View
from wizard import signatures

Kind = Literal[
    "empty", "filesystem", "swap", "lvm", "raid", "luks", "partition table", "other", "unknown"
]

# Not disks: memory, images, drives of other media, and devices made of other devices.
_NO_DISKS = re.compile(r"(loop|ram|zram|sr|fd|dm-|md|nbd|mtdblock|drbd)[0-9]*.*")

# Names that stay with the device come first; those that follow its content are no use here.
_BY_ID_LAST = ("wwn-", "nvme-eui.", "nvme-nvme.", "scsi-3", "ieee1394-")
_BY_ID_NEVER = ("lvm-pv-uuid-", "dm-", "md-")


@dataclass(frozen=True)
class Mount:
    """A line of mountinfo: `device` is "major:minor", `source` what was given to mount."""

    device: str
    source: str
    point: str
    filesystem: str


@dataclass(frozen=True)
class UdevRecord:
    """What udev keeps of a device: its links below /dev, and its properties."""

    links: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)


def parse_mounts(text: str) -> list[Mount]:
    """/proc/self/mountinfo (man 5 proc), in order."""
    found = []
    for line in text.splitlines():
        left, dash, right = line.partition(" - ")
        words, ending = left.split(" "), right.split(" ")
        if dash and len(words) > 5 and len(ending) > 1:
            point, source = _unescaped(words[4]), _unescaped(ending[1])
            found.append(Mount(words[2], source, point, ending[0]))
    return found


def parse_swaps(text: str) -> list[str]:
    """/proc/swaps: the devices and files that are swapped to."""
    return [_unescaped(line.split()[0]) for line in text.splitlines()[1:] if line.strip()]


def parse_udev_record(text: str) -> UdevRecord:
    """A file of /run/udev/data: "S:" is a link below /dev, "E:" a property."""
    links, properties = [], {}
    for line in text.splitlines():
        if line.startswith("S:"):
            links.append(line[2:])
        elif line.startswith("E:"):
            name, _, value = line[2:].partition("=")
            properties[name] = value
    return UdevRecord(tuple(links), properties)


def parse_export(text: str) -> dict[str, str]:
    """`blkid --output export`: one NAME=value a line, the value as a shell would read it."""
    pairs = (line.partition("=") for line in text.splitlines())
    return {name: re.sub(r"\\(.)", r"\1", value) for name, equals, value in pairs if equals}


def stable_names(links: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the links that stay with a device across boots and disks, best first."""

    def rank(link: str) -> tuple[int, int, str] | None:
        directory, name = _split(link)
        if directory == "by-id" and not name.startswith(_BY_ID_NEVER):
            return (0, int(name.startswith(_BY_ID_LAST)), name)
        if directory == "by-partuuid":
            return (1, 0, name)
        if directory == "by-path":
            return (2, int(name.startswith("virtio-")), name)
        return None

    ranked = [(rank(link), link) for link in links]
    return tuple(f"/dev/{link}" for key, link in sorted((k, v) for k, v in ranked if k is not None))


def content_kind(properties: Mapping[str, str]) -> tuple[Kind, str]:
    """Kind and detail of what blkid's properties (TYPE, USAGE, PTTYPE) say is on a device."""
    kind, usage = properties.get("TYPE", ""), properties.get("USAGE", "")
    if kind in ("LVM2_member", "LVM1_member"):
        return "lvm", kind
    if kind == "crypto_LUKS":
        return "luks", kind
    if kind in ("swap", "swsuspend"):
        return "swap", kind
    if usage == "raid" or kind.endswith("_raid_member"):
        return "raid", kind
    if usage == "filesystem":
        return "filesystem", kind
    if kind:
        return "other", kind
    if properties.get("PTTYPE"):
        return "partition table", properties["PTTYPE"]
    return "empty", ""


class BlockDevices:
    """The block devices of a machine by their kernel names ("vda1", "dm-0")."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.mounts = parse_mounts(view.text("/proc/self/mountinfo") or "")
        self._records: dict[str, UdevRecord] = {}
        self._known: dict[str, dict[str, str] | None] = {}

    @cached_property
    def names(self) -> dict[str, str]:
        """Every block device's place in /sys, by its kernel name."""
        found = {}
        for disk in self._view.names("/sys/block"):
            found[disk] = f"/sys/block/{disk}"
            for part in self._view.names(f"/sys/block/{disk}", f"{disk}*"):
                if self._view.exists(f"/sys/block/{disk}/{part}/partition"):
                    found[part] = f"/sys/block/{disk}/{part}"
        return found

    @cached_property
    def disks(self) -> list[str]:
        """The whole disks that have a medium."""
        return [
            name
            for name in self._view.names("/sys/block")
            if not _NO_DISKS.fullmatch(name) and self.size(name) > 0
        ]

    def partitions(self, disk: str) -> list[str]:
        """The partitions of a disk, in the order of their numbers."""
        parts = [
            name for name, place in self.names.items() if place.startswith(f"/sys/block/{disk}/")
        ]
        return sorted(parts, key=lambda name: self.number(name, "partition"))

    def size(self, name: str) -> int:
        """Size in bytes: /sys counts in sectors of 512 whatever the disk's own are."""
        return self.number(name, "size") * 512

    def number(self, name: str, attribute: str) -> int:
        return self._view.number(f"{self.names.get(name, '')}/{attribute}") or 0

    def word(self, name: str, attribute: str) -> str:
        return self._view.word(f"{self.names.get(name, '')}/{attribute}")

    def record(self, name: str) -> UdevRecord:
        """udev's record of the device; an empty one where there is no udev."""
        if name not in self._records:
            text = self._view.text(f"/run/udev/data/b{self.word(name, 'dev')}") or ""
            self._records[name] = parse_udev_record(text)
        return self._records[name]

    def kernel_name(self, path: str) -> str:
        """The kernel name of the device at a path, whatever link or mapping leads to it; or ""."""
        name = self._view.real_path(path).rpartition("/")[2]
        if name in self.names:
            return name
        mapped = path.removeprefix("/dev/mapper/")
        return next(
            (item for item in self.names if mapped == self.word(item, "dm/name") != ""),
            "",
        )

    def by_mapping(self, uuid: str) -> str:
        """The kernel name of the device-mapper device with this uuid ("LVM-..."), or ""."""
        for name in self.names:
            if name.startswith("dm-") and self.word(name, "dm/uuid") == uuid:
                return name
        return ""

    def holders(self, name: str) -> tuple[str, ...]:
        """What is made on the device, in people's names ("md0", "xendisks-vm01--root")."""
        found = self._view.names(f"{self.names.get(name, '')}/holders")
        return tuple(self.word(item, "dm/name") or item for item in found)

    @cached_property
    def mounted(self) -> dict[str, tuple[str, ...]]:
        """Where each device is mounted, by kernel name; of a btrfs every device of it is."""
        by_number = {self.word(name, "dev"): name for name in self.names}
        points: dict[str, list[str]] = {}
        for mount in self.mounts:
            # btrfs has numbers of its own: there the source says which device it is.
            name = by_number.get(mount.device) or (
                self.kernel_name(mount.source) if mount.source.startswith("/dev/") else ""
            )
            for member in self._with_its_others(name) if name else ():
                if mount.point not in points.setdefault(member, []):
                    points[member].append(mount.point)
        return {name: tuple(found) for name, found in points.items()}

    @cached_property
    def swapping(self) -> frozenset[str]:
        """The devices that are swapped to now."""
        paths = parse_swaps(self._view.text("/proc/swaps") or "")
        return frozenset(self.kernel_name(path) for path in paths) - {""}

    def below(self, name: str) -> Iterator[str]:
        """The device and everything that it is made of, down to the disks."""
        waiting, seen = [name], set[str]()
        while waiting:
            item = waiting.pop()
            if item in seen or item not in self.names:
                continue
            seen.add(item)
            yield item
            place = self.names[item]
            waiting += self._view.names(f"{place}/slaves")
            parent = place.rpartition("/")[0].rpartition("/")[2]
            if parent in self.names:
                waiting.append(parent)

    def begin_disks(self) -> None:
        """Start the questions for what is on the disks and their partitions."""
        self._begin([*self.disks, *(part for disk in self.disks for part in self.partitions(disk))])

    def begin_volumes(self) -> None:
        """Start the questions for what is on LVM's volumes, once LVM has said which are open:
        each question opens one.
        """
        self._begin(name for name in self.names if self.word(name, "dm/uuid").startswith("LVM-"))

    def _begin(self, names: Iterable[str]) -> None:
        for name in names if self._view.as_root else ():
            self._view.begin(_probe(name))

    def content(self, name: str, used_by: tuple[str, ...] = ()) -> Content:
        """What is on the device and what uses it; `used_by` adds what only the caller knows."""
        if name not in self._known:
            self._known[name] = self._properties(name)
        properties = self._known[name]
        mounted = self.mounted.get(name, ())
        users = [*used_by, *self.holders(name)]
        if name in self.swapping:
            users.append("swap")
        kind: Kind = "unknown"
        detail = ""
        if properties is not None:
            kind, detail = content_kind(properties)
        if kind in ("unknown", "empty") and mounted:
            found = next((m.filesystem for m in self.mounts if m.point == mounted[0]), "")
            kind, detail = "filesystem", found
        elif kind in ("unknown", "empty") and "swap" in users:
            kind, detail = "swap", "swap"
        properties = properties or {}
        return Content(
            kind=kind,
            detail=detail,
            label=properties.get("LABEL", ""),
            uuid=properties.get("UUID") or properties.get("PTUUID", ""),
            mounted_at=mounted,
            used_by=tuple(dict.fromkeys(users)),
        )

    def content_or_unknown(self, name: str) -> Content:
        """As `content`; not known for a name that is none ("")."""
        return self.content(name) if name in self.names else Content("unknown")

    def _properties(self, name: str) -> dict[str, str] | None:
        """blkid's words for the device; None if it cannot be read, empty if nothing is on it."""
        if self._view.as_root:
            return self._probed(name)
        record = self.record(name).properties
        known = {
            "TYPE": record.get("ID_FS_TYPE", ""),
            "USAGE": record.get("ID_FS_USAGE", ""),
            "LABEL": record.get("ID_FS_LABEL", ""),
            "UUID": record.get("ID_FS_UUID", ""),
        }
        # A partition's record names the table of the disk that it is part of, too.
        if not known["TYPE"] and "ID_PART_ENTRY_NUMBER" not in record:
            known |= {
                "PTTYPE": record.get("ID_PART_TABLE_TYPE", ""),
                "PTUUID": record.get("ID_PART_TABLE_UUID", ""),
            }
        # That udev knows of nothing does not mean that nothing is there.
        return {key: value for key, value in known.items() if value} or None

    def _probed(self, name: str) -> dict[str, str] | None:
        device = f"/dev/{name}"
        try:
            os.close(os.open(self._view.place(device), os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            self._view.not_known(f"content of {device}", error.strerror or "it cannot be opened")
            return None
        answer = self._view.ask(_probe(name), 60.0)
        if answer.status == signatures.SEVERAL:
            return {"TYPE": signatures.CONTRADICTING, "USAGE": "other"}
        if answer.status not in (0, signatures.NOTHING):
            self._view.not_known(f"content of {device}", "blkid does not answer")
            return None
        found = parse_export(answer.out)
        if "TYPE" in found or "PTTYPE" in found:
            return found
        # It says the same of a device that it could not read. Of a partition it tells, with 0, at
        # least which one it is.
        if why := signatures.why_unreadable(self._view.place(device)):
            self._view.not_known(f"content of {device}", why)
            return None
        return found | self._remains(device)

    def _remains(self, device: str) -> dict[str, str]:
        """What `wipefs` finds where blkid sees nothing whole: the copy that a GPT keeps at the end
        of its disk, say. LVM asks about these too, before it takes a device.
        """
        answer = self._view.ask(("wipefs", "--noheadings", "--output", "TYPE", device), 60.0)
        kinds = dict.fromkeys(answer.out.split()) if answer.status == 0 else {}
        return {"TYPE": f"{REMAINS}{' and '.join(kinds)}", "USAGE": "other"} if kinds else {}

    def _with_its_others(self, name: str) -> list[str]:
        for uuid in self._view.names("/sys/fs/btrfs"):
            members = self._view.names(f"/sys/fs/btrfs/{uuid}/devices")
            if name in members:
                return members
        return [name]


def _probe(name: str) -> tuple[str, ...]:
    return ("blkid", "--probe", "--output", "export", f"/dev/{name}")


def _split(link: str) -> tuple[str, str]:
    directory, _, name = link.rpartition("/")
    return directory.rpartition("/")[2], name


def _unescaped(word: str) -> str:
    # The kernel writes space, tab, newline and backslash as three octal digits.
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), word)
