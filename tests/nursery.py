"""The program, forked from a process that has its modules loaded: for `tests/run fast`.

Most of a start of the program is imports, and these tests start it hundreds of times. What is
forked is a process as any other, with arguments, environment, folder, streams or a terminal,
signals and exit status of its own. One thing alone is not seen so: that each command imports what
it needs. `tests/run` sees that: there every start is one from nothing.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import importlib
import io
import json
import os
import pkgutil
import pty
import runpy
import select
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pexpect

# What is started with `python -m`, and what may stand before that.
MODULES = ("wizard", "tests.interview.conversation", "tests.interview.every_prompt")
# What the program imports only where it needs it, as it takes long: the questions, answer files.
_LATE = ("questionary", "ruamel.yaml")
_FLAGS = {"-P", "-W", "error"}  # the nursery has them all
_FITS_IN_A_PIPE = 10_000  # characters
_LONGEST = 1 << 18  # bytes of one request


@dataclass
class Forked:
    """One of the nursery's: it is nobody's child here, so a socket tells how it ended."""

    pid: int
    _told: socket.socket
    _status: int | None = None

    def ended(self, seconds: float) -> bool:
        """Whether it has ended, after that long at most."""
        if self._status is None and select.select([self._told], [], [], seconds)[0]:
            self._status = os.waitstatus_to_exitcode(int(self._told.recv(64)))
            self._told.close()
        return self._status is not None

    @property
    def status(self) -> int:
        """As Popen.returncode: minus its number for a signal."""
        assert self._status is not None
        return self._status

    def signal(self, number: int) -> None:
        """Send it a signal, if it is there: it may be gone before the nursery has told so."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it, and see that it has."""
        if self._status is None:
            self.signal(signal.SIGKILL)
            self.ended(60)


class Nursery:
    """The process with everything loaded, and what comes of it. It ends with the one that made it.

    `environment` is its own; who wants another Python or another language starts one from nothing.
    """

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Python looks once what its streams are: at pipes, as the children's will be or seem to be.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-W", "error", "-m", "tests.nursery", str(theirs.fileno())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            pass_fds=[theirs.fileno()], env=self._environment, cwd=root,
        )  # fmt: skip
        theirs.close()
        atexit.register(self._close)

    def takes(
        self, argv: Sequence[str], environment: Mapping[str, str], stdin: str | None = None
    ) -> bool:
        """Whether a fork can be what a start from nothing would be."""
        return (
            _module(argv) is not None
            and len(stdin or "") < _FITS_IN_A_PIPE
            and _read_at_start(environment) == _read_at_start(self._environment)
        )

    def run(
        self,
        argv: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        *,
        stdin: str | None,
        timeout: float,
    ) -> subprocess.CompletedProcess[str]:
        """As subprocess.run with `capture_output` and `text`; stdin None: nothing is there."""
        reads = os.open(os.devnull, os.O_RDONLY)
        if stdin is not None:
            os.close(reads)
            reads, writes = os.pipe()
            os.write(writes, stdin.encode())
            os.close(writes)
        with TemporaryFile() as out, TemporaryFile() as err:
            child = self.start(argv, folder, environment, [reads, out.fileno(), err.fileno()])
            os.close(reads)
            if not child.ended(timeout):
                child.kill()
                raise subprocess.TimeoutExpired(list(argv), timeout)
            told = []
            for stream in (out, err):
                stream.seek(0)
                told.append(stream.read().decode())
        return subprocess.CompletedProcess(list(argv), child.status, *told)

    def start(
        self, argv: Sequence[str], folder: Path, environment: Mapping[str, str], streams: list[int]
    ) -> Forked:
        """Begin one with these streams; a terminal among them becomes its own."""
        module, words = _module(argv) or ("", [])
        request = {
            "module": module, "words": words, "folder": str(folder), "environment": {**environment}
        }  # fmt: skip
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        data = json.dumps(request).encode()
        socket.send_fds(self._ours, [data], [theirs.fileno(), *streams])
        theirs.close()
        pid = ours.recv(64)
        assert pid, f"The nursery has ended: {self._process.communicate()[1].decode()}"
        return Forked(int(pid), ours)

    def _close(self) -> None:
        self._ours.close()
        self._process.communicate()


class ForkedInTerminal:
    """What terminal.py needs of a pexpect.spawn, for one of the nursery's."""

    def __init__(
        self,
        nursery: Nursery,
        argv: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        dimensions: tuple[int, int],
    ) -> None:
        self.child_fd, theirs = pty.openpty()
        self.modes = termios.tcgetattr(self.child_fd)  # before anybody can change them
        self.setwinsize(*dimensions)
        self._child = nursery.start(argv, folder, environment, [theirs] * 3)
        os.close(theirs)
        self.pid = self._child.pid
        self.exitstatus: int | None = None
        self.signalstatus: int | None = None

    def read_nonblocking(self, size: int, seconds: float) -> bytes:
        if not select.select([self.child_fd], [], [], seconds)[0]:
            raise pexpect.TIMEOUT("")
        try:
            chunk = os.read(self.child_fd, size)
        except OSError:  # nobody has the other end open any more
            chunk = b""
        if not chunk:
            raise pexpect.EOF("")
        return chunk

    def send(self, keys: str) -> None:
        os.write(self.child_fd, keys.encode())

    def setwinsize(self, rows: int, columns: int) -> None:
        termios.tcsetwinsize(self.child_fd, (rows, columns))

    def wait(self) -> None:
        self._child.ended(3600)
        if self._child.status < 0:
            self.signalstatus = -self._child.status
        else:
            self.exitstatus = self._child.status

    def close(self, *, force: bool) -> None:
        os.close(self.child_fd)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGKILL):
            if self._child.ended(0.1):
                return
            self._child.signal(number)
        self._child.ended(60)  # a busy machine takes its time, and the socket is to be closed


def _module(argv: Sequence[str]) -> tuple[str, list[str]] | None:
    """What an argv starts with `python -m`, and its words; None: not what is loaded here."""
    if argv[0] != sys.executable or "-m" not in argv:
        return None
    place = argv.index("-m")
    if argv[place + 1] in MODULES and _FLAGS.issuperset(argv[1:place]):
        return argv[place + 1], list(argv[place + 2 :])
    return None


def _read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    """What the interpreter itself reads when it starts: a fork comes too late for it."""
    found = {name: word for name, word in environment.items() if name.startswith("PYTHON")}
    names = ("LC_ALL", "LC_CTYPE", "LANG")
    return {**found, "language": next(filter(None, map(environment.get, names)), "")}


# ---- in the nursery


def _serve(channel: socket.socket) -> dict[str, Any]:
    """Fork for each request; returns in the child, with its request, its streams in place."""
    while True:
        words, (told, *streams), _, _ = socket.recv_fds(channel, _LONGEST, 4)
        if not words:
            os._exit(0)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if os.fork() == 0:
            channel.close()
            break
        for descriptor in (told, *streams):
            os.close(descriptor)
    # The program's parent, who waits for it and says how it ended.
    teller = socket.socket(fileno=told)
    child = os.fork()
    if child:
        teller.send(str(child).encode())
        teller.send(str(os.waitpid(child, 0)[1]).encode())
        os._exit(0)
    teller.close()
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    if os.isatty(0):
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    return dict(json.loads(words))


def main() -> None:
    """Load all there is; then be the program, once for each request."""
    gc.disable()
    import steps
    import wizard
    from tests.machines import machines

    for name in _LATE:
        importlib.import_module(name)
    for package in (wizard, steps):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    machines()  # read once: half of them ask about one of these
    gc.collect()
    gc.freeze()
    request = _serve(socket.socket(fileno=int(sys.argv[1])))
    gc.enable()
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv = ["", *request["words"]]
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=sys.stdout.isatty())
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
