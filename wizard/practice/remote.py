"""ssh into the practice machine: commands, exit statuses, files.

ssh answers 255 both when it fails itself and when the remote command ends so. The remote command
therefore leaves a mark when it ends with 255, and a second connection looks for it.
"""

from __future__ import annotations

import os
import re
import secrets
import shlex
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from wizard.practice import processes
from wizard.practice.errors import ConnectionLost, MachineTrouble
from wizard.practice.image import HOST_KEY_ALIAS
from wizard.practice.processes import Finished

_BOOT_ID = "/proc/sys/kernel/random/boot_id"
# Silence that ends a connection: longer than a bridge taking over the card, shorter than a reboot.
_ALIVE_INTERVAL, _ALIVE_COUNT = 10, 6
# Seconds for one look at the boot id. Short at first: a connection into a machine that goes down
# would hang to the end. On a starved computer none came up in twelve, for ten minutes (seen).
_FIRST_PATIENCE, _MOST_PATIENCE = 12, 96
# Without waiting for the end, so that this connection ends before the network does. SysV init's own
# `reboot` and `poweroff` only ask process 1, and return.
_TELL_INIT = '[ -d /run/systemd/system ] || exec "$1"; exec systemctl --no-block "$1"'
# "stopping" from systemd; from SysV init the runlevels before and now, which ends in 6 or 0.
IS_GOING_DOWN = (
    "sh",
    "-c",
    "[ -d /run/systemd/system ] || exec runlevel; exec systemctl is-system-running",
)
GOES_DOWN = re.compile(rb"stopping|\S [06]")


@dataclass(frozen=True)
class Remote:
    """The way into one running machine."""

    port: int
    key: Path
    known_hosts: Path

    def ssh(self, command: str, *, tty: bool = False, connect_seconds: int = 30) -> list[str]:
        """The ssh command line for a remote shell command; no file of the user's is read."""
        options = {
            "BatchMode": "yes",
            "IdentitiesOnly": "yes",
            "IdentityFile": _quoted(self.key),
            "IdentityAgent": "none",
            "UserKnownHostsFile": _quoted(self.known_hosts),
            "GlobalKnownHostsFile": "/dev/null",
            "HostKeyAlias": HOST_KEY_ALIAS,
            "HostKeyAlgorithms": "ssh-ed25519",
            "StrictHostKeyChecking": "yes",
            "UpdateHostKeys": "no",
            "PreferredAuthentications": "publickey",
            # The default, a post-quantum exchange, takes its time on an emulated processor.
            "KexAlgorithms": "curve25519-sha256",
            "ConnectTimeout": str(connect_seconds),
            "ServerAliveInterval": str(_ALIVE_INTERVAL),
            "ServerAliveCountMax": str(_ALIVE_COUNT),
            "TCPKeepAlive": "no",
            "EscapeChar": "none",
            "LogLevel": "ERROR",
        }
        return [
            "ssh",
            "-F", "none",
            "-tt" if tty else "-T",
            "-p", str(self.port),
            *(word for name, value in options.items() for word in ("-o", f"{name}={value}")),
            "root@127.0.0.1",
            command,
        ]  # fmt: skip

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes | int | None = None,
        capture: bool = True,
        tty: bool = False,
        seconds: float | None = None,
    ) -> Finished:
        """The remote command's own exit status, and its output when captured.

        A command ended by a signal has 128 + its number. Raises ConnectionLost when ssh failed or
        the connection broke, TimeoutError after `seconds`.
        """
        mark = f"/run/xen-setup-status-{secrets.token_hex(8)}"
        line = f"trap : INT QUIT; {shell_line(argv)}; s=$?; [ $s -ne 255 ] || : >{mark}; exit $s"
        interrupt = None
        if not (tty or capture or (isinstance(stdin, int) and os.isatty(stdin))):
            # Without a terminal nothing carries a Ctrl-C over: the process group is noted. (With
            # the terminal as its input, ssh cannot be in a group of its own: it would be stopped.)
            line = f"echo $$ >{mark}.pid; trap 'rm -f {mark}.pid' EXIT; {line}"
            interrupt = partial(self._interrupt, f"{mark}.pid")
        done = processes.run(
            self.ssh(line, tty=tty),
            stdin=stdin,
            capture=capture,
            seconds=seconds,
            interrupt=interrupt,
        )
        if done.status == 255 and not self._left(mark):
            raise ConnectionLost(
                "The connection to the practice machine broke.",
                hint="See `xen-setup practice status`, and what it shows on its console.",
                details=tuple(done.err.decode(errors="replace").splitlines()[-5:]),
            )
        return done

    def _interrupt(self, pid_file: str) -> None:
        with suppress(TimeoutError):
            processes.run(self.ssh(f"kill -INT -- -$(cat {pid_file})"), seconds=60)

    def _left(self, mark: str) -> bool:
        look = f"test -e {mark} && rm -f {mark}"
        try:
            return processes.run(self.ssh(look), seconds=60).status == 0
        except TimeoutError:
            return False

    def boot_id(self, *, seconds: float = 60) -> str | None:
        """The identity of the machine's present boot; None when it does not answer."""
        limit = max(1, int(seconds))
        try:
            done = processes.run(
                self.ssh(f"cat {_BOOT_ID}", connect_seconds=limit), seconds=limit + 5
            )
        except TimeoutError:
            return None
        text = done.out.decode(errors="replace").strip()
        return text if done.status == 0 and text else None

    def answers(self, *, seconds: float = 1) -> bool:
        """Whether an ssh server greets on the port; cheap, as nothing is encrypted."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
                # QEMU takes every connection, and closes it later if nobody is there.
                connection.settimeout(seconds)
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def wait(
        self,
        *,
        seconds: float,
        goes_on: Callable[[], bool],
        other_than: str | None = None,
        trace: Callable[[], object] = lambda: None,
    ) -> str:
        """The boot id once the machine answers, in another boot than `other_than`.

        Raises MachineTrouble after `seconds`, or as soon as `goes_on` denies it. The seconds count
        anew whenever `trace` (of what the machine does) has changed, to four times as many in all:
        an emulated machine on a busy computer is slow, and not dead.
        """
        started = time.monotonic()
        deadline, latest, seen = started + seconds, started + 4 * seconds, trace()
        patience = _FIRST_PATIENCE
        while True:
            if self.answers(seconds=3):
                boot = self.boot_id(seconds=patience)
                if boot is not None and boot != other_than:
                    return boot
                if boot is None:
                    patience = min(2 * patience, _MOST_PATIENCE)
            if not goes_on():
                raise MachineTrouble(
                    "The practice machine ended while it was waited for.",
                    hint="Start it again with `xen-setup practice exec -- true`.",
                )
            if (traced := trace()) != seen:
                deadline, seen = min(time.monotonic() + seconds, latest), traced
            if time.monotonic() > deadline:
                waited = time.monotonic() - started
                raise MachineTrouble(
                    f"The practice machine did not answer within {waited:.0f} s.",
                    hint="See `xen-setup practice console`; `xen-setup practice stop` ends it.",
                )
            time.sleep(0.5)


def init_is_told(word: str) -> list[str]:
    """The command that asks process 1, whichever it is, to `reboot` or `poweroff` in order."""
    return ["sh", "-c", _TELL_INIT, "sh", word]


def shell_line(argv: Sequence[str]) -> str:
    """`argv` as one line for a POSIX shell: every argument arrives whole."""
    for argument in argv:
        if "\0" in argument:
            raise ValueError("an argument cannot hold a zero byte")
    return " ".join(shlex.quote(argument) for argument in argv)


def _quoted(path: Path) -> str:
    # ssh splits this option at blanks, and expands %.
    return '"' + str(path).replace("%", "%%") + '"'
