"""The one place here that starts processes on this computer: mmdebstrap, QEMU, ssh.

The practice machine's processes differ from the wizard's own commands: QEMU outlives the program,
and ssh is given the user's terminal.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wizard.practice.errors import HostNotReady

# An ordinary user's PATH has no sbin, where mke2fs and sfdisk live.
_SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin"

_PACKAGE_OF = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "sfdisk": "fdisk",
    "newuidmap": "uidmap",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "tar": "tar",
}


@dataclass(frozen=True)
class Finished:
    """What a process left behind: its exit status (128 + the signal's number) and its output."""

    status: int
    out: bytes = b""
    err: bytes = b""


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for tools: untranslated messages, and sbin on PATH."""
    path = os.environ.get("PATH", "/usr/bin:/bin")
    return {**os.environ, "LC_ALL": "C.UTF-8", "PATH": f"{path}:{_SYSTEM_PATH}", **(extra or {})}


def require(*programs: str) -> None:
    """Raise HostNotReady, naming Debian's packages, unless every program is installed."""
    path = environment()["PATH"]
    missing = [name for name in programs if shutil.which(name, path=path) is None]
    if missing:
        packages = sorted({_PACKAGE_OF[name] for name in missing})
        raise HostNotReady(
            f"The practice machine needs programs that are not installed: {', '.join(missing)}.",
            hint="On Debian and Ubuntu: sudo apt-get install --no-install-recommends "
            + " ".join(packages),
        )


def run(
    argv: Sequence[str],
    *,
    stdin: bytes | int | None = None,
    capture: bool = True,
    seconds: float | None = None,
    extra: Mapping[str, str] | None = None,
    interrupt: Callable[[], None] | None = None,
) -> Finished:
    """Run `argv` to its end; `stdin` is data, a file descriptor, or None for nothing.

    Raises TimeoutError after `seconds`; the process is killed then. With `interrupt`, a Ctrl-C
    does not reach the process: the first one calls `interrupt`, and its end is waited for.
    """
    where = subprocess.PIPE if capture else None
    given = stdin if isinstance(stdin, bytes) else None
    source = subprocess.DEVNULL if stdin is None else subprocess.PIPE
    if isinstance(stdin, int):
        source = stdin
    with subprocess.Popen(
        list(argv),
        stdin=source,
        stdout=where,
        stderr=where,
        env=environment(extra),
        process_group=None if interrupt is None else 0,
    ) as process:
        try:
            try:
                out, err = process.communicate(given, timeout=seconds)
            except KeyboardInterrupt:
                if interrupt is None:
                    raise
                interrupt()
                out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            process.kill()
            process.communicate()
            raise TimeoutError(f"{argv[0]} took more than {seconds:.0f} s") from error
        except BaseException:
            # Ctrl-C reached the process too: it is given a moment to restore the terminal.
            process.terminate()
            try:
                process.wait(timeout=2)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
    status = process.returncode
    return Finished(128 - status if status < 0 else status, out or b"", err or b"")


def start(argv: Sequence[str], *, log: Path, stdin: int | None = None) -> subprocess.Popen[bytes]:
    """Start `argv`; its output is appended to `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment(),
            start_new_session=True,
        )
