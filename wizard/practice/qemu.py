"""QEMU: its command line, its process, and its control socket (QMP).

What is known to work is in one place: `-cpu qemu64` under emulation (`max` crashes dom0: SMAP under
QEMU 7.2), virtio disk and card, the card in the slot that gives it its name, no boot ROM (it saves
the network boot's pause).
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from wizard.practice.recipe import CARD_SLOT, DISK_SERIAL

# no_timer_check: Linux counts ticks while it spins, and on a starved computer there are too few:
# "Kernel panic - not syncing: IO-APIC + timer doesn't work!" (seen). Under KVM it does not count.
_FIRST_BOOT_KERNEL = "console=ttyS0,115200n8 init=/first-boot panic=-1 no_timer_check"

Accelerator = Literal["tcg", "kvm"]
PROGRAM = "qemu-system-x86_64"


@dataclass(frozen=True)
class Hardware:
    """What the practice machine is made of."""

    memory_mib: int = 3072
    processors: int = 2
    accelerator: Accelerator = "tcg"
    # `unsafe` ignores the machine's flushes: fast, and enough while QEMU ends in order.
    # `writeback` keeps them: what the machine flushed is in the file, and of the rest some, when
    # QEMU is killed. `none` also passes by this computer's own cache.
    cache: Literal["unsafe", "writeback", "none"] = "unsafe"
    # What QEMU keeps of translated code. Its default, 1 GiB, is a trap: memory that once held much
    # used code (libc's pages) takes up to 30 ms for each byte written to it, as QEMU 7.2 looks
    # through all translations of that page; loading the initrd after a reboot never ended.
    translated_mib: int = 128
    # Another processor model than the accelerator's own default; "qemu64,+svm,+npt" allows PVH.
    processor: str = ""

    def arguments(self) -> list[str]:
        """The part of the command line that describes the machine itself."""
        model = self.processor or ("host" if self.accelerator == "kvm" else "qemu64")
        accelerator = "kvm"
        if self.accelerator == "tcg":
            accelerator = f"tcg,thread=multi,tb-size={self.translated_mib}"
        return [
            PROGRAM,
            "-nodefaults",
            "-no-user-config",
            "-machine", "pc",
            "-accel", accelerator,
            "-cpu", model,
            "-smp", str(self.processors),
            "-m", str(self.memory_mib),
            "-display", "none",
            "-device", "VGA,addr=0x2",
            "-device", "virtio-rng-pci,addr=0x5",
        ]  # fmt: skip

    def disk_arguments(self, file: Path, image_format: str) -> list[str]:
        """The part for the disk; udev makes /dev/disk/by-id/virtio-… of its serial number."""
        # A comma in a file name is doubled in QEMU's option lists.
        name = str(file).replace(",", ",,")
        return [
            "-drive",
            f"file={name},format={image_format},if=none,id=disk,cache={self.cache},"
            "discard=unmap,detect-zeroes=unmap",
            "-device", f"virtio-blk-pci,drive=disk,serial={DISK_SERIAL},addr=0x4",
        ]  # fmt: skip


def kvm_is_worth_trying() -> bool:
    """Whether this computer has hardware virtualisation; /dev/kvm alone proves nothing."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return False
    return ("vmx" in flags or "svm" in flags) and os.access("/dev/kvm", os.R_OK | os.W_OK)


def first_boot_command(
    hardware: Hardware, *, disk: Path, kernel: Path, initrd: Path, console: Path, root: int = 1
) -> list[str]:
    """QEMU for an image that has no boot loader yet; it ends when the machine switches off.
    `root` is the number of the root's partition.
    """
    return [
        *hardware.arguments(),
        *hardware.disk_arguments(disk, "raw"),
        "-no-reboot",
        "-serial", f"file:{console}",
        "-kernel", str(kernel),
        "-initrd", str(initrd),
        "-append", f"root=/dev/vda{root} ro {_FIRST_BOOT_KERNEL}",
    ]  # fmt: skip


@dataclass(frozen=True)
class Sockets:
    """The sockets of a running machine, all in one short folder."""

    folder: Path

    @property
    def console(self) -> Path:
        return self.folder / "console"

    @property
    def control(self) -> Path:
        return self.folder / "qmp"


def machine_command(
    hardware: Hardware,
    *,
    disk: Path,
    sockets: Sockets,
    console_log: Path,
    pid_file: Path,
    port: int,
) -> list[str]:
    """QEMU in the background: ssh on the loopback `port`, the serial console on a socket."""
    log = str(console_log).replace(",", ",,")
    return [
        *hardware.arguments(),
        *hardware.disk_arguments(disk, "qcow2"),
        "-netdev", f"user,id=net,ipv6=off,hostfwd=tcp:127.0.0.1:{port}-:22",
        "-device", f"virtio-net-pci,netdev=net,romfile=,mac=52:54:00:12:34:56,addr={CARD_SLOT:#x}",
        "-chardev",
        f"socket,id=console,path={sockets.console},server=on,wait=off,logfile={log},logappend=on",
        "-serial", "chardev:console",
        "-chardev", f"socket,id=control,path={sockets.control},server=on,wait=off",
        "-mon", "chardev=control,mode=control",
        "-pidfile", str(pid_file),
        "-daemonize",
    ]  # fmt: skip


class Control:
    """A connection to QEMU's control socket; QMP allows one at a time."""

    def __init__(self, path: Path, *, seconds: float = 10) -> None:
        """Raises OSError when QEMU does not answer."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(seconds)
            self._socket.connect(str(path))
            self._file = self._socket.makefile("rwb")
            self._read()  # its greeting
            self.command("qmp_capabilities")
        except BaseException:
            self._socket.close()
            raise

    def command(self, name: str, **arguments: object) -> Any:
        """What QEMU returns for this command; raises OSError when it refuses or is gone.

        A `_` in an argument's name is QMP's "-".
        """
        message: dict[str, object] = {"execute": name}
        if arguments:
            message["arguments"] = {key.replace("_", "-"): arguments[key] for key in arguments}
        self._file.write(json.dumps(message).encode() + b"\n")
        self._file.flush()
        while True:
            answer = self._read()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise OSError(f"QEMU refused {name}: {answer['error'].get('desc', '')}")
            # Anything else is an event.

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def __enter__(self) -> Control:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _read(self) -> dict[str, Any]:
        line = self._file.readline()
        if not line:
            raise ConnectionResetError("QEMU closed its control socket")
        answer: dict[str, Any] = json.loads(line)
        return answer
