"""What a power cut emptied of what a package had just made. For packages.py.

dpkg brings a package's own files to the disk. What its maintainer scripts make is in memory for up
to half a minute, even when dpkg's database says "installed" already: after a cut it is there, with
its name and no content. Two kinds count, and were seen:

    /etc/default/xen              copied by ucf, which then takes the empty file for the user's
    lvm2-monitor.service.dsh-also deb-systemd-helper's list of a unit's links: without it a purge
                                  leaves the links

Only what is empty is touched, of packages that came in with the run; what they have instead is
their own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from wizard.files import write_atomically
from wizard.running import Running, Watch

_UNITS = re.compile(r"(?:/usr)?/lib/systemd/(system|user)/([^/]+)")
_HELPERS = {
    "system": "var/lib/systemd/deb-systemd-helper-enabled",
    "user": "var/lib/systemd/deb-systemd-user-helper-enabled",
}
# It refuses to be called by others than dpkg's scripts.
_HELPER = ("env", "DPKG_MAINTSCRIPT_PACKAGE=xen-setup", "deb-systemd-helper")
_NOTHING = hashlib.md5(b"", usedforsecurity=False).hexdigest()
_TIME = 120.0  # seconds; emulated machines are slow
_LARGEST = 1 << 20  # bytes of a configuration file


def fill(names: Iterable[str], running: Running, watch: Watch, root: Path = Path("/")) -> None:
    """Give such files of these packages their content again. Raises `StepFailed`, `OSError`."""
    lists = {
        (kind, path.name.removesuffix(".dsh-also")): path
        for kind, place in _HELPERS.items()
        for path in (root / place).glob("*.dsh-also")
        if _is_empty(path)
    }
    configs = dict(_emptied_configs(root))
    if not lists and not configs:
        return
    # Of names that dpkg does not know it says so, and lists the others.
    listed = running.ask(("dpkg-query", "--listfiles", *names), _TIME).out.splitlines()
    for found in map(_UNITS.fullmatch, listed):
        if found and (found[1], found[2]) in lists:
            user = ["--user"] if found[1] == "user" else []
            running.do((*_HELPER, *user, "update-state", found[2]), _TIME, watch)
    for path, digest in configs.items():
        template = next((one for one in _files(listed, root) if _md5(one) == digest), None)
        if template is not None:
            about = template.stat()
            write_atomically(
                path,
                template.read_bytes(),
                mode=about.st_mode & 0o777,
                uid=about.st_uid,
                gid=about.st_gid,
            )
            running.log.note(f"{path} was empty, and has its content from {template} again")


def _emptied_configs(root: Path) -> Iterator[tuple[Path, str]]:
    """Empty files that have content by ucf's book (ucf(1): lines of "md5sum  path")."""
    with suppress(FileNotFoundError):
        for line in (root / "var/lib/ucf/hashfile").read_text(errors="replace").splitlines():
            digest, _space, name = line.partition("  ")
            path = root / name.lstrip("/")
            if digest != _NOTHING and _is_empty(path):
                yield path, digest


def _is_empty(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and path.stat().st_size == 0


def _files(listed: Iterable[str], root: Path) -> Iterator[Path]:
    """A package's own files that could be a template: regular, and not large."""
    for name in listed:
        path = root / name.lstrip("/")
        if name.startswith("/usr/share/") and path.is_file() and path.stat().st_size <= _LARGEST:
            yield path


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
