"""The program, forked from a process that has its modules loaded: for `tests/run fast`.

Most of a start of the program is imports, and these tests start it hundreds of times. What is
forked is a process as any other, with arguments, environment, folder, files, signals and exit
status of its own. One thing alone is not seen so: that each command imports what it needs.
`tests/run` sees that: there every start is one from nothing.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

# What the interpreter itself reads when it starts: a fork comes too late for it.
_READ_AT_START = ("PYTHON", "LC_", "LANG")
_FITS_IN_A_PIPE = 60_000  # bytes
_LONGEST = 1 << 18  # bytes of one request


class Nursery:
    """The process with everything loaded, and what comes of it. It ends with the one that made it.

    `environment` is its own; who wants another Python or another language starts one from nothing.
    """

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Python looks once what its streams are: at pipes, as the children's will be or seem to be.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.cli.nursery", str(theirs.fileno())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[theirs.fileno()],
            env=self._environment, cwd=root,
        )  # fmt: skip
        theirs.close()
        atexit.register(self._close)

    def takes(self, environment: Mapping[str, str], stdin: str | None) -> bool:
        """Whether a fork can be what a start from nothing would be."""
        differing = set(environment.items()) ^ set(self._environment.items())
        return len(stdin or "") < _FITS_IN_A_PIPE // 4 and not any(
            name.startswith(_READ_AT_START) for name, _ in differing
        )

    def run(
        self,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        *,
        stdin: str | None,
        timeout: float,
    ) -> subprocess.CompletedProcess[str]:
        """As subprocess.run with `capture_output` and `text`; stdin None: nothing is there."""
        words = {"argv": list(arguments), "folder": str(folder), "environment": dict(environment)}
        reads = os.open(os.devnull, os.O_RDONLY)
        if stdin is not None:
            os.close(reads)
            reads, writes = os.pipe()
            os.write(writes, stdin.encode())
            os.close(writes)
        with TemporaryFile() as out, TemporaryFile() as err:
            streams = [reads, out.fileno(), err.fileno()]
            socket.send_fds(self._ours, [json.dumps(words).encode()], streams)
            os.close(reads)
            self._ours.settimeout(timeout)
            status = os.waitstatus_to_exitcode(int(self._ours.recv(64)))
            told = []
            for stream in (out, err):
                stream.seek(0)
                told.append(stream.read().decode())
        return subprocess.CompletedProcess(list(arguments), status, *told)

    def _close(self) -> None:
        self._ours.close()
        self._process.communicate()


def _serve(channel: socket.socket) -> dict[str, Any]:
    """Fork a child for each request, one after the other; in the child, the request."""
    while True:
        words, streams, _, _ = socket.recv_fds(channel, _LONGEST, 3)
        if not words:
            os._exit(0)
        child = os.fork()
        if child == 0:
            channel.close()
            for number, descriptor in enumerate(streams):
                os.dup2(descriptor, number)
                os.close(descriptor)
            return dict(json.loads(words))
        for descriptor in streams:
            os.close(descriptor)
        _, status = os.waitpid(child, 0)
        channel.send(str(status).encode())


def main() -> None:
    """Load all there is; then be the program, once for each request."""
    import steps
    import wizard

    for package in (wizard, steps):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    gc.collect()
    gc.freeze()
    request = _serve(socket.socket(fileno=int(sys.argv[1])))
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv = ["xen-setup", *request["argv"]]
    runpy.run_module("wizard", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
