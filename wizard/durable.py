"""What programs wrote, brought to the disk: before a journal says that it is done.

A program's files may be in memory alone for half a minute (ext4 with delayed allocation), while
the journal is on the disk at once: a power cut would leave "done", and files that have a name and
no content (seen: deb-systemd-helper's lists after apt had ended).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

# Where what we change may have a filesystem of its own. Not all that there are (sync(2)): a share
# of the network that does not answer would hold the run for ever.
_PLACES = ("/", "/boot", "/boot/efi", "/etc", "/lib", "/opt", "/usr", "/var", "/var/lib", "/root")


def to_disk(*more: str) -> None:
    """Wait until the filesystems of the system, and of these folders, have written everything.

    What is not there is passed over, and so is what a disk does not take: whether the work is
    there is asked elsewhere.
    """
    import ctypes  # noqa: PLC0415 - dear, and most commands change nothing

    library = ctypes.CDLL(None, use_errno=True)
    for descriptor in _one_of_each((*_PLACES, *more)):
        library.syncfs(descriptor)  # syncfs(2): Linux 2.6.39, glibc 2.14, musl


def _one_of_each(places: tuple[str, ...]) -> Iterator[int]:
    """A descriptor of each filesystem that these are on."""
    seen: set[int] = set()
    for place in places:
        with suppress(OSError):
            descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                device = os.fstat(descriptor).st_dev
                if device not in seen:
                    seen.add(device)
                    yield descriptor
            finally:
                os.close(descriptor)
