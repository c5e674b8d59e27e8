"""What programs wrote, brought to the disk: before a journal says that it is done.

A program's files may be in memory alone for half a minute (ext4 with delayed allocation), while
the journal is on the disk at once: a power cut would leave "done", and files that have a name and
no content (seen: deb-systemd-helper's lists after apt had ended).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

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

    Raises StepFailed, once all were tried, if a disk did not take everything (syncfs(2) says so
    since Linux 5.8): that is in memory alone, and gone with the next boot. `undone`: what is
    mounted at these points goes away next, and need not be whole.
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
