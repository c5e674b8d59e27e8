"""SysV init as process 1, no systemd: Xen in the runlevels, and the guests with the host.

update-rc.d first, then insserv; xendomains starts what is in /etc/xen/auto in the order of the
file names, and shuts it down before the host goes.
"""

from __future__ import annotations

import re
import sys
import time

import pytest

from tests.vm import snapshot
from tests.vm.conftest import JOURNEY, Say
from tests.vm.whole_run import ANSWERS, give_answers, log_in_to_guest, state_of, typed
from wizard.errors import Exit
from wizard.practice.machine import PracticeMachine

VARIANT = "sysv-init"
pytestmark = [JOURNEY, pytest.mark.full]

# A second guest, only to see the order: its kernel comes up, finds no disk, and waits.
FIRST = """\
name = "first"
type = "pv"
memory = 256
kernel = "{kernel}"
ramdisk = "{ramdisk}"
extra = "console=hvc0 break=top"
"""


class Kept:
    """What one test leaves for the next."""

    before: snapshot.Snapshot
    links: str = ""


@pytest.fixture(scope="module")
def kept() -> Kept:
    return Kept()


def links_of(machine: PracticeMachine) -> str:
    """Every link of Xen's services in the runlevels."""
    found = machine.run(["sh", "-c", "ls -d /etc/rc?.d/[SK][0-9][0-9]xen*"])
    return found.out.decode()


def test_check_and_plan_find_nothing_wrong_and_change_nothing(
    machine: PracticeMachine, kept: Kept, say: Say
) -> None:
    assert machine.run(["cat", "/proc/1/comm"]).out.strip() == b"init"
    give_answers(machine)
    kept.before = state_of(machine)
    for command in ("check", "plan"):
        status, said = typed(machine, say, "xen-setup", command, ANSWERS)
        assert status == 0, said
    assert snapshot.compare(kept.before, state_of(machine)) == []


def test_it_becomes_a_xen_host_with_a_guest(machine: PracticeMachine, say: Say) -> None:
    status, said = typed(machine, say, "xen-setup", "apply", ANSWERS)
    assert status == Exit.REBOOT_NEEDED, said[-3000:]
    machine.reboot(seconds=1200)
    assert machine.read_file("/proc/xen/capabilities").strip() == b"control_d"
    status, said = typed(machine, say, "xen-setup", "resume")
    assert status == 0, said[-3000:]
    assert "uid=0(root)" in log_in_to_guest(machine, say)


@pytest.mark.parametrize("manager", ["update-rc.d", "insserv"])
def test_the_services_are_put_into_the_runlevels(
    machine: PracticeMachine, kept: Kept, say: Say, manager: str
) -> None:
    kept.links = kept.links or links_of(machine)
    assert re.search(r"^/etc/rc2.d/S\d\dxendomains$", kept.links, re.MULTILINE)
    machine.run(["sh", "-c", "insserv --remove xendomains; insserv --remove xen"])
    assert links_of(machine) == ""
    chosen = ("--set", f"host.service_manager={manager}")
    status, said = typed(machine, say, "xen-setup", "apply", ANSWERS, *chosen)
    assert status == 0, said[-3000:]
    assert re.search(rf"{re.escape(manager)} (.* )?xen\b", said), said
    assert links_of(machine) == kept.links
    number = {
        name: int(found[1])
        for name in ("xen", "xendomains")
        if (found := re.search(rf"^/etc/rc2.d/S(\d\d){name}$", kept.links, re.MULTILINE))
    }
    assert number["xen"] < number["xendomains"]


def test_the_host_shuts_its_guests_down_and_starts_them_in_the_order_of_their_files(
    machine: PracticeMachine, say: Say
) -> None:
    config = machine.read_file("/etc/xen/vm01.cfg").decode()
    paths = {
        name: re.search(rf'^{name}\s*=\s*"([^"]+)"', config, re.MULTILINE)
        for name in ("kernel", "ramdisk")
    }
    text = FIRST.format(**{name: found[1] for name, found in paths.items() if found})
    machine.write_file("/etc/xen/auto/a-first.cfg", text.encode())
    # Without a place to save them, running guests are shut down.
    machine.run(["sed", "-i", "s|^XENDOMAINS_SAVE=.*|XENDOMAINS_SAVE=|", "/etc/default/xendomains"])
    already = len(machine.console_log.read_bytes())
    started = time.monotonic()
    machine.reboot(seconds=1200)
    say(f"a boot of the host with its guests: {time.monotonic() - started:.0f} s")
    deadline = time.monotonic() + 600
    listed = ""
    while time.monotonic() < deadline and "vm01" not in listed:
        time.sleep(5)
        listed = machine.run(["xl", "list"], seconds=60).out.decode()
    ids = {line.split()[0]: int(line.split()[1]) for line in listed.splitlines()[1:]}
    assert 0 == ids["Domain-0"] < ids["first"] < ids["vm01"], listed

    def seen_by_now() -> str:
        return machine.console_log.read_bytes()[already:].decode(errors="replace")

    # A guest is listed while it is still being made: xendomains says its name afterwards.
    while time.monotonic() < deadline and "vm01.cfg" not in seen_by_now():
        time.sleep(5)
    seen = seen_by_now()
    stopped, begun = seen.find("Shutting down Xen domain vm01"), seen.find("Starting Xen domain")
    assert 0 <= stopped < begun, seen[-5000:]
    assert seen.find("a-first.cfg") < seen.find("vm01.cfg")


def test_rollback_gives_back_the_machine_as_it_was(
    machine: PracticeMachine, kept: Kept, say: Say
) -> None:
    machine.run(["xl", "destroy", "first"])
    machine.run(["rm", "/etc/xen/auto/a-first.cfg"])
    save = "s|^XENDOMAINS_SAVE=.*|XENDOMAINS_SAVE=/var/lib/xen/save|"
    machine.run(["sed", "-i", save, "/etc/default/xendomains"])
    status, said = typed(machine, say, "xen-setup", "rollback", "--yes")
    print(said, file=sys.stderr)
    assert status == 0, said
    machine.reboot()
    after = state_of(machine)
    say(snapshot.table(kept.before, after))
    assert snapshot.compare(kept.before, after) == []
