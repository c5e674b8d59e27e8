"""GRUB Legacy's menu.lst, and what is to be known beside it: drive, saved number, modes.

GRUB counts from 0, partitions too: /dev/sda2 is (hd0,1) when device.map has (hd0) for /dev/sda
(grub-install(8) of GRUB 0.97, "device.map").
"""

from __future__ import annotations

import re

from steps.facts import BootLoader, GrubLegacy
from steps.hosts.legacy_boot import boot_loader
from steps.reading.view import View

_MAP = "/boot/grub/device.map"
_SAVED = "/boot/grub/default"


def read_legacy(view: View, config: str, version: str, root_uuid: str) -> BootLoader:
    """GRUB Legacy with its menu, as far as it may be read."""
    text, unread = _text(view, config)
    if unread:
        view.not_known("boot menu", unread)
    mode, uid, gid = _state(view, config)
    mounts = mount_points(view.text("/proc/self/mounts") or "")
    own = "/boot" in mounts
    device, options = mounts.get("/boot") or mounts.get("/") or ("", "")
    legacy = GrubLegacy(
        drive=_drive(view, device),
        prefix="" if own else "/boot",
        saved=saved_number(view.read(_SAVED, 10)),
        read_only="ro" in options.split(","),
        mode=mode,
        uid=uid,
        gid=gid,
        unread=unread,
    )
    return boot_loader(text, legacy, config=config, version=version, root_uuid=root_uuid)


def saved_number(content: bytes | None) -> int | None:
    """The number in /boot/grub/default; GRUB reads ten bytes, and ends its own with a NUL."""
    if content is None:
        return None
    match = re.match(rb"[0-9]+", content)
    return int(match[0]) if match else 0


def parse_device_map(text: str) -> dict[str, str]:
    """device.map: GRUB's drive by the device (`(hd0) /dev/sda` a line)."""
    found = re.findall(r"^[ \t]*\((hd\d+)\)[ \t]+(/\S+)", text, re.MULTILINE)
    return {device: drive for drive, device in found}


def mount_points(text: str) -> dict[str, tuple[str, str]]:
    """/proc/self/mounts: device and options by mount point, the last mount of each counting."""
    lines = (line.split(" ") for line in text.splitlines())
    return {words[1]: (words[0], words[3]) for words in lines if len(words) > 3}


def _text(view: View, config: str) -> tuple[str | None, str]:
    content = view.read(config)
    if content is None:
        return None, f"only root can read {config}"
    try:
        return content.decode("utf-8"), ""
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return None, f"line {line} of {config} holds bytes that are no UTF-8"


def _state(view: View, config: str) -> tuple[int, int, int]:
    try:
        state = view.place(config).stat()
    except OSError:
        return 0o644, 0, 0
    return state.st_mode & 0o7777, state.st_uid, state.st_gid


def _drive(view: View, device: str) -> str:
    if not device.startswith("/dev/"):
        return ""
    name = view.real_path(device).rpartition("/")[2]
    number = view.number(f"/sys/class/block/{name}/partition")
    if number is None:
        return ""  # an LVM volume, a RAID, a whole disk: GRUB Legacy knows none of these by number
    disk = "/dev/" + view.real_path(f"/sys/class/block/{name}").split("/")[-2]
    for mapped, drive in parse_device_map(view.text(_MAP) or "").items():
        if view.real_path(mapped) == disk:
            return f"({drive},{number - 1})"
    return ""
