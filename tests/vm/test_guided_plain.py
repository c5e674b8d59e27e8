"""The guided run of somebody whose terminal can draw nothing: plain lines, numbers, no escapes.

The tests of this file are one journey, in this order; after a failure the rest is not tried.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.terminal import ENTER, Terminal
from tests.vm.conftest import JOURNEY, Say
from tests.vm.person import Person
from tests.vm.whole_run import inside
from wizard.practice.machine import PracticeMachine

# Another quarter of an hour: drawn, it is part of every run (test_guided.py).
pytestmark = [JOURNEY, pytest.mark.full]

ROOT = Path(__file__).parent.parent.parent


def test_plain_lines_lead_to_a_guests_login_prompt(machine: PracticeMachine, say: Say) -> None:
    command = [str(ROOT / "xen-setup"), "practice", "--plain", "--name", str(machine.name)]
    started = time.monotonic()
    with Terminal(command, ROOT) as terminal:
        person = Person(
            terminal,
            {
                "password": f"xen{ENTER}",
                "The same again": f"xen{ENTER}",
                "still connected?": f"yes{ENTER}",
            },
        )
        try:
            person.answers_until("The practice machine still runs", seconds=60 * 60)
            status = terminal.ends(seconds=60)
        finally:
            say(f"practice, guided, plain: {time.monotonic() - started:.0f} s, "
                f"{len(person.screens)} questions; the screens are in {person.kept()}")  # fmt: skip
        assert status == 0, terminal.whole_text
        assert b"\x1b" not in terminal.raw
        assert terminal.is_whole
        assert re.search(r"^vm01 +\d+ ", terminal.text, re.MULTILINE)


def test_the_guests_password_is_the_one_that_was_typed(machine: PracticeMachine) -> None:
    machine.write_file("/tmp/guest_login.py", (ROOT / "tests/vm/guest_login.py").read_bytes())
    status, said = inside(
        machine, "python3", "/tmp/guest_login.py", "vm01", "root", "xen", seconds=600
    )
    assert status == 0, said
