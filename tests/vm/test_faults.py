"""Every fault for a class, in a real machine: planted, hinted at, not solved, mended, solved.

The first time a whole run makes the host that the faults are planted in; it is kept in the cache.
Then each fault takes a start of the guest, a minute or two when emulated.
XEN_SETUP_HOST=NAME takes a practice machine that is a finished host already, and uses it up.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from steps.failures import RULES
from steps.faults import FAULTS
from wizard.diagnosis import explain
from wizard.practice import classroom
from wizard.practice.fault import Fault
from wizard.practice.machine import PracticeMachine

# Fourteen faults, each with a start of the guest.
pytestmark = pytest.mark.full

ROOT = Path(__file__).parent.parent.parent
_SHOW = {
    "plain-linux": "xl list",
    # What the console said is read by the look before.
    "root-device": "xl destroy vm01; timeout 300 xl create -c /etc/xen/vm01.cfg </dev/null",
    "small-memory": "timeout 300 xl create -c /etc/xen/vm01.cfg </dev/null",
}


def practice(machine: PracticeMachine, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wizard", "practice", *argv, "--name", str(machine.name)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def fault_name(fault: Fault) -> str:
    return fault.name


def reboots(fault: Fault) -> bool:
    return fault.reboots


# The fault that needs a boot is the last: what it leaves is of no matter to others.
IN_ORDER: list[Fault] = sorted(FAULTS, key=reboots)


@pytest.mark.parametrize("fault", IN_ORDER, ids=fault_name)
def test_a_fault_is_planted_hinted_at_and_solved_by_its_solution(
    host: PracticeMachine, fault: Fault
) -> None:
    host.run(["sh", "-c", "xl destroy vm01; true"], seconds=120)
    classroom.plant(host, fault)
    classroom.keep_lesson(host, classroom.Lesson(fault.name))
    not_yet = practice(host, "solved")
    assert not_yet.returncode == classroom.NOT_YET, not_yet.stdout + not_yet.stderr
    assert not_yet.stdout.startswith("Not yet: ")
    if fault.rule:
        show = _SHOW.get(fault.name, "xl create /etc/xen/vm01.cfg")
        said = host.run(["sh", "-c", f"exec 2>&1; {show}"], seconds=600).out.decode(
            errors="replace"
        )
        first = next(iter(explain(said, RULES)), None)
        assert first is not None, said
        assert first.rule.name == fault.rule, said
    for words in fault.hints:
        assert words in practice(host, "hint").stdout
    assert fault.solution.splitlines()[0] in practice(host, "hint").stdout
    solution = fault.solution.removesuffix("reboot\n")
    classroom.run_script(host, solution, "The solution does not run.")
    if fault.reboots:
        assert solution != fault.solution
        host.reboot()
    done = practice(host, "solved")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("Solved: ")


def test_a_class_begins_with_one_command(machine_off: PracticeMachine) -> None:
    machine = PracticeMachine(type(machine_off.name)(f"{machine_off.name}-class"))
    machine_off.stop()
    try:
        done = practice(machine, "--fault", "old-config")
        assert done.returncode == 0, done.stderr
        assert "solved --name" in done.stdout
        assert practice(machine, "solved").returncode == classroom.NOT_YET
        status = machine.run(["sh", "-c", "xl create /etc/xen/vm01.cfg 2>&1"]).out
        assert b"config parsing error" in status
    finally:
        machine.reset()
