"""Configuration files of packages that were edited since they came in. For packages.py.

A purge removes them with the package, whatever is in them. Their copies stay with the run.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

from wizard import ucf
from wizard.errors import StepFailed
from wizard.files import is_half_written, is_regular, write_atomically
from wizard.running import Running

_TIME = 120.0  # seconds; emulated machines are slow
# A line of dpkg-query(1)'s ${Conffiles}: path, MD5, and perhaps " obsolete". One that is not
# configured yet has "newconffile" there, and is as it came.
_CONFFILE = re.compile(r" (/.+?) ([0-9a-f]{32})(?: [a-z-]+)*")
# What an earlier copy of the same file is called by now, as `cp --backup=numbered` has it.
_EARLIER = re.compile(r".+\.~\d+~")


def keep_edited(names: Iterable[str], into: Path, running: Running, root: Path = Path("/")) -> None:
    """Copy what was edited of these packages' configuration files to `into`, below the same paths;
    on the disk when this returns. No copy is written over another.

    Raises `StepFailed` where dpkg does not tell, OSError where a copy cannot be kept.
    """
    wanted = tuple(names)
    if not wanted:
        return
    answer = running.ask(("dpkg-query", "--show", "--showformat=${Conffiles}\\n", *wanted), _TIME)
    if answer.status != 0:
        raise StepFailed(
            f"dpkg does not say which configuration files {', '.join(wanted)} came with; what was "
            "edited of them would be lost.",
            hint="Try `dpkg --audit`, and mend what it names.",
            details=tuple(answer.err.splitlines()[-5:]),
        )
    for path, digest in [*_of_dpkg(answer.out), *_of_ucf(wanted, root)]:
        file = root / path.lstrip("/")
        content = _content(file)
        if not content or hashlib.md5(content, usedforsecurity=False).hexdigest() == digest:
            continue
        _keep(file, content, into / path.lstrip("/"))


def said_of_copies(into: Path, root: Path = Path("/")) -> str:
    """In a sentence, which of the files that were copied to `into` are gone; "" for none. By what
    is there, as a purge that was cut off or failed has said nothing of those that it removed.
    """
    copied = [path for path in sorted(into.rglob("*")) if is_regular(path)]
    paths = [
        path.relative_to(into)
        for path in copied
        if not (is_half_written(path) or _EARLIER.fullmatch(path.name))
    ]
    gone = [f"/{path}" for path in paths if not os.path.lexists(root / path)]
    if not gone:
        return ""
    return (
        f"Edited since they came, and gone with their packages: {', '.join(gone)}. Copies are "
        f"below {into}."
    )


def _keep(file: Path, content: bytes, copy: Path) -> None:
    copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if is_regular(copy) and copy.read_bytes() != content:
        # Of an earlier purge: the packages have come in again since.
        names = (copy.with_name(f"{copy.name}.~{number}~") for number in count(1))
        copy.rename(next(name for name in names if not os.path.lexists(name)))
    about = file.stat()
    write_atomically(copy, content, mode=about.st_mode & 0o777, uid=about.st_uid, gid=about.st_gid)


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
