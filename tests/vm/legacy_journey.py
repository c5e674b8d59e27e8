"""The journey of a machine with GRUB Legacy, whichever menu it has: to the guest, and back.

The tests of the two files are written once, here: a class whose subclass says which menu it is.
"""

from __future__ import annotations

import re
import sys
import time

import pytest

from steps.hosts.menu_lst import Menu, own_entry, parse, with_default, without_own
from tests.vm import snapshot
from tests.vm.conftest import Say
from tests.vm.whole_run import ANSWERS, give_answers, log_in_to_guest, state_of, typed
from wizard.errors import Exit
from wizard.practice.machine import PracticeMachine

MENU = "/boot/grub/menu.lst"


class Kept:
    """What one test leaves for the next."""

    before: snapshot.Snapshot
    menu: bytes = b""
    saved: bytes = b""


@pytest.fixture(scope="module")
def kept() -> Kept:
    return Kept()


def menu_of(machine: PracticeMachine) -> Menu:
    return parse(machine.read_file(MENU).decode())


def saved_of(machine: PracticeMachine) -> bytes:
    """/boot/grub/default, empty where there is none: Debian's update-grub has made one."""
    return machine.run(["cat", "/boot/grub/default"]).out


def is_xen(machine: PracticeMachine) -> bool:
    return machine.run(["grep", "-q", "control_d", "/proc/xen/capabilities"]).status == 0


class LegacyJourney:
    """`entries` is how many the menu has, `default` the number that boots, `own` the one that our
    entry gets.
    """

    entries: int
    default: int
    own: int

    def test_check_and_plan_find_nothing_wrong_and_change_nothing(
        self, machine: PracticeMachine, kept: Kept, say: Say
    ) -> None:
        give_answers(machine)
        kept.before = state_of(machine)
        kept.menu, kept.saved = machine.read_file(MENU), saved_of(machine)
        assert (self.entries, str(self.default)) == (
            len(menu_of(machine).entries),
            menu_of(machine).default,
        )
        for command in ("facts", "check", "plan"):
            words = (command,) if command == "facts" else (command, ANSWERS)
            status, said = typed(machine, say, "xen-setup", *words)
            assert status == 0, said
        assert "grub-set-default" in said
        assert snapshot.compare(kept.before, state_of(machine)) == []

    def test_up_to_the_boot_only_our_entry_comes_into_the_menu(
        self, machine: PracticeMachine, kept: Kept, say: Say
    ) -> None:
        status, said = typed(machine, say, "xen-setup", "apply", ANSWERS)
        assert status == Exit.REBOOT_NEEDED, said[-3000:]
        menu = menu_of(machine)
        entry = own_entry(menu)
        assert entry is not None
        assert (self.own, "saved") == (entry.number, menu.default)
        plain = self.default + (self.own <= self.default)
        assert [str(plain)] == [one.argument for one in entry.all("savedefault")]
        assert machine.read_file("/boot/grub/default").split()[0] == str(self.own).encode()
        # Nobody else's line has changed, but for the default, and a fallback where there was none.
        rest = re.sub(rf"^fallback {plain}\n", "", menu.text, count=1, flags=re.MULTILINE)
        assert without_own(with_default(rest, str(plain))).encode() == kept.menu

    def test_grub_legacy_boots_xen_once_and_the_guest_comes_to_its_login(
        self, machine: PracticeMachine, say: Say
    ) -> None:
        started = time.monotonic()
        machine.reboot(seconds=1200)
        say(f"the boot into Xen by GRUB Legacy: {time.monotonic() - started:.0f} s")
        assert is_xen(machine)
        # GRUB itself has written the number of plain Linux, before it loaded Xen.
        plain = self.default + (self.own <= self.default)
        assert machine.read_file("/boot/grub/default").split(b"\0")[0] == str(plain).encode()
        status, said = typed(machine, say, "xen-setup", "resume")
        assert status == 0, said[-3000:]
        status, listed = typed(machine, say, "xl", "list")
        assert status == 0, listed
        assert ["Domain-0", "vm01"] == [line.split()[0] for line in listed.splitlines()[1:]]
        assert "uid=0(root)" in log_in_to_guest(machine, say)

    def test_from_then_on_xen_boots_by_itself(self, machine: PracticeMachine, say: Say) -> None:
        menu = menu_of(machine)
        entry = own_entry(menu)
        assert entry is not None
        assert str(entry.number) == menu.default
        assert () == entry.all("savedefault")
        started = time.monotonic()
        machine.reboot(seconds=1200)
        say(f"the second boot into Xen: {time.monotonic() - started:.0f} s")
        assert is_xen(machine)
        status, said = typed(machine, say, "xen-setup", "apply", ANSWERS)
        assert status == 0, said

    def test_rollback_gives_the_menu_back_to_the_byte_and_plain_linux_boots(
        self, machine: PracticeMachine, kept: Kept, say: Say
    ) -> None:
        status, said = typed(machine, say, "xen-setup", "rollback", "--yes")
        print(said, file=sys.stderr)
        assert status == 0, said
        assert machine.read_file(MENU) == kept.menu
        assert saved_of(machine) == kept.saved
        started = time.monotonic()
        machine.reboot()
        say(f"the boot into plain Linux: {time.monotonic() - started:.0f} s")
        assert not is_xen(machine)
        after = state_of(machine)
        say("What differs after the rollback and a reboot:")
        say(snapshot.table(kept.before, after))
        assert snapshot.compare(kept.before, after) == []
