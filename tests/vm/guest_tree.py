"""What is in a guest's volume, file by file, and whether its filesystem is whole: as data.

This runs inside the machine, by its Python alone (`python3 - DEVICE <guest_tree.py` prints JSON:
{path: "mode owner size hash"}). The guest must be off. The volume is read through a loop device
that cannot be written: mounting an ext4 that was not unmounted would write to it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STATE = "Filesystem state"
# The day of the last change (shadow(5)): a cut may be tried on another than its run.
_DAY = re.compile(rb"^([^:\n]*:[^:\n]*:)[0-9]+", re.MULTILINE)


def take(device: str) -> dict[str, str]:
    """The files of the filesystem on a device, and what its superblock says of itself."""
    with _mounted(device) as top:
        found = dict(_files(top))
    for line in _run("dumpe2fs", "-h", device).splitlines():
        if line.startswith(f"{STATE}:"):
            found[STATE] = line.partition(":")[2].strip()
    return found


@contextmanager
def _mounted(device: str) -> Iterator[str]:
    loop = _run("losetup", "--find", "--show", "--read-only", device).strip()
    try:
        with tempfile.TemporaryDirectory(dir="/run") as top:
            _run("mount", "-t", "ext4", "-o", "ro,noload", loop, top)
            try:
                yield top
            finally:
                _run("umount", top)
    finally:
        _run("losetup", "--detach", loop)


def _files(top: str) -> Iterator[tuple[str, str]]:
    for folder, folders, names in os.walk(top):
        for name in [*folders, *names]:
            path = Path(folder, name)
            found = path.lstat()
            about = f"{stat.filemode(found.st_mode)} {found.st_uid}:{found.st_gid}"
            if stat.S_ISLNK(found.st_mode):
                about += f" to {path.readlink()}"
            elif stat.S_ISREG(found.st_mode):
                content = path.read_bytes()
                if name in ("shadow", "shadow-"):
                    content = _DAY.sub(rb"\1", content)
                about += f" {found.st_size} {hashlib.sha256(content).hexdigest()[:16]}"
            yield f"/{path.relative_to(top)}", about


def _run(*argv: str) -> str:
    return subprocess.run(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


if __name__ == "__main__":
    json.dump(take(sys.argv[1]), sys.stdout, indent=1, sort_keys=True)
