"""Loop devices for tests that need a real disk: root only, and a kernel that has them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MIB = 1 << 20

needs_loop = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/loop-control").exists(),
    reason="loop devices can be made by root only, where the kernel has them",
)


def tool(*argv: str) -> str:
    """Run a tool that must succeed; what it printed."""
    result = subprocess.run(argv, check=True, capture_output=True, text=True, env=_ENVIRONMENT)
    return result.stdout.strip()


_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


@contextmanager
def loop_disk(image: Path, mib: int) -> Iterator[str]:
    """A loop device over a new image file; its partitions show, as on a real disk."""
    with image.open("wb") as file:
        file.truncate(mib * MIB)
    device = tool("losetup", "--find", "--show", "--partscan", str(image))
    try:
        yield device
    finally:
        tool("losetup", "--detach", device)
