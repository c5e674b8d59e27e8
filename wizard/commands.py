"""Run programs: the only module that starts processes.

Every command gets no terminal, its own session, a time limit, a known environment; what it
prints is handed over by line, kept only in its last lines, and logged. When it must end (time
is out, a signal, the awaited words came), its whole session ends: TERM, then KILL.
"""

from __future__ import annotations

import os
import selectors
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal, Protocol, Self

from wizard.errors import StepFailed
from wizard.interrupts import Interrupts
from wizard.log import Log
from wizard.pipes import close_pipe, write_some
from wizard.sessions import end_session
from wizard.stream import Stream

Argv = Sequence[str]

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Of every command: the C locale, no questions, a PATH with sbin.
ENVIRONMENT: Mapping[str, str] = {
    "PATH": PATH,
    "LC_ALL": "C",
    "LANG": "C",
    "HOME": "/root",
    "TERM": "dumb",
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBCONF_NONINTERACTIVE_SEEN": "true",
    "APT_LISTCHANGES_FRONTEND": "none",
    "NEEDRESTART_SUSPEND": "1",
    "LVM_SUPPRESS_FD_WARNINGS": "1",
}
NOT_INSTALLED = "not installed"  # an answer says so of its program
_ASK_LIMIT = 32 << 20  # bytes of an answer

# Kept: proxies, since the mirror may only be reached through one.
_INHERITED = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY")

# Debian's package of a program that a fresh machine may lack.
PACKAGES = {
    "apt-get": "apt",
    "blkid": "util-linux",
    "brctl": "bridge-utils",
    "debootstrap": "debootstrap",
    "grub-reboot": "grub2-common",
    "ifup": "ifupdown",
    "ip": "iproute2",
    "lsblk": "util-linux",
    "lvcreate": "lvm2",
    "lvremove": "lvm2",
    "lvs": "lvm2",
    "mkfs.btrfs": "btrfs-progs",
    "mkfs.ext3": "e2fsprogs",
    "mkfs.ext4": "e2fsprogs",
    "mkfs.xfs": "xfsprogs",
    "pvcreate": "lvm2",
    "pvs": "lvm2",
    "udevadm": "udev",
    "update-grub": "grub2-common",
    "vgcreate": "lvm2",
    "vgs": "lvm2",
    "xfs_db": "xfsprogs",
    "xl": "xen-utils-common",
}


@dataclass(frozen=True)
class Answer:
    """What a reading command said. Status 124: time was out; 127: no such program."""

    status: int
    out: str
    err: str


Ended = Literal["exited", "matched", "failed", "timeout", "interrupted"]
_ENDED = {
    "interrupted": "was interrupted",
    "matched": "showed what was waited for",
    "failed": "could not succeed any more, and was ended",
}


@dataclass(frozen=True)
class Completed:
    """How a command ended. `status` is its exit status, or minus the signal that ended it.

    `tail` holds its last lines, a few, without control characters; `seconds` how
    long it ran. `ended` "matched": `until` was found, which is a success whatever the status;
    "failed": `fails_at` was.
    """

    argv: tuple[str, ...]
    status: int
    ended: Ended
    tail: tuple[str, ...]
    seconds: float
    limit: float

    @property
    def words(self) -> str:
        """How it ended, as a sentence's end: "ended with exit status 1"."""
        if self.ended == "timeout":
            return f"did not end within its {self.limit:g} seconds, and was ended"
        if self.ended in _ENDED:
            return _ENDED[self.ended]
        if self.status < 0:
            try:
                name = signal.Signals(-self.status).name
            except ValueError:
                name = f"number {-self.status}"
            return f"was ended by the signal {name}"
        return f"ended with exit status {self.status}"


class Ask(Protocol):
    """Run a command that only reads."""

    def __call__(
        self,
        argv: Argv,
        timeout: float = 20.0,
        input: str | None = None,  # noqa: A002
    ) -> Answer: ...


class Run(Protocol):
    """Run a command that changes something."""

    def __call__(
        self,
        argv: Argv,
        *,
        timeout: float,
        input: str | None = None,  # noqa: A002
        environment: Mapping[str, str] | None = None,
        on_output: Callable[[str], None] | None = None,
        until: str | None = None,
        fails_at: str | None = None,
        cwd: Path | None = None,
        log: Log | None = None,
        interrupts: Interrupts | None = None,
        masks: Sequence[str] = (),
        on_start: Callable[[int], None] | None = None,
    ) -> Completed: ...


class ProgramMissing(StepFailed):
    """A program that is needed is not installed."""


def environment_for(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a command: the one of all, proxies, and what is given."""
    return {
        **ENVIRONMENT,
        **{name: os.environ[name] for name in _INHERITED if name in os.environ},
        **(extra or {}),
    }


def find_program(name: str, environment: Mapping[str, str] | None = None) -> str | None:
    """Where a program is, by the PATH that commands get; None if it is not installed."""
    return shutil.which(name, path=(environment or {}).get("PATH", PATH))


def run(
    argv: Argv,
    *,
    timeout: float,
    input: str | None = None,  # noqa: A002
    environment: Mapping[str, str] | None = None,
    on_output: Callable[[str], None] | None = None,
    until: str | None = None,
    fails_at: str | None = None,
    cwd: Path | None = None,
    log: Log | None = None,
    interrupts: Interrupts | None = None,
    masks: Sequence[str] = (),
    on_start: Callable[[int], None] | None = None,
) -> Completed:
    """Run a command to its end, whatever that is; raises only when it cannot be started.

    `timeout` is in seconds. `on_output` gets each line as it comes (a carriage return ends one
    too). `until` is a regular expression searched in the output as it comes, in multi-line mode:
    once found, the command is ended. `fails_at`, without `until`, is one too. `masks` are texts
    that no line may show. `on_start` gets the process id, which is also that of its session.
    Without `input` it reads an empty file, or, with `until`, a pipe that stays open: consoles take
    the end of their input as a wish to leave.
    Raises `ProgramMissing`, or `StepFailed` when the kernel refuses to start it.
    """
    command = tuple(argv)
    surroundings = environment_for(environment)
    if find_program(command[0], surroundings) is None:
        package = PACKAGES.get(Path(command[0]).name)
        raise ProgramMissing(
            f"The program {command[0]} is not installed.",
            hint=f"Install the package {package}, and go on with `xen-setup resume`."
            if package
            else "Install it, and go on with `xen-setup resume`.",
        )
    log = log or Log(None)
    stream = Stream(on_output, log, until or fails_at, masks)
    started = time.monotonic()
    log.begin(shlex.join(command))
    process = _start(command, surroundings, cwd, reads=input is not None or until is not None)
    try:
        if on_start is not None:
            on_start(process.pid)
        ended = _follow(
            process,
            stream,
            b"" if input is None else input.encode(),
            close_input=until is None,
            deadline=started + timeout,
            interrupts=interrupts,
        )
        if ended != "exited":
            end_session(process.pid, process)
            # Until its last words are read, what ended it is not in the log.
            _drain(process.stdout, stream)
    finally:
        if process.poll() is None:
            end_session(process.pid, process)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                close_pipe(pipe)
    stream.finish()
    if ended == "exited" and stream.matched and until is not None:
        ended = "matched"
    elif ended == "matched" and until is None:
        ended = "failed"
    result = Completed(
        command, process.returncode, ended, stream.tail, time.monotonic() - started, timeout
    )
    log.end(f"{command[0]} {result.words} ({result.seconds:.1f} s)", result.tail)
    return result


class Question:
    """A program that only reads, under way; its answer is waited for when it is wanted.

    Whoever begins one takes its answer, or drops it.
    """

    def __init__(self, argv: Argv, input: str | None = None) -> None:  # noqa: A002
        command = tuple(argv)
        environment = environment_for()
        self._process: subprocess.Popen[bytes] | None = None
        self._feed = (input or "").encode()
        if find_program(command[0], environment) is None:
            self._refusal = Answer(127, "", f"{command[0]}: {NOT_INSTALLED}")
            return
        try:
            self._process = _start(command, environment, None, reads=input is not None, apart=True)
        except StepFailed as error:
            self._refusal = Answer(126, "", error.what)

    def answer(self, timeout: float = 20.0) -> Answer:
        """What it prints until it ends; it is given `timeout` seconds from now."""
        process = self._process
        if process is None:
            return self._refusal
        try:
            out, err, ended = _collect(process, self._feed, time.monotonic() + timeout)
            if not ended:
                end_session(process.pid, process, grace=1.0)
        finally:
            self.drop()
        status = process.returncode if ended else 124
        return Answer(status, out.decode(errors="replace"), err.decode(errors="replace"))

    def drop(self) -> None:
        """End it, if it has not ended."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            end_session(process.pid, process, grace=0.0)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                close_pipe(pipe)


def ask(
    argv: Argv,
    timeout: float = 20.0,
    input: str | None = None,  # noqa: A002
) -> Answer:
    """What a command that only reads prints; never raises for how it ends. `timeout`: seconds."""
    return Question(argv, input).answer(timeout)


@dataclass(frozen=True)
class Asker:
    """Asks like `ask`; what was begun before runs beside other questions until it is asked.

    Leaving the block drops what was begun and not asked.
    """

    # Not compared: all of them ask the same machine.
    _begun: dict[tuple[str, ...], Question] = field(default_factory=dict, compare=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_how: object) -> None:
        while self._begun:
            self._begun.popitem()[1].drop()

    def begin(self, argv: tuple[str, ...], /) -> None:
        """Start a program whose answer will be asked for soon."""
        if argv not in self._begun:
            self._begun[argv] = Question(argv)

    def __call__(self, argv: tuple[str, ...], timeout: float = 20.0, /) -> Answer:
        begun = self._begun.pop(argv, None)
        return (begun or Question(argv)).answer(timeout)


def in_terminal(argv: Argv) -> int:
    """The exit status of a program that has this terminal to itself until it ends."""
    surroundings = environment_for({"TERM": os.environ.get("TERM", "dumb")})
    if find_program(argv[0], surroundings) is None:
        raise ProgramMissing(f"The program {argv[0]} is not installed.", hint="Install it.")
    return subprocess.call(tuple(argv), env=surroundings)


def _start(
    command: tuple[str, ...],
    environment: Mapping[str, str],
    cwd: Path | None,
    *,
    reads: bool,
    apart: bool = False,
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE if reads else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if apart else subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
            env=dict(environment),
            cwd=cwd or "/",
            umask=0o022,
        )
    except OSError as error:
        raise StepFailed(
            f"{command[0]} cannot be started: {error.strerror}.",
            hint="See whether the file is damaged, or the machine out of memory or processes.",
        ) from error


def _follow(
    process: subprocess.Popen[bytes],
    stream: Stream,
    feed: bytes,
    *,
    close_input: bool,
    deadline: float,
    interrupts: Interrupts | None,
) -> Ended:
    """Pass data both ways until the process ends or must end; says which."""
    assert process.stdout is not None
    waiting = memoryview(feed)
    exit_notice = os.pidfd_open(process.pid)
    with selectors.DefaultSelector() as selector:
        try:
            selector.register(process.stdout, selectors.EVENT_READ)
            selector.register(exit_notice, selectors.EVENT_READ)
            wake = interrupts.descriptor if interrupts is not None else None
            if wake is not None:
                selector.register(wake, selectors.EVENT_READ)
            if process.stdin is not None:
                os.set_blocking(process.stdin.fileno(), False)
                selector.register(process.stdin, selectors.EVENT_WRITE)
            while True:
                if interrupts is not None and interrupts.pending:
                    return "interrupted"
                left = deadline - time.monotonic()
                if left <= 0:
                    return "timeout"
                for key, _events in selector.select(left):
                    if key.fd == exit_notice:
                        process.wait()
                        _drain(process.stdout, stream)
                        return "exited"
                    if key.fd == wake and interrupts is not None and not interrupts.pending:
                        interrupts.quiet()
                    if process.stdin is not None and key.fileobj is process.stdin:
                        waiting = write_some(process.stdin, waiting)
                        if not waiting:
                            selector.unregister(process.stdin)
                            if close_input:
                                close_pipe(process.stdin)
                    elif key.fileobj is process.stdout:
                        data = os.read(process.stdout.fileno(), 1 << 16)
                        if not data:
                            selector.unregister(process.stdout)
                        stream.feed(data)
                        if stream.matched:
                            return "matched"
        finally:
            os.close(exit_notice)


def _collect(
    process: subprocess.Popen[bytes], feed: bytes, deadline: float
) -> tuple[bytes, bytes, bool]:
    """Output, error output, and whether the process ended by itself before the deadline."""
    assert process.stdout is not None
    assert process.stderr is not None
    parts: dict[int, bytearray] = {
        process.stdout.fileno(): bytearray(),
        process.stderr.fileno(): bytearray(),
    }
    out, err = parts.values()
    waiting = memoryview(feed)
    exit_notice = os.pidfd_open(process.pid)
    with selectors.DefaultSelector() as selector:
        try:
            for pipe in (process.stdout, process.stderr):
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ)
            selector.register(exit_notice, selectors.EVENT_READ)
            if process.stdin is not None:
                os.set_blocking(process.stdin.fileno(), False)
                selector.register(process.stdin, selectors.EVENT_WRITE)
            while (left := deadline - time.monotonic()) > 0:
                for key, _events in selector.select(left):
                    if key.fd == exit_notice:
                        process.wait()
                        for descriptor, part in parts.items():
                            _read_rest(descriptor, part)
                        return bytes(out), bytes(err), True
                    if process.stdin is not None and key.fileobj is process.stdin:
                        waiting = write_some(process.stdin, waiting)
                        if not waiting:
                            selector.unregister(process.stdin)
                            close_pipe(process.stdin)
                    elif key.fd in parts:
                        data = os.read(key.fd, 1 << 16)
                        if not data:
                            selector.unregister(key.fileobj)
                        elif len(parts[key.fd]) < _ASK_LIMIT:
                            parts[key.fd] += data
        finally:
            os.close(exit_notice)
    return bytes(out), bytes(err), False


def _read_rest(descriptor: int, part: bytearray) -> None:
    while len(part) < _ASK_LIMIT:
        try:
            data = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            return  # a process in the background holds the pipe open: it is not waited for
        if not data:
            return
        part += data


def _drain(pipe: IO[bytes] | None, stream: Stream) -> None:
    """Read what is there already; a daemon that holds the pipe open is not waited for."""
    if pipe is None or pipe.closed:
        return
    os.set_blocking(pipe.fileno(), False)
    taken = 0
    while taken < _ASK_LIMIT:
        try:
            data = os.read(pipe.fileno(), 1 << 16)
        except BlockingIOError:
            return
        if not data:
            return
        taken += len(data)
        stream.feed(data)
