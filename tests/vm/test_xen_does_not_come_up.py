"""Xen does not come up: plain Linux does, by itself; status says what happened; resume offers
another try, and rollback the way back. And another entry that was chosen is noticed.

A run goes once to the border before the first boot; each fault begins from a copy of it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.vm import snapshot
from tests.vm.conftest import FAILED, Say, save_logs, teller
from tests.vm.power import HONEST, Shelf, tell_qemu
from tests.vm.running_inside import (
    booted_from,
    copied_as_it_begins,
    is_xen,
    roll_back,
    status_of,
)
from tests.vm.snapshot import Snapshot
from tests.vm.whole_run import ANSWERS, give_answers, inside, log_in_to_guest, state_of, typed
from wizard.errors import Exit
from wizard.practice.machine import PracticeMachine
from wizard.practice.places import MachineName

pytestmark = pytest.mark.full

HARDWARE = HONEST
BORDER = "first_boot"
_MENU = "/boot/grub/grub.cfg"
# Seconds in which plain Linux must be there again, emulated and busy: two boots, and what Xen
# (5 s) and a kernel that panics (10 s) wait before they reset.
BY_ITSELF = 900.0
PATIENCE = 240.0  # seconds after which somebody resets a machine that shows nothing


@dataclass(frozen=True)
class Fault:
    """What is broken, and how it is mended. `hangs`: nothing goes on until somebody resets.
    `said`: what `resume` and `status` say of it then.
    """

    break_it: str
    mend_it: str
    hangs: bool = False
    said: str = "booted, but not into what was prepared"


FAULTS = {
    "an option on the hypervisor's line": Fault(
        rf"sed -i '/^[[:space:]]*multiboot2\?.*xen/ s/$/ dom0_mem=8M/' {_MENU}", "update-grub"
    ),
    "a damaged hypervisor": Fault(
        "for file in /boot/xen-*.gz; do cp --archive $file /root/; "
        "head --bytes=100000 /root/${file##*/} >$file; done",
        "for file in /root/xen-*.gz; do mv $file /boot/; done",
        # GRUB's gzio notices no end of a file: it starts what it made of it (2.06, seen).
        hangs=True,
        # So what would stand still again is not booted again.
        said="is damaged",
    ),
    # Without its initrd's init the kernel looks for the root itself, and knows no UUIDs. (A wrong
    # init= is no fault: Debian's initrd takes /sbin/init instead.)
    "dom0 panics": Fault(
        rf"sed -i '/^[[:space:]]*module2\?.*vmlinuz/ s/$/ rdinit=\/nowhere/' {_MENU}",
        "update-grub",
    ),
    "another entry is chosen": Fault("grub-editenv - unset next_entry", "true"),
}


class Border:
    """The shelf, and the machine that begins from it."""

    def __init__(self, shelf: Shelf, tried: PracticeMachine, before: Snapshot) -> None:
        self.shelf, self.tried, self.before = shelf, tried, before


@pytest.fixture(scope="module")
def border(request: pytest.FixtureRequest, machine: PracticeMachine) -> Iterator[Border]:
    say = teller(request)
    shelf = Shelf(machine)
    tried = PracticeMachine(MachineName(f"{machine.name}-try"), hardware=HARDWARE, progress=say)
    try:
        give_answers(machine)
        before = state_of(machine)
        machine.run(["sync"])
        copied_as_it_begins(machine, shelf, BORDER, say, "apply", ANSWERS)
        yield Border(shelf, tried, before)
    finally:
        if request.node.stash.get(FAILED, False) and tried.folder.exists():
            say(f"The logs of the failed machine are in {save_logs(tried)}")
        tried.reset()
        shelf.clear()


def ready_to_boot(machine: PracticeMachine, say: Say) -> None:
    """The run stands before the boot into Xen."""
    status, said = typed(machine, say, "xen-setup", "resume", "--no-input")
    assert status == Exit.REBOOT_NEEDED, said[-3000:]
    environment = inside(machine, "grub-editenv", "list")[1]
    assert "next_entry=" in environment, environment


def boots_plain(machine: PracticeMachine, fault: Fault, say: Say) -> None:
    """It boots, and comes up as plain Linux: by itself, or where it hangs at the next reset."""
    started = time.monotonic()
    reset = threading.Timer(PATIENCE, lambda: tell_qemu(machine, "system_reset"))
    if fault.hangs:
        reset.start()
    try:
        machine.reboot(seconds=BY_ITSELF)
    finally:
        reset.cancel()
    how = "at the reset" if fault.hangs else "by itself"
    say(f"it came up {how} after {time.monotonic() - started:.0f} s")
    assert not is_xen(machine)


@pytest.mark.parametrize("name", FAULTS)
def test_plain_linux_comes_up_and_resume_offers_another_try(
    border: Border, name: str, say: Say
) -> None:
    fault = FAULTS[name]
    machine = booted_from(border.shelf, BORDER, border.tried)
    ready_to_boot(machine, say)
    assert inside(machine, "sh", "-c", fault.break_it)[0] == 0
    boots_plain(machine, fault, say)
    status, said = typed(machine, say, "xen-setup", "status")
    assert status == 0
    assert "resume" in said
    # What happened is said, and nothing is booted again by itself.
    status, said = typed(machine, say, "xen-setup", "resume", "--no-input")
    assert status == Exit.STOPPED, said
    flat = " ".join(said.split())
    assert fault.said in flat
    assert "resume" in flat
    assert "rollback" in flat
    status, said = typed(machine, say, "xen-setup", "status")
    assert fault.said in " ".join(said.split()), said
    assert status_of(machine)["exit_status"] == Exit.STOPPED
    # Another try, mended.
    assert inside(machine, "sh", "-c", fault.mend_it)[0] == 0
    ready_to_boot(machine, say)
    if name == next(iter(FAULTS)):
        machine.reboot(seconds=1200)
        assert is_xen(machine)
        status, said = typed(machine, say, "xen-setup", "resume", "--no-input")
        assert status == 0, said[-3000:]
        assert "uid=0(root)" in log_in_to_guest(machine, say)


@pytest.mark.parametrize("name", FAULTS)
def test_after_a_boot_that_failed_rollback_gives_back_the_machine(
    border: Border, name: str, say: Say
) -> None:
    fault = FAULTS[name]
    machine = booted_from(border.shelf, BORDER, border.tried)
    ready_to_boot(machine, say)
    assert inside(machine, "sh", "-c", fault.break_it)[0] == 0
    boots_plain(machine, fault, say)
    inside(machine, "sh", "-c", fault.mend_it)  # what we broke is not the run's to mend
    roll_back(machine, say)
    after = state_of(machine)
    say(snapshot.table(border.before, after))
    assert snapshot.compare(border.before, after) == []
