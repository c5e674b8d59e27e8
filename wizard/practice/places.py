"""Where the practice machine keeps its things on this computer.

cache    $XDG_CACHE_HOME/xen-setup/practice    the image: can be removed at any time
state    $XDG_STATE_HOME/xen-setup/practice    one folder for each machine: its disk, its logs
sockets  $XDG_RUNTIME_DIR or /tmp              short paths: a Unix socket's may have 107 bytes
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wizard.errors import UsageError
from wizard.practice.errors import HostNotReady
from wizard.user_folders import user_folder

DEFAULT_NAME = "default"

# sun_path has 108 bytes with its closing zero (unix(7)).
_SOCKET_PATH_BYTES = 107
_LONGEST_SOCKET_NAME = len("/console")


@dataclass(frozen=True)
class MachineName:
    """The name of a practice machine: letters, digits and _ . -"""

    text: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", self.text):
            raise UsageError(
                f"'{self.text}' cannot be the name of a practice machine.",
                hint="Use up to 64 letters, digits and _ . - and start with a letter or a digit.",
            )

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Places:
    """The folders; nothing is made until it is needed."""

    cache: Path
    state: Path
    runtime: Path

    @classmethod
    def of_user(cls, environ: Mapping[str, str] = os.environ) -> Places:
        """The folders of the user who runs this; raises HostNotReady for one without a home."""
        cache, state = (_folder(name, environ) for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME"))
        return cls(cache, state, _runtime(environ))

    def machine(self, name: MachineName) -> Path:
        """The folder of the machine with this name."""
        return self.state / name.text

    def lock(self, name: MachineName) -> Path:
        """The file to lock while that machine is made, started, stopped or removed."""
        return self.state / ".locks" / name.text

    def sockets(self, name: MachineName) -> Path:
        """The folder for that machine's sockets: short, whatever the state folder is called."""
        digest = hashlib.sha256(os.fsencode(self.machine(name))).hexdigest()[:12]
        return self.runtime / digest


def make_private(folder: Path) -> Path:
    """`folder`, made if missing; refused when it is not ours alone (it may lie under /tmp)."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for path in (folder.parent, folder):
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
    for path in (folder.parent, folder):
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise HostNotReady(
                f"{path} is not a folder of your own, so it cannot hold the machine's sockets.",
                hint="Remove it, or set XDG_RUNTIME_DIR to a folder of your own.",
            )
        if found.st_mode & 0o077:
            path.chmod(0o700)
    return folder


def _folder(variable: str, environ: Mapping[str, str]) -> Path:
    folder = user_folder(variable, environ)
    if folder is None:
        raise HostNotReady(
            "The practice machine has no place: HOME is not set.",
            hint=f"Set {variable} to a folder of your own.",
        )
    return folder / "practice"


def _runtime(environ: Mapping[str, str]) -> Path:
    given = environ.get("XDG_RUNTIME_DIR", "")
    folder = Path(given) / "xen-setup"
    room = _SOCKET_PATH_BYTES - _LONGEST_SOCKET_NAME - len("/") - 12
    if (
        given.startswith("/")
        and len(os.fsencode(folder)) <= room
        and os.access(given, os.W_OK | os.X_OK)
    ):
        return folder
    return Path("/tmp") / f"xen-setup-{os.geteuid()}"  # noqa: S108  (checked by make_private)
