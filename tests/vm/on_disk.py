"""A copy of a machine's disk, looked at without booting it: what a power cut left on it.

The filesystem's own journal is replayed first, in a copy of the copy, as at the next boot.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

# Below these lies what programs keep, and what a package brings.
PLACES = ("boot", "etc", "opt", "usr", "var/lib")
# Empty at times, whatever happens; Python makes an empty .pyc again.
MAY_BE_EMPTY = ("*/__pycache__/*", "var/lib/ucf/*.[0-9]", "var/lib/dpkg/triggers/Unincorp",
                "var/lib/systemd/timers/*", "*/lock")  # fmt: skip


@contextmanager
def opened(copy: Path, work: Path) -> Iterator[Path]:
    """The root of the first partition's filesystem, mounted below `work`, where the disk's whole
    size must have room (sparse). Root only.
    """
    raw, root = work / "disk.raw", work / "root"
    root.mkdir()
    try:
        _run("qemu-img", "convert", "-O", "raw", str(copy), str(raw))
        (table,) = json.loads(_run("sfdisk", "--json", str(raw))).values()
        start, size = (512 * table["partitions"][0][word] for word in ("start", "size"))
        options = f"loop,noatime,offset={start},sizelimit={size}"
        _run("mount", "--options", options, str(raw), str(root))
        try:
            yield root
        finally:
            _run("umount", str(root))
    finally:
        raw.unlink(missing_ok=True)
        root.rmdir()


def _run(*argv: str) -> str:
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    env = {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(argv, check=False, capture_output=True, text=True, env=env)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


def empty_files(root: Path, known: Iterable[str] = ()) -> list[str]:
    """The files without content below PLACES, as paths from the root; not those of `known`, nor
    those that may be.
    """
    expected = set(known)
    found = []
    for place in PLACES:
        for folder, _, names in os.walk(root / place):
            for name in names:
                path = Path(folder) / name
                if not path.is_symlink() and path.is_file() and path.stat().st_size == 0:
                    found.append(str(path.relative_to(root)))
    return sorted(
        path
        for path in found
        if path not in expected and not any(fnmatchcase(path, rule) for rule in MAY_BE_EMPTY)
    )


def journal_of(root: Path) -> list[str]:
    """The lines of the newest run's journal; none if nothing was begun."""
    (*_, newest) = [None, *sorted((root / "var/lib/xen-setup/runs").glob("*/journal.jsonl"))]
    return [] if newest is None else newest.read_text(errors="replace").splitlines()
