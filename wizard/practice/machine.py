"""One practice machine: a folder with its disk and logs, and a QEMU in the background.

    machine = PracticeMachine(MachineName("mine"))
    machine.start()
    machine.execute(["uname", "-a"])        # its exit status
    machine.run(["cat", "/etc/fstab"]).out  # what it printed
    machine.stop()

Nothing here belongs to this process: another one may start, use and stop the same machine.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path

from wizard.practice import processes, serial
from wizard.practice.console_log import file_length, last_lines, panic
from wizard.practice.errors import ConnectionLost, HostNotReady, MachineTrouble
from wizard.practice.image import Image, Progress, silent
from wizard.practice.launch import Launch, read_launch
from wizard.practice.places import DEFAULT_NAME, MachineName, Places, make_private
from wizard.practice.processes import Finished
from wizard.practice.qemu import Control, Hardware, Sockets, kvm_is_worth_trying, machine_command
from wizard.practice.recipe import MIB
from wizard.practice.remote import (
    GOES_DOWN,
    IS_GOING_DOWN,
    Remote,
    init_is_told,
    shell_line,
)
from wizard.practice.variants import STOCK, ensure_image

# About 30 when emulated on two free processors; others may use them too.
BOOT_SECONDS = 600
# Under KVM GRUB writes to the console at once; a machine that is silent so long never comes up.
_LIFE_SECONDS = 30
_STOP_SECONDS = 150
_RUN_BYTES = 3 * 1024 * MIB


class State(StrEnum):
    """What a practice machine can be."""

    ABSENT = "absent"  # it was never started, or was reset
    OFF = "off"
    BOOTING = "booting"  # QEMU runs; ssh does not answer yet
    RUNNING = "running"


@dataclass(frozen=True)
class Status:
    """A machine's state, and where its things are."""

    state: State
    folder: Path
    console_log: Path
    pid: int | None = None
    port: int | None = None
    accelerator: str = ""
    disk_bytes: int = 0


class PracticeMachine:
    """A practice machine of this user, by name; making this object starts nothing."""

    def __init__(
        self,
        name: MachineName | None = None,
        *,
        places: Places | None = None,
        hardware: Hardware | None = None,
        progress: Progress = silent,
        variant: str = STOCK,
    ) -> None:
        """`hardware` None: the usual one, with KVM where it works. `variant`: the image that the
        machine is made from, if it is not there yet (`variants.py`).
        """
        self.name = name or MachineName(DEFAULT_NAME)
        self.places = places or Places.of_user()
        self.folder = self.places.machine(self.name)
        self.console_log = self.folder / "console.log"
        self._hardware = hardware
        self._progress = progress
        self.variant = variant

    # The machine's life.

    def status(self) -> Status:
        """What it is now; asks the ssh port for a second at most."""
        if not self._overlay.exists():
            return Status(State.ABSENT, self.folder, self.console_log)
        off = Status(
            State.OFF,
            self.folder,
            self.console_log,
            disk_bytes=self._overlay.stat().st_blocks * 512,
        )
        pid, launch = self._pid(), self._launch()
        if pid is None or launch is None:
            return off
        answers = self._remote(launch).answers()
        return replace(
            off,
            state=State.RUNNING if answers else State.BOOTING,
            pid=pid,
            port=launch.port,
            accelerator=launch.hardware.accelerator,
        )

    def start(self, *, wait: bool = True, seconds: float = BOOT_SECONDS) -> None:
        """Have it run, from the image if it is new; `wait` until it takes commands.

        Raises HostNotReady, or MachineTrouble with the console's last lines.
        """
        processes.require("qemu-system-x86_64", "qemu-img", "ssh")
        launched = False
        with self._lock():
            if self._pid() is None:
                self._create()
                self._progress("Starting the practice machine …")
                self._launch_qemu(self._hardware or self._usual_hardware())
                launched = True
        if launched and self._hardware is None and not self._shows_life():
            self._progress("KVM does not work here: starting again with emulation …")
            with self._lock():
                self._quit()
                self._no_kvm.touch()
                self._launch_qemu(self._usual_hardware())
        if wait:
            self.wait_until_up(seconds=seconds)

    def wait_until_up(self, *, seconds: float = BOOT_SECONDS, other_than: str | None = None) -> str:
        """The boot id, once it takes commands in another boot than `other_than`."""
        launch = self._launch()
        if launch is None:
            raise self._is_off()
        wait = partial(self._remote(launch).wait, trace=lambda: file_length(self.console_log))
        try:
            return wait(
                seconds=seconds, goes_on=partial(self._goes_on, launch), other_than=other_than
            )
        except MachineTrouble as error:
            raise MachineTrouble(
                error.what,
                hint=error.hint,
                details=error.details or tuple(self.console_tail(20)),
            ) from error

    def _goes_on(self, launch: Launch) -> bool:
        """Whether a machine that does not answer yet may come; raises where its kernel stands."""
        last = panic(self.console_log, launch.console_length)
        if last:
            raise MachineTrouble(
                "The practice machine's kernel has panicked, and stands.",
                hint="Its last words are below; `xen-setup practice stop` switches it off, and the "
                "next start boots it again.",
                details=last,
            )
        return self._pid() is not None

    def wait_for_reboot(self, boot_id: str, *, seconds: float = BOOT_SECONDS) -> str:
        """The new boot id, once the machine has left the boot `boot_id` and takes commands."""
        return self.wait_until_up(seconds=seconds, other_than=boot_id)

    def reboot(self, *, before: str = "", seconds: float = BOOT_SECONDS) -> str:
        """Reboot it in order, and wait until it takes commands; the new boot id.

        With the boot id `before` it need not be asked for, and may be on its way down already.
        """
        before = before or self.boot_id()
        with suppress(ConnectionLost):
            self.run(init_is_told("reboot"))
        return self.wait_for_reboot(before, seconds=seconds)

    def is_going_down(self) -> bool:
        """Whether it is shutting down or rebooting; also when it just fell silent."""
        try:
            return GOES_DOWN.fullmatch(self.run(IS_GOING_DOWN).out.strip()) is not None
        except ConnectionLost:
            return True

    def stop(self, *, seconds: float = _STOP_SECONDS) -> bool:
        """Shut it down; True if it went in order, False if it was switched off after `seconds`."""
        if self._pid() is None:
            return True
        with self._lock():
            launch = self._launch()
            if self._pid() is None or launch is None:
                return True
            remote = self._remote(launch)
            asked = False
            if remote.answers(seconds=3):
                try:
                    line = shell_line(init_is_told("poweroff"))
                    done = processes.run(remote.ssh(line, connect_seconds=20), seconds=40)
                    asked = done.status == 0
                except TimeoutError:
                    pass
            if not asked:
                self._tell_qemu("system_powerdown")
            if self._ends_within(seconds):
                return True
            self._quit()
            return False

    def power_cut(self) -> None:
        """Take the power away at once; what the machine had not written is lost."""
        if self._pid() is not None:
            with self._lock():
                self._quit()

    def reset(self) -> None:
        """Remove it: its disk, its logs; the next start makes a new one from the image."""
        if not self.folder.exists():
            return
        with self._lock():
            self._quit()
            launch = self._launch()
            if launch is not None:
                shutil.rmtree(launch.sockets, ignore_errors=True)
            shutil.rmtree(self.folder)

    # Work in it.

    def execute(
        self, argv: Sequence[str], *, tty: bool = False, stdin: bytes | int | None = None
    ) -> int:
        """Run `argv` as its root with our output (and, with `tty`, our terminal): its exit status.

        `stdin` is data, an open file's descriptor, or None for nothing; with `tty` it is the
        terminal. Raises ConnectionLost when the machine falls silent or is switched off.
        """
        if not tty:
            return self._way_in().run(argv, stdin=stdin, capture=False).status
        with serial.kept_terminal():
            return self._way_in().run(argv, stdin=0, capture=False, tty=True).status

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes | int | None = None,
        seconds: float | None = None,
    ) -> Finished:
        """Run `argv` as its root: exit status and output. Raises as `execute` does."""
        return self._way_in().run(argv, stdin=stdin, seconds=seconds)

    def read_file(self, path: str) -> bytes:
        """The content of a file in the machine; raises FileNotFoundError, or OSError."""
        done = self.run(["cat", "--", path])
        if done.status:
            text = done.err.decode(errors="replace").strip()
            raise (FileNotFoundError if "No such file" in text else OSError)(text)
        return done.out

    def write_file(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file in the machine, whole or not at all; its folder must exist."""
        script = 'umask 077; cat >"$1.new" && chmod "$2" "$1.new" && mv -fT -- "$1.new" "$1"'
        done = self.run(["sh", "-c", script, "sh", path, f"{mode:o}"], stdin=data)
        if done.status:
            raise OSError(done.err.decode(errors="replace").strip())

    def boot_id(self) -> str:
        """The identity of its present boot."""
        return self.run(["cat", "/proc/sys/kernel/random/boot_id"]).out.decode().strip()

    def console(self) -> bool:
        """Join this terminal to the serial console; False if the machine ended meanwhile."""
        launch = self._launch()
        if self._pid() is None or launch is None:
            raise self._is_off()
        return serial.connect_terminal(Sockets(Path(launch.sockets)).console)

    def console_tail(self, lines: int = 20) -> list[str]:
        """The last lines the serial console showed, without control characters."""
        return last_lines(self.console_log, lines)

    # Inside.

    @property
    def _overlay(self) -> Path:
        return self.folder / "disk.qcow2"

    @property
    def _base(self) -> Image:
        """The image this machine was made from: its own link, so a new image breaks nothing."""
        return Image(self.folder / "image")

    @property
    def _pid_file(self) -> Path:
        return self.folder / "qemu.pid"

    @property
    def _launch_file(self) -> Path:
        return self.folder / "machine.json"

    @property
    def _no_kvm(self) -> Path:
        return self.places.state / ".kvm-does-not-work"

    def _usual_hardware(self) -> Hardware:
        kvm = kvm_is_worth_trying() and not self._no_kvm.exists()
        return Hardware(accelerator="kvm" if kvm else "tcg")

    def _create(self) -> None:
        if self._overlay.exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        source = ensure_image(self.places.cache, self.variant, self._progress)
        self._require_space()
        link_image(source, self._base.folder)
        new = self._overlay.with_suffix(".new")
        made = processes.run(
            ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw",
             "-b", str(self._base.disk.relative_to(self.folder)), str(new)]
        )  # fmt: skip
        if made.status:
            raise HostNotReady(
                "The practice machine's disk could not be made.",
                hint=f"See that {self.folder} can be written to and has space.",
                details=tuple(made.err.decode(errors="replace").splitlines()),
            )
        new.rename(self._overlay)

    def _require_space(self) -> None:
        free = shutil.disk_usage(self.folder).free
        if free < _RUN_BYTES:
            raise HostNotReady(
                f"{self.folder} has {free / MIB:.0f} MiB free; a practice machine grows to "
                f"{_RUN_BYTES // MIB} MiB.",
                hint="Free some space, or set XDG_STATE_HOME to a folder on a larger disk.",
            )

    def _launch_qemu(self, hardware: Hardware) -> None:
        folder = make_private(self.places.sockets(self.name))
        sockets = Sockets(folder)
        for _attempt in range(5):
            for left in (sockets.console, sockets.control, self._pid_file):
                left.unlink(missing_ok=True)
            launch = Launch(_free_port(), str(folder), hardware, file_length(self.console_log))
            launch.write(self._launch_file)
            done = processes.run(
                machine_command(
                    hardware,
                    disk=self._overlay,
                    sockets=sockets,
                    console_log=self.console_log,
                    pid_file=self._pid_file,
                    port=launch.port,
                ),
                seconds=60,
            )
            if done.status == 0:
                return
            if b"host forwarding" not in done.err:  # the port was taken in between: another one
                break
        if hardware.accelerator == "kvm" and self._hardware is None:
            self._no_kvm.touch()
            self._launch_qemu(self._usual_hardware())
            return
        raise MachineTrouble(
            "QEMU did not start.",
            hint="Its words are below; `xen-setup practice reset` makes a new machine.",
            details=tuple(done.err.decode(errors="replace").splitlines()[-10:]),
        )

    def _shows_life(self) -> bool:
        launch = self._launch()
        if launch is None or launch.hardware.accelerator != "kvm":
            return True
        size = file_length(self.console_log)
        deadline = time.monotonic() + _LIFE_SECONDS
        while time.monotonic() < deadline:
            if file_length(self.console_log) > size + 100:
                return True
            time.sleep(0.2)
        return False

    def _pid(self) -> int | None:
        """The process of this machine's QEMU, if it runs."""
        try:
            pid = int(self._pid_file.read_text())
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        # A number can be used again; the path of our file on its command line can not.
        return pid if os.fsencode(self._pid_file) in words else None

    def _launch(self) -> Launch | None:
        return read_launch(self._launch_file)

    def _remote(self, launch: Launch) -> Remote:
        return Remote(launch.port, self._base.ssh_key, self._base.known_hosts)

    def _way_in(self) -> Remote:
        launch = self._launch()
        if self._pid() is None or launch is None:
            raise self._is_off()
        return self._remote(launch)

    def _is_off(self) -> MachineTrouble:
        return MachineTrouble(
            f"The practice machine '{self.name}' is off.",
            hint="`xen-setup practice exec -- true` starts it.",
        )

    def _tell_qemu(self, command: str) -> bool:
        launch = self._launch()
        if launch is None:
            return False
        # It may be ending already, or hang: the caller looks at the process.
        with suppress(OSError, ValueError), Control(Sockets(Path(launch.sockets)).control) as qmp:
            qmp.command(command)
            return True
        return False

    def _quit(self) -> None:
        pid = self._pid()
        if pid is None:
            return
        if not (self._tell_qemu("quit") and self._ends_within(10)):
            os.kill(pid, 9)
            self._ends_within(10)

    def _ends_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self._pid() is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Starting, stopping and removing: one at a time, whoever asks."""
        path = self.places.lock(self.name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = path.open("w")
        except OSError as error:
            raise HostNotReady(
                f"The practice machine's folder cannot be written to: {error}.",
                hint="Set XDG_STATE_HOME to a folder of your own.",
            ) from error
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def link_image(source: Image, target: Path) -> None:
    """Have the image at `target` too: by hard links, or copied where they cannot be made."""
    new = target.with_name("image.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    for path in (source.disk, source.ssh_key, source.known_hosts):
        try:
            (new / path.name).hardlink_to(path)
        except OSError:
            done = processes.run(["cp", "--sparse=always", "--preserve=mode", str(path), str(new)])
            if done.status:
                raise HostNotReady(
                    f"The image cannot be copied to {target.parent}.",
                    hint="See that there is space.",
                    details=tuple(done.err.decode(errors="replace").splitlines()),
                ) from None
    shutil.rmtree(target, ignore_errors=True)
    new.rename(target)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
