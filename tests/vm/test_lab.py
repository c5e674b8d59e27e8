"""The README's lab section, followed word for word in the practice machine: three guests at once.

The tests of this file are one journey, in this order; after a failure the rest is not tried.
"""

from __future__ import annotations

import re
import shlex
import time
from pathlib import Path

import pytest

from tests.vm import snapshot
from tests.vm.conftest import JOURNEY, Say
from tests.vm.whole_run import give_program, inside, state_of
from wizard.errors import Exit
from wizard.practice.machine import PracticeMachine

# Three guests are installed one after the other: three quarters of an hour, emulated.
pytestmark = [JOURNEY, pytest.mark.full]

ROOT = Path(__file__).parent.parent.parent
SECTION = (ROOT / "README.md").read_text().partition("## A lab")[2].partition("\n## ")[0]
ANSWERS = re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)[0]
COMMANDS = re.findall(r"^    (?:sudo )?\./(xen-setup [^#\n]+)", SECTION, re.MULTILINE)
GUESTS = ("vm01", "vm02", "vm03")


def typed(machine: PracticeMachine, say: Say, line: str) -> tuple[int, str]:
    """What a person types in root's home in the machine: its exit status, and all it said."""
    started = time.monotonic()
    status, said = inside(machine, "sh", "-c", f"cd /root && {line}", seconds=2 * 3600)
    say(f"{line.strip()}: exit {status} in {time.monotonic() - started:.0f} s")
    return status, said


def test_the_template_is_edited_and_found_right(machine: PracticeMachine, say: Say) -> None:
    give_program(machine)
    template, validate, *_ = COMMANDS
    status, said = typed(machine, say, template)
    assert (status, said) == (0, said), said
    assert b"guests:" in machine.read_file("/root/lab.yaml")
    status, hashed = typed(machine, say, "echo xen | xen-setup answers hash-password 2>/dev/null")
    assert status == 0
    answers = ANSWERS.replace("$6$…", hashed.strip())
    assert answers != ANSWERS
    machine.write_file("/root/lab.yaml", answers.encode(), mode=0o600)
    status, said = typed(machine, say, validate)
    assert status == 0, said


def test_the_plan_is_kept_and_done_exactly(machine: PracticeMachine, say: Say) -> None:
    plan, apply, resume = COMMANDS[2:5]
    before = state_of(machine)
    status, said = typed(machine, say, plan)
    assert status == 0, said
    assert "vm03" in said
    kept = snapshot.Allowed("leftovers", "/root/lab.plan", "it was asked for")
    changed = snapshot.compare(before, state_of(machine), (*snapshot.ALLOWED, kept))
    assert changed == []
    typed(machine, say, "mkdir /etc/xen")
    status, said = typed(machine, say, apply)
    assert status == Exit.CHECKS_FAILED, said
    assert "directory /etc/xen: not there → there" in said
    typed(machine, say, "rmdir /etc/xen")
    status, said = typed(machine, say, apply)
    assert status == Exit.REBOOT_NEEDED, said[-3000:]
    machine.reboot()
    status, said = typed(machine, say, resume)
    assert status == 0, said[-3000:]


def test_the_three_guests_run_together_and_let_root_in(machine: PracticeMachine, say: Say) -> None:
    status, listed = typed(machine, say, "xl list")
    assert status == 0
    assert ["Domain-0", *GUESTS] == [line.split()[0] for line in listed.splitlines()[1:]]
    machine.write_file("/tmp/guest_login.py", (ROOT / "tests/vm/guest_login.py").read_bytes())
    addresses = set()
    for name in GUESTS:
        line = shlex.join(["python3", "/tmp/guest_login.py", name, "root", "xen"])
        status, said = typed(machine, say, line)
        assert status == 0, said
        addresses |= set(re.findall(r"inet (10\.0\.2\.\d+)/24", said))
    assert len(addresses) == len(GUESTS), addresses
    machine.run(["rm", "/tmp/guest_login.py"])


def test_applying_again_changes_nothing(machine: PracticeMachine, say: Say) -> None:
    before = state_of(machine)
    status, said = typed(machine, say, COMMANDS[5])
    assert status == 0, said
    changed = snapshot.differences(before, state_of(machine))
    assert [item for item in changed if item.section != "leftovers"] == []


def test_the_kept_plan_has_nothing_left_to_do_either(machine: PracticeMachine, say: Say) -> None:
    status, said = typed(machine, say, COMMANDS[3])
    assert status == 0, said
