"""The whole lesson on the practice machine: every step taught, done, and looked at afterwards."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from steps import PIPELINE
from tests.terminal import ENTER, Terminal
from tests.vm.conftest import Say
from tests.vm.person import Person
from wizard.practice.machine import PracticeMachine

# Another quarter of an hour; the same lesson is played without a machine in tests/simulated.
pytestmark = pytest.mark.full

ROOT = Path(__file__).parent.parent.parent


def test_a_lesson_leads_to_a_guests_login_prompt(machine: PracticeMachine, say: Say) -> None:
    command = [str(ROOT / "xen-setup"), "practice", "--teach", "--name", str(machine.name)]
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
            person.answers_until("The practice machine still runs", seconds=75 * 60)
            status = terminal.ends(seconds=60)
        finally:
            say(f"practice, taught: {time.monotonic() - started:.0f} s, "
                f"{len(person.screens)} questions; the screens are in {person.kept()}")  # fmt: skip
        assert status == 0, terminal.whole_text
        assert terminal.is_whole
        assert re.search(r"^vm01 +\d+ ", terminal.text, re.MULTILINE)
        seen = person.told()
        untaught = [step.TITLE for step in PIPELINE if f": {step.TITLE}" not in seen]
        assert untaught == []
        assert seen.count("What do you expect?") >= len(PIPELINE)
        # After the boot the lesson goes on, and its commands answer for real.
        assert "control_d" in terminal.whole_text + seen
