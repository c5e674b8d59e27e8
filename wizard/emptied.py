"""What a power cut emptied of what a package had just made. For packages.py.

dpkg brings a package's own files to the disk. What its maintainer scripts make is in memory for up
to half a minute, even when dpkg's database says "installed" already: after a cut it is there, with
its name and no content. Two kinds count, and were seen:

    /etc/default/xen              copied by ucf, which then takes the empty file for the user's
    lvm2-monitor.service.dsh-also deb-systemd-helper's list of a unit's links: without it a purge
                                  leaves the links

Only what is empty is touched, of packages that came in with the run and had left no configuration
of an earlier time.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from wizard import ucf
from wizard.errors import StepFailed
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


def fill_configs(names: Iterable[str], running: Running, root: Path = Path("/")) -> None:
    """Give ucf's files of these packages their content again, mode and owner kept. Raises
    `StepFailed`, `OSError`.
    """
    configs = dict(_emptied_configs(root))
    if not configs:
        return
    templates = {_md5(path): path for path in _files(_listed(names, running), root)}
    for path, digest in configs.items():
        if template := templates.get(digest):
            about = path.stat()
            write_atomically(
                path,
                template.read_bytes(),
                mode=about.st_mode & 0o7777,
                uid=about.st_uid,
                gid=about.st_gid,
            )
            running.log.note(f"{path} was empty, and has its content from {template} again")


def fill_lists(
    names: Iterable[str], running: Running, watch: Watch, root: Path = Path("/")
) -> None:
    """Give the lists of links of these packages' units their content again. Raises `StepFailed`."""
    empty = {
        (kind, path.name.removesuffix(".dsh-also"))
        for kind, place in _HELPERS.items()
        for path in (root / place).glob("*.dsh-also")
        if _is_empty(path)
    }
    if not empty:
        return
    for found in map(_UNITS.fullmatch, _listed(names, running)):
        if found and (found[1], found[2]) in empty:
            user = ["--user"] if found[1] == "user" else []
            running.do((*_HELPER, *user, "update-state", found[2]), _TIME, watch)


def _listed(names: Iterable[str], running: Running) -> list[str]:
    """The files of these packages; of those that it does not know, dpkg-query says so (1)."""
    if not (names := tuple(names)):
        return []
    answer = running.ask(("dpkg-query", "--listfiles", *names), _TIME)
    if answer.status not in (0, 1):
        raise StepFailed(
            "dpkg does not say which files belong to the packages.",
            hint="Try `dpkg --audit`, and mend what it names.",
            details=tuple(answer.err.splitlines()[-5:]),
        )
    return answer.out.splitlines()


def _emptied_configs(root: Path) -> Iterator[tuple[Path, str]]:
    """Empty files that have content by ucf's book."""
    for digest, name in ucf.digests(root):
        path = root / name.lstrip("/")
        if digest != _NOTHING and _is_empty(path):
            yield path, digest


def _is_empty(path: Path) -> bool:
    with suppress(OSError):  # a name that is too long, say
        return path.is_file() and not path.is_symlink() and path.stat().st_size == 0
    return False


def _files(listed: Iterable[str], root: Path) -> Iterator[Path]:
    """A package's own files that could be a template: regular, and not large."""
    for name in listed:
        path = root / name.lstrip("/")
        if name.startswith("/usr/share/") and path.is_file() and path.stat().st_size <= _LARGEST:
            yield path


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
