"""What the journeys have in common: a whole run on a practice machine, as a person watches it."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

from tests.vm import snapshot
from tests.vm.conftest import Say
from wizard.practice.machine import PracticeMachine

ROOT = Path(__file__).parent.parent.parent
ANSWERS = "/root/answers.yaml"
MINUTES, HOURS = 60.0, 3600.0


def state_of(machine: PracticeMachine) -> snapshot.Snapshot:
    """The machine's state as data, taken inside."""
    script = Path(snapshot.__file__).read_bytes()
    done = machine.run(["python3", "-"], stdin=script, seconds=15 * MINUTES)
    assert done.status == 0, done.err.decode()
    taken: snapshot.Snapshot = json.loads(done.out)
    return taken


def inside(machine: PracticeMachine, *argv: str, seconds: float = 30 * MINUTES) -> tuple[int, str]:
    """A command in the machine: its exit status, and all that it said."""
    done = machine.run(argv, seconds=seconds)
    return done.status, (done.out + done.err).decode(errors="replace")


def give_program(machine: PracticeMachine) -> None:
    """The program as it is in this checkout is in the machine, on its PATH."""
    subprocess.run(
        [ROOT / "xen-setup", "practice", "exec", "--name", str(machine.name), "--", "true"],
        check=True,
        stdin=subprocess.DEVNULL,
    )


def give_answers(machine: PracticeMachine, host: str = "") -> None:
    """The program and the first guest's answers are in the machine, with these lines of YAML first
    in their section `host`.
    """
    give_program(machine)
    text = (ROOT / "wizard/practice/first-guest.yaml").read_text()
    assert "host:\n" in text
    machine.write_file(ANSWERS, text.replace("host:\n", f"host:\n{host}").encode(), mode=0o600)


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
