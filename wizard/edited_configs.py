"""Configuration files of packages that were edited since they came in. For packages.py.

A purge removes them with the package, whatever is in them. Their copies stay with the run.
"""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from wizard import ucf
from wizard.errors import StepFailed
from wizard.files import write_atomically
from wizard.running import Running

_TIME = 120.0  # seconds; emulated machines are slow
# A line of dpkg-query(1)'s ${Conffiles}: path, MD5, and perhaps " obsolete". One that is not
# configured yet has "newconffile" there, and is as it came.
_CONFFILE = re.compile(r" (/.+?) ([0-9a-f]{32})(?: [a-z-]+)*")


def keep_edited(names: Iterable[str], into: Path, running: Running, root: Path = Path("/")) -> str:
    """Copy what was edited of these packages' configuration files to `into`, below the same paths;
    on the disk when this returns, and said in a sentence ("" for none).

    Raises `StepFailed` where dpkg does not tell, OSError where a copy cannot be kept.
    """
    wanted = tuple(names)
    if not wanted:
        return ""
    answer = running.ask(("dpkg-query", "--show", "--showformat=${Conffiles}\\n", *wanted), _TIME)
    if answer.status != 0:
        raise StepFailed(
            f"dpkg does not say which configuration files {', '.join(wanted)} came with; what was "
            "edited of them would be lost.",
            hint="Try `dpkg --audit`, and mend what it names.",
            details=tuple(answer.err.splitlines()[-5:]),
        )
    kept = []
    for path, digest in [*_of_dpkg(answer.out), *_of_ucf(wanted, root)]:
        file = root / path.lstrip("/")
        content = _content(file)
        if not content or hashlib.md5(content, usedforsecurity=False).hexdigest() == digest:
            continue
        copy = into / path.lstrip("/")
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = file.stat()
        write_atomically(
            copy, content, mode=about.st_mode & 0o777, uid=about.st_uid, gid=about.st_gid
        )
        kept.append(path)
    if not kept:
        return ""
    return (
        f"Edited since they came, and gone with their packages: {', '.join(kept)}. Copies are "
        f"below {into}."
    )


def _of_dpkg(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if (found := _CONFFILE.fullmatch(line)) is not None:
            yield found[1], found[2]


def _of_ucf(names: Iterable[str], root: Path) -> Iterator[tuple[str, str]]:
    ours = {name.partition(":")[0] for name in names}
    owned = {path for owner, path in ucf.owners(root) if owner in ours}
    return ((path, digest) for digest, path in ucf.digests(root) if path in owned)


def _content(file: Path) -> bytes:
    """What is in it; nothing for what is no file: dpkg removes a link, and not where it leads."""
    with suppress(FileNotFoundError, NotADirectoryError):
        if stat.S_ISREG(file.lstat().st_mode):
            return file.read_bytes()
    return b""
