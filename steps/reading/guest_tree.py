"""What a guest's root volume holds: mounted read-only for the moment of reading, and only if
nothing else uses it.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from steps.facts import Content, Disk, GuestTree, VolumeGroup
from steps.reading.hardware import distribution_of, parse_os_release
from steps.reading.tls import read_tls
from steps.reading.view import View

INSTALLING = "/xen-setup-installing"
MARKER = "/etc/xen-setup-guest"

# Options that keep a journal from being replayed: a mount that reads must not write. Linux's ext4,
# which mounts all three, goes through the list of orphans even so, and writes to the disk what it
# finds wrong: only a device that cannot be written keeps it from that, such as a loop device that
# mount(8) sets up to read only (seen: fs/ext4/orphan.c, Linux 6.1).
_OPTIONS = {
    "ext2": "ro,loop",
    "ext3": "ro,loop,noload",
    "ext4": "ro,loop,noload",
    "xfs": "ro,norecovery,nouuid",
    "btrfs": "ro,rescue=nologreplay",
}
_UMOUNT_TRIES = 5
_LOOP_PATIENCE = 5.0  # seconds


def read_guest_trees(
    view: View,
    devices: Sequence[str],
    groups: Sequence[VolumeGroup],
    disks: Sequence[Disk],
) -> tuple[GuestTree, ...]:
    """The trees on those of the devices that hold a filesystem which nothing uses."""
    found = []
    for device in devices:
        content = _free_content(view, device, groups, disks)
        if content is None or content.detail not in _OPTIONS:
            continue
        if not view.as_root:
            view.not_known(f"guest system on {device}", "only root can look into a volume")
            continue
        with _mounted(view, device, content.detail) as place:
            if place is not None:
                found.append(read_tree(replace(view, root=place), device))
    return tuple(found)


def read_tree(view: View, device: str) -> GuestTree:
    """What the guest's system below the view's root is; `device` is only noted."""
    installing = view.text(INSTALLING) or ""
    if not set(view.names("/")) - {"lost+found", INSTALLING[1:]}:
        return GuestTree(device, empty=True, installing=installing)
    release = view.text("/etc/os-release")
    if release is None:
        release = view.text("/usr/lib/os-release") or ""
    system = distribution_of(parse_os_release(release))
    keys = (view.text("/root/.ssh/authorized_keys") or "").splitlines()
    return GuestTree(
        device=device,
        empty=False,
        os_id=system.id if release else "",
        codename=system.codename,
        hostname=view.word("/etc/hostname"),
        fstab=view.text("/etc/fstab") or "",
        interfaces=view.text("/etc/network/interfaces") or "",
        console_login=_console_login(view),
        root_password=root_password(view.text("/etc/shadow")),
        modules=tuple(view.names("/lib/modules")),
        tls=tuple(item.path for item in read_tls(view) if item.libraries and not item.disabled),
        authorized_keys=tuple(key.strip() for key in keys if key.strip() and key[0] != "#"),
        marker=view.text(MARKER) or "",
        installing=installing,
    )


def root_password(shadow: str | None) -> Literal["set", "locked", "empty", "unknown"]:
    """What root's field in /etc/shadow (man 5 shadow) allows; the hash itself goes nowhere."""
    for line in (shadow or "").splitlines():
        name, _, rest = line.partition(":")
        if name == "root":
            field = rest.partition(":")[0]
            if not field:
                return "empty"
            return "locked" if field[0] in "!*" else "set"
    return "unknown"


def _console_login(view: View) -> bool:
    """A getty that is there for hvc0 by name.

    systemd's generator also starts one on the console that the kernel's options name; that
    depends on the guest's configuration, and is not in its tree.
    """
    for directory in ("/etc/systemd/system/getty.target.wants", "/etc/runlevels/default"):
        if any("hvc0" in name for name in view.names(directory)):
            return True
    inittab = view.text("/etc/inittab") or ""
    return bool(re.search(r"^[^#\n]*:respawn:.*\bhvc0\b", inittab, re.MULTILINE))


def _free_content(
    view: View, device: str, groups: Sequence[VolumeGroup], disks: Sequence[Disk]
) -> Content | None:
    """What is on the device, if it is there and nothing uses it."""
    real = view.real_path(device)
    for group in groups:
        for volume in group.volumes:
            if device == volume.path or real == view.real_path(volume.path):
                return _unused(volume.content) if not volume.open else None
    for disk in disks:
        if real == disk.path or device in disk.names:
            return _unused(disk.content)
        for part in disk.partitions:
            if real == part.path or device in part.names:
                return _unused(part.content)
    return None


def _unused(content: Content) -> Content | None:
    return None if content.mounted_at or content.used_by else content


@contextmanager
def _mounted(view: View, device: str, filesystem: str) -> Iterator[Path | None]:
    options = f"{_OPTIONS[filesystem]},nosuid,nodev,noexec"
    with tempfile.TemporaryDirectory(prefix="xen-setup-look-") as directory:
        # Private to root: what a guest's volume holds is nobody else's to read.
        argv = ("mount", "--types", filesystem, "--options", options, device, directory)
        answer = view.ask(argv, 30.0)
        if answer.status != 0:
            words = answer.err.strip().splitlines()
            view.not_known(f"guest system on {device}", words[-1] if words else "mount failed")
            yield None
            return
        try:
            yield Path(directory)
        finally:
            for wait in range(_UMOUNT_TRIES):
                if view.ask(("umount", directory), 30.0).status == 0:
                    break
                time.sleep(0.2 * wait)
            _wait_for_loop(view, device)


def _wait_for_loop(view: View, device: str) -> None:
    """The loop device goes with its last user, who may be udev: the volume is in use so long."""
    real = view.real_path(device)
    ends = time.monotonic() + _LOOP_PATIENCE
    while time.monotonic() < ends and any(
        view.word(f"/sys/block/{name}/loop/backing_file") == real
        for name in view.names("/sys/block", "loop*")
    ):
        time.sleep(0.02)
