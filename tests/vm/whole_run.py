"""A whole run on a practice machine as a person watches it, for journeys on other machines."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from tests.vm.conftest import Say
from tests.vm.test_unattended import inside
from wizard.practice.machine import PracticeMachine

ROOT = Path(__file__).parent.parent.parent
ANSWERS = "/root/answers.yaml"
HOURS = 3600.0


def give_answers(machine: PracticeMachine) -> None:
    """The program and the first guest's answers are in the machine."""
    subprocess.run(
        [ROOT / "xen-setup", "practice", "exec", "--name", str(machine.name), "--", "true"],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    text = (ROOT / "wizard/practice/first-guest.yaml").read_bytes()
    machine.write_file(ANSWERS, text, mode=0o600)


def typed(
    machine: PracticeMachine, say: Say, *words: str, seconds: float = 2 * HOURS
) -> tuple[int, str]:
    """What is typed in the machine, its time told: exit status, and all it said."""
    started = time.monotonic()
    status, said = inside(machine, *words, seconds=seconds)
    say(f"{' '.join(words)}: exit {status} in {time.monotonic() - started:.0f} s")
    return status, said


def log_in_to_guest(machine: PracticeMachine, say: Say) -> str:
    """What the first guest shows to root, logged in at its console."""
    conversation = (ROOT / "tests/vm/guest_login.py").read_bytes()
    machine.write_file("/tmp/guest_login.py", conversation)
    started = time.monotonic()
    status, said = inside(
        machine, "python3", "/tmp/guest_login.py", "vm01", "root", "xen", seconds=1200
    )
    machine.run(["rm", "/tmp/guest_login.py"])
    say(f"login at the guest's console: {time.monotonic() - started:.0f} s")
    assert status == 0, said
    return said
