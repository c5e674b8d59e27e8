"""Volumes mounted while actions work inside them, and always unmounted again. For machine.py."""

from __future__ import annotations

import os
import re
import signal
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wizard.actions import Volume
from wizard.commands import Answer, Completed
from wizard.errors import StepFailed
from wizard.signatures import signatures_of

WORK = Path("/run/xen-setup")
GUESTS_DISKS = Path("/sys/bus/xen-backend/devices")  # what running guests have, in dom0
_SYSTEM = ("/dev", "/dev/pts", "/proc", "/sys")
_MOUNT_TIME = 60.0
_BUSY_TRIES = 12

RunSimple = Callable[[tuple[str, ...], float], Completed]
AskSimple = Callable[[tuple[str, ...]], Answer]


@dataclass(frozen=True)
class Mounted:
    """One line of mountinfo that matters here."""

    point: str
    device: str  # "MAJOR:MINOR"
    filesystem: str = ""  # its type: ext4
    source: str = ""  # what is mounted, by the name that it was mounted by


def parse_mountinfo(text: str) -> list[Mounted]:
    """What /proc/self/mountinfo lists, in its order (proc(5))."""
    result = []
    for line in text.splitlines():
        fields = line.split(" ")
        if len(fields) > 4:
            kind, source, *_ = (*line.partition(" - ")[2].split(" "), "", "")
            result.append(Mounted(_unescape(fields[4]), fields[2], kind, _unescape(source)))
    return result


def _unescape(word: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), word)


def mounted_now() -> list[Mounted]:
    """What is mounted in this mount namespace."""
    return parse_mountinfo(Path("/proc/self/mountinfo").read_text(errors="surrogateescape"))


class Mounts:
    """Mounts below `work`, one volume at a time, kept until another is needed or `release`.

    `warn` gets a sentence when something had to be unmounted lazily. `mounted` lists what is
    mounted.
    """

    def __init__(
        self,
        run: RunSimple,
        ask: AskSimple,
        work: Path,
        warn: Callable[[str], None],
        *,
        guests_disks: Path = GUESTS_DISKS,
        mounted: Callable[[], list[Mounted]] = mounted_now,
    ) -> None:
        self._run = run
        self._ask = ask
        self._work = work
        self._warn = warn
        self._guests_disks = guests_disks
        self._mounted = mounted
        self._held: Volume | None = None

    def only(self, volume: Volume | None) -> None:
        """Have this volume mounted and no other; None: none. Raises `StepFailed`."""
        if volume == self._held:
            return
        self.release()
        if volume is not None:
            self._mount(volume)

    def can_hold(self, volume: Volume) -> bool:
        """Whether the filesystem is there to mount: false when device or filesystem are missing,
        or another was made on the device, which is somebody's.
        """
        if volume == self._held:
            return True
        if not Path(volume.device).exists():
            return False
        on_it = signatures_of(volume.device, lambda argv, _seconds: self._ask(argv)).properties
        if volume.uuid and on_it.get("UUID") != volume.uuid:
            return False
        return on_it.get("TYPE") == volume.filesystem

    def release(self) -> None:
        """Unmount what is held; processes that work in it are ended first."""
        held, self._held = self._held, None
        if held is not None:
            self._unmount_below(Path(held.mount_point))

    def clear_leftovers(self) -> list[str]:
        """Unmount what an earlier run left below the work directory; says which."""
        self._held = None
        left = [mount.point for mount in self._mounted() if _is_below(mount.point, self._work)]
        for point in {Path(point) for point in left}:
            self._unmount_below(point)
        # A kill between mkdir and mount leaves a place where nothing is mounted.
        for directory in (*self._work.glob("*/"), self._work):
            with suppress(OSError):
                directory.rmdir()
        return left

    def _mount(self, volume: Volume) -> None:
        point = Path(volume.mount_point)
        if ".." in point.parts or not point.is_relative_to(self._work) or point == self._work:
            raise StepFailed(
                f"{point} is no place to mount a volume: it is not below {self._work}.",
                hint="This is a mistake in the program; nothing was mounted.",
            )
        if any(mount.point == str(point) for mount in self._mounted()):
            raise StepFailed(
                f"Something else is mounted at {point}.", hint=f"Unmount it: umount {point}"
            )
        self._refuse_in_use(volume)
        if volume.uuid and not self.can_hold(volume):
            raise StepFailed(
                f"{volume.device} does not hold the {volume.filesystem} that was made on it.",
                hint=f"See what `blkid --probe {volume.device}` says: its UUID was {volume.uuid}. "
                "Nothing was mounted.",
            )
        self._work.mkdir(mode=0o700, parents=True, exist_ok=True)
        point.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._held = volume
        try:
            self._do(("mount", "--types", volume.filesystem, volume.device, str(point)))
            for directory in _SYSTEM if volume.system else ():
                self._bind(directory, volume)
        except StepFailed:
            self.release()
            raise

    def _bind(self, directory: str, volume: Volume) -> None:
        inside = Path(volume.mount_point) / directory[1:]
        if not inside.is_dir():
            raise StepFailed(
                f"{volume.device} has no directory {directory}: no system is in it yet.",
                hint="Install the guest's system first, or again.",
            )
        self._do(("mount", "--bind", directory, str(inside)))

    def _do(self, argv: tuple[str, ...]) -> None:
        result = self._run(argv, _MOUNT_TIME)
        if result.ended != "exited" or result.status != 0:
            raise StepFailed(
                f"`{' '.join(argv)}` {result.words}.",
                hint="See the last lines; `dmesg` may tell more.",
                details=result.tail,
            )

    def _refuse_in_use(self, volume: Volume) -> None:
        """Refuse what somebody has mounted, and what a running guest writes to: mounting that
        destroys it. Xen's block backend knows.
        """
        try:
            state = Path(volume.device).stat()
        except OSError as error:
            raise StepFailed(
                f"{volume.device} cannot be mounted: {error.strerror}.",
                hint="See with `lsblk` what became of it.",
            ) from error
        major, minor = os.major(state.st_rdev), os.minor(state.st_rdev)
        node = stat.S_ISBLK(state.st_mode)
        real = os.path.realpath(volume.device)
        for mount in self._mounted():
            # btrfs shows a number that is no device's.
            if (node and mount.device == f"{major}:{minor}") or (
                mount.source.startswith("/") and os.path.realpath(mount.source) == real
            ):
                raise StepFailed(
                    f"{volume.device} is mounted at {mount.point}: somebody uses it.",
                    hint=f"Unmount it if nobody needs it (umount {mount.point}); then go on.",
                )
        ours = f"{major:x}:{minor:x}"
        for disk in self._guests_disks.glob("vbd-*/physical_device"):
            if disk.read_text().strip() == ours:
                raise StepFailed(
                    f"{volume.device} is the disk of a guest that is running.",
                    hint="Shut the guest down (`xl list`, `xl shutdown NAME`), and go on.",
                )

    def _unmount_below(self, point: Path) -> None:
        points = [mount.point for mount in self._mounted() if _is_at_or_below(mount.point, point)]
        for mounted in reversed(points):
            self._unmount(mounted)
        # Only what is empty and ours goes: a lazily unmounted tree may still show there.
        for directory in (point, *point.parents):
            if not directory.is_relative_to(self._work) or any(self._at(directory)):
                break
            try:
                directory.rmdir()
            except OSError:
                break

    def _unmount(self, point: str) -> None:
        for attempt in range(_BUSY_TRIES):
            result = self._run(("umount", point), _MOUNT_TIME)
            if result.status == 0 or not any(self._at(Path(point))):
                return
            end_processes_in(Path(point))
            time.sleep(0.05 * (attempt + 1))
        self._run(("umount", "--lazy", point), _MOUNT_TIME)
        self._warn(
            f"{point} was still in use and is unmounted lazily: its device stays busy until "
            "whatever uses it ends."
        )

    def _at(self, point: Path) -> list[Mounted]:
        """What is mounted exactly there."""
        return [mount for mount in self._mounted() if mount.point == str(point)]


def end_processes_in(point: Path, grace: float = 2.0) -> list[int]:
    """End the processes that have their root, directory, program or a file below `point`."""
    found = left = _processes_in(point)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in left:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + grace
        while left and time.monotonic() < deadline:
            time.sleep(0.05)
            left = _processes_in(point)
    return found


def _processes_in(point: Path) -> list[int]:
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        links = [process / "root", process / "cwd", process / "exe"]
        try:
            links.extend((process / "fd").iterdir())
        except OSError:
            continue
        if any(_leads_below(link, point) for link in links):
            found.append(int(process.name))
    return found


def _leads_below(link: Path, point: Path) -> bool:
    try:
        return _is_at_or_below(str(link.readlink()), point)
    except OSError:
        return False  # gone, or a kernel thread's


def _is_below(path: str, top: Path) -> bool:
    return path.startswith(f"{top}/")


def _is_at_or_below(path: str, top: Path) -> bool:
    return path == str(top) or _is_below(path, top)
