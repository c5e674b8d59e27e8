"""What programs wrote, brought to the disk: before a journal says that it is done.

A program's files may be in memory alone for half a minute (ext4 with delayed allocation), while
the journal is on the disk at once: a power cut would leave "done", and files that have a name and
no content (seen: deb-systemd-helper's lists after apt had ended).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

from wizard.actions import Action, MakeDirectory, MakeLink, Reboot
from wizard.errors import StepFailed
from wizard.mounts import Mounted, mounted_now

# Where what we change may have a filesystem of its own.
_PLACES = {"/", "/boot", "/boot/efi", "/etc", "/opt", "/root", "/usr", "/usr/local", "/var",
           "/var/cache", "/var/lib", "/var/log"}  # fmt: skip
# Those of a disk. A network's may not answer, and would hold the run for ever, so not all that
# are mounted (sync(2)).
_OF_A_DISK = {"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "jfs", "reiserfs", "nilfs2", "vfat",
              "bcachefs", "zfs", "overlay"}  # fmt: skip


def to_disk(
    *more: str, undone: bool = False, mounted: Callable[[], list[Mounted]] = mounted_now
) -> list[str]:
    """Wait until the system's filesystems, and those mounted at these points, have written
    everything; the points.

    Raises StepFailed, once all were tried, if a disk did not take everything: that is in memory
    alone, and gone with the next boot. syncfs(2) says so since Linux 5.8, and once: to the first
    who asks, however long ago it was. `undone`: what is mounted at these points goes away next,
    and need not be whole.
    """
    import ctypes  # noqa: PLC0415 - dear, and most commands change nothing

    try:
        # syncfs(2): Linux 2.6.39, glibc 2.14, musl
        sync = ctypes.CDLL(None, use_errno=True).syncfs
    except (OSError, AttributeError):
        return []
    done = []
    failed: list[str] = []
    for mount in mounted():
        if mount.point in _PLACES.union(more) and mount.filesystem in _OF_A_DISK:
            with suppress(OSError):
                descriptor = os.open(mount.point, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    if sync(descriptor) == 0:
                        done.append(mount.point)
                    elif not undone or mount.point not in more:
                        failed.append(f"{mount.point}: {os.strerror(ctypes.get_errno())}")
                finally:
                    os.close(descriptor)
    if failed:
        raise StepFailed(
            "A disk did not take all that was written.",
            hint="See `dmesg`: a disk that fails is replaced first; one that is full needs space.",
            details=tuple(failed),
        )
    return done


def keep(action: Action, to_disk: Callable[..., object], *, undone: bool = False) -> None:
    """Have what an action that may have run a program did, or its undo, on the disk; raises
    StepFailed.
    """
    if not isinstance(action, MakeDirectory | MakeLink | Reboot):
        inside = [action.inside.mount_point] if action.inside is not None else []
        to_disk(*inside, undone=undone)


def is_kept(action: Action, to_disk: Callable[..., object]) -> bool:
    """The same of what a crash cut off, and was done; false: it is to be done anew."""
    try:
        keep(action, to_disk)
    except StepFailed:
        return False
    return True


def tell_old_losses(to_disk: Callable[..., object], tell: Callable[[str], None]) -> None:
    """A disk may have lost something before we came: it is told, and no action's failure."""
    try:
        to_disk()
    except StepFailed as error:
        tell(
            "A disk did not take all that was written to it earlier, by whatever program: see "
            f"`dmesg` ({'; '.join(error.details)})."
        )
