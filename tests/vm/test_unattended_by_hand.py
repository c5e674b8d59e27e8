"""The plan's shell script, run by hand in a machine of its own, gives the same host.

It comes after test_unattended.py in the order of names: the host that journey made is compared
with this one; started alone, this file makes that host first.
"""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.vm import snapshot
from tests.vm.conftest import JOURNEY, Say, finished_host
from tests.vm.whole_run import ANSWERS, inside, log_in_to_guest, state_of
from wizard.practice.machine import PracticeMachine

# Another quarter of an hour, for what a table cannot tell.
pytestmark = [JOURNEY, pytest.mark.full]

ROOT = Path(__file__).parent.parent.parent
SCRIPT = "/root/by-hand.sh"

DIFFERS = (
    *snapshot.ALLOWED,
    snapshot.Allowed("leftovers", SCRIPT, "the script itself"),
    snapshot.Allowed("lvm", "vg *", "its identifier is made up by vgcreate"),
    snapshot.Allowed("lvm", "lv *", "its identifier is made up by lvcreate"),
)


@pytest.fixture(scope="module")
def by_itself(
    request: pytest.FixtureRequest, machine: PracticeMachine, by_hand: snapshot.Snapshot
) -> snapshot.Snapshot:
    """The host that this very program made of the same answers: as the other journey found it, or
    made now, after what this machine has shown.
    """
    found = finished_host(request.config)
    if found is None:
        machine.reset()
        machine.start()
        program("--unattended", "--name", str(machine.name))
        found = state_of(machine)
    return found


@pytest.fixture(scope="module")
def by_hand(machine: PracticeMachine) -> snapshot.Snapshot:
    return state_of(machine)


def program(*words: str) -> None:
    argv = [str(ROOT / "xen-setup"), "practice", *words]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)


def test_the_script_makes_a_xen_host_by_itself(machine: PracticeMachine, say: Say) -> None:
    program("exec", "--name", str(machine.name), "--", "true")
    answers = (ROOT / "wizard/practice/first-guest.yaml").read_bytes()
    machine.write_file(ANSWERS, answers, mode=0o600)
    status, script = inside(machine, "sh", "-c", f"xen-setup plan {ANSWERS} --script 2>/dev/null")
    assert status == 0, script
    assert "$6$" not in script
    machine.write_file(SCRIPT, script.encode(), mode=0o755)
    found = re.search(r'root_password: "(\$6\$[^"]+)"', answers.decode())
    assert found is not None
    # By itself: the program that wrote it is not there while it runs.
    inside(machine, "mv", "/opt/xen-setup", "/opt/xen-setup-away")
    started = time.monotonic()
    status, said = inside(
        machine, "env", f"GUESTS_VM01_ROOT_PASSWORD={found[1]}", SCRIPT, seconds=3600
    )
    say(f"the script before the boot: {time.monotonic() - started:.0f} s")
    assert status == 0, said[-3000:]
    assert "after-boot" in said, said[-3000:]
    machine.reboot()
    started = time.monotonic()
    status, said = inside(machine, SCRIPT, "after-boot")
    say(f"the script after the boot: {time.monotonic() - started:.0f} s")
    assert status == 0, said[-3000:]


def test_xen_setup_finds_nothing_left_to_do(machine: PracticeMachine) -> None:
    inside(machine, "mv", "/opt/xen-setup-away", "/opt/xen-setup")
    status, said = inside(machine, "xen-setup", "plan", "--detailed-exitcode", ANSWERS)
    assert status == 0, said


def test_its_guest_is_there_and_lets_root_in(machine: PracticeMachine, say: Say) -> None:
    assert "uid=0(root)" in log_in_to_guest(machine, say)


def test_the_two_hosts_are_the_same(
    by_hand: snapshot.Snapshot, by_itself: snapshot.Snapshot, say: Say
) -> None:
    say("What differs between the hosts that the program and the script made:")
    say(snapshot.table(by_itself, by_hand, DIFFERS))
    assert snapshot.compare(by_itself, by_hand, DIFFERS) == []
    assert sorted(by_itself["lvm"].values()) == sorted(by_hand["lvm"].values())
