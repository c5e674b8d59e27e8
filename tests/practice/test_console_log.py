"""The console's log: its last lines, and a kernel that will not go on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.practice.stand_in import running
from wizard.practice.console_log import file_length, last_lines, panic
from wizard.practice.errors import MachineTrouble
from wizard.practice.machine import PracticeMachine
from wizard.practice.places import MachineName, Places

# This panic was seen on a starved computer, and its log is lost: written after the words of Linux
# 6.1 (arch/x86/kernel/apic/io_apic.c), its times made up.
TIMER = """\
Loading Linux 6.1.0-56-amd64 ...
[    0.271002] APIC: Switch to symmetric I/O mode setup
[    0.301554] ..TIMER: vector=0x30 apic1=0 pin1=2 apic2=-1 pin2=-1
[    0.411208] ..MP-BIOS bug: 8254 timer not connected to IO-APIC
[    0.411870] ...trying to set up timer (IRQ0) through the 8259A ...
[    0.412301] ..... (found apic 0 pin 2) ...
[    0.529940] ....... failed.
[    0.530385] ...trying to set up timer as Virtual Wire IRQ...
[    0.650002] ..... failed.
[    0.650416] ...trying to set up timer as ExtINT IRQ...
[    2.113402] ..... failed :(.
[    2.114055] Kernel panic - not syncing: IO-APIC + timer doesn't work!  Boot with apic=debug \
and send a report.  Then try booting with the 'noapic' option.
[    2.115200] CPU: 0 PID: 0 Comm: swapper/0 Not tainted 6.1.0-56-amd64 #1  Debian
[    2.116003] Call Trace:
[    2.116204]  <TASK>
[    2.116398]  panic+0x118/0x2f4
[    2.117012]  </TASK>
[    2.117333] ---[ end Kernel panic - not syncing: IO-APIC + timer doesn't work!  Boot with \
apic=debug and send a report.  Then try booting with the 'noapic' option. ]---
"""
# init/do_mounts.c, without an initrd.
ROOT = """\
[    5.911220] /dev/root: Can't open blockdev
[    5.912004] VFS: Cannot open root device "UUID=0a" or unknown-block(0,0): error -6
[    5.912871] Please append a correct "root=" boot option; here are the available partitions:
[    5.913950] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)
[    5.915031] CPU: 1 PID: 1 Comm: swapper/0 Not tainted 6.1.0-56-amd64 #1  Debian
[    5.916502] Call Trace:
[    5.918114] Kernel Offset: 0x1c00000 from 0xffffffff81000000
[    5.919004] ---[ end Kernel panic - not syncing: VFS: Unable to mount root fs on \
unknown-block(0,0) ]---
"""
# With panic=10, as dom0 has it: it resets, and plain Linux comes.
RESETS = """\
[   21.402233] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00007f00
[   21.403001] CPU: 0 PID: 1 Comm: init Not tainted 6.1.0-56-amd64 #1  Debian
[   21.405127] Rebooting in 10 seconds..
"""
UP = "Debian GNU/Linux 12 host ttyS0\nhost login: "


def shown(log: Path, *texts: str) -> int:
    """Write these as a console does; the length before the last."""
    *before, last = (text.replace("\n", "\r\n").encode() for text in texts)
    log.write_bytes(b"".join(before) + last)
    return sum(map(len, before))


@pytest.mark.parametrize("words", [TIMER, ROOT])
def test_a_kernel_that_stands_is_seen_by_its_last_words(tmp_path: Path, words: str) -> None:
    log = tmp_path / "log"
    since = shown(log, UP, words)
    found = panic(log, since)
    assert "Kernel panic - not syncing" in found[-2]
    assert "---[ end Kernel panic" in found[-1]
    assert not any("Call Trace" in line or "CPU:" in line for line in found)
    assert len(found) <= 8
    # What the other processors say after it does not matter.
    shown(log, words, "[   60.1] clocksource: timekeeping watchdog on CPU1\n")
    assert panic(log, 0)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("", ""),
        ("", UP),
        ("", RESETS),  # it comes back by itself
        (TIMER, ""),  # of an earlier time, when the power was cut afterwards
        (TIMER, "GNU GRUB"),
        ("", f"{TIMER}Loading Linux 6.1.0-56-amd64 ...\n"),  # somebody reset it
        ("", TIMER.partition("---[ end")[0]),  # still writing it
    ],
)
def test_what_goes_on_or_was_before_is_no_panic(tmp_path: Path, before: str, now: str) -> None:
    log = tmp_path / "log"
    assert () == panic(log, shown(log, before, now))


def test_a_log_that_is_not_there_has_no_length_and_no_lines(tmp_path: Path) -> None:
    log = tmp_path / "none"
    assert (0, [], ()) == (file_length(log), last_lines(log, 5), panic(log, 0))
    log.write_bytes(b"12345")
    assert file_length(log) == 5


def test_a_machine_whose_kernel_stands_is_given_up_at_once(tmp_path: Path) -> None:
    machine = PracticeMachine(
        MachineName("here"), places=Places(tmp_path / "cache", tmp_path / "state", tmp_path / "run")
    )
    machine.folder.mkdir(parents=True)
    since = shown(machine.console_log, UP, TIMER)
    launch = {"port": 1, "sockets": "/nowhere", "hardware": {}, "console_length": since}
    (machine.folder / "machine.json").write_text(json.dumps(launch))
    (machine.folder / "disk.qcow2").touch()
    with (
        running(machine.folder / "qemu.pid"),
        pytest.raises(MachineTrouble, match="panicked, and stands") as caught,
    ):
        machine.wait_for_reboot("a boot", seconds=600)
    assert "IO-APIC + timer doesn't work" in caught.value.details[-1]
    assert "practice stop" in caught.value.hint
