"""GRUB 2's environment block, grubenv: whether GRUB can write to it, and Linux.

`grub-reboot` writes the entry of the next boot there, and GRUB takes it out as it boots. Where GRUB
cannot do that, the entry is booted again and again.
"""

from __future__ import annotations

from steps.reading.block_devices import BlockDevices, Mount
from steps.reading.view import View

_SIZE = 1024  # bytes: grub-editenv and GRUB take no other (GRUB's manual, "Environment block")
_HEADER = b"# GRUB Environment Block\n"
_ROOM = 256  # bytes: "next_entry=" and the path of an entry, two titles with a UUID each
# GRUB writes blocks in place, so it refuses what has checksums of them, and what is no disk:
# 00_header's list (2.06).
_UNWRITABLE = ("btrfs", "cpiofs", "newc", "odc", "romfs", "squash4", "squashfs", "tarfs", "zfs")


def unwritable(view: View, directory: str) -> str:
    """Where GRUB's directory lies, in words, if GRUB cannot write there; "" if it can.

    Beside those filesystems, these are LVM and RAID ("diskfilter writes are not supported"),
    however deep they lie; LUKS it can write to.
    """
    devices = BlockDevices(view)
    mount = _mount_of(devices.mounts, directory)
    if mount is None:
        return ""
    if mount.filesystem in _UNWRITABLE:
        return f"{mount.point} ({mount.filesystem})"
    numbered = (item for item in devices.names if devices.word(item, "dev") == mount.device)
    for item in devices.below(next(numbered, "") or devices.kernel_name(mount.source)):
        if item.startswith("md"):
            return f"{mount.point} (on the RAID {item})"
        if devices.word(item, "dm/uuid").startswith("LVM-"):
            return f"{mount.point} (on the LVM volume {devices.word(item, 'dm/name')})"
    return ""


def broken(view: View, path: str) -> str:
    """Why `grub-reboot` could not write to the block, as the end of a sentence about it; "" if it
    can, or only root can tell. One that is missing is made.
    """
    block = view.read(path, _SIZE + 1)
    if block is None:
        return ""
    if not block.startswith(_HEADER):
        return "is no environment block of GRUB's"
    if len(block) != _SIZE:
        return f"has not the {_SIZE} bytes that it must have: an editor may have changed it"
    lines = block.splitlines(keepends=True)
    used = sum(len(line) for line in lines if not line.startswith((b"#", b"next_entry=")))
    if used + len(_HEADER) + _ROOM > _SIZE:
        return "has no room for another entry"
    return ""


def _mount_of(mounts: list[Mount], directory: str) -> Mount | None:
    """The mount that the directory is in: the nearest, and of several there the last."""
    found = None
    for mount in mounts:
        inside = mount.point == "/" or f"{directory}/".startswith(f"{mount.point}/")
        if inside and (found is None or len(mount.point) >= len(found.point)):
            found = mount
    return found
