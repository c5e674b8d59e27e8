"""The whole lesson on the practice machine: every step taught, done, and looked at afterwards."""

from __future__ import annotations

import pytest

from steps import PIPELINE
from tests.vm.conftest import Say
from tests.vm.person import practised
from wizard.practice.machine import PracticeMachine

# Another quarter of an hour; the same lesson is played without a machine in tests/simulated.
pytestmark = pytest.mark.full


def test_a_lesson_leads_to_a_guests_login_prompt(machine: PracticeMachine, say: Say) -> None:
    person = practised(machine, "--teach", say)
    seen = person.told()
    untaught = [step.TITLE for step in PIPELINE if f": {step.TITLE}" not in seen]
    assert untaught == []
    assert seen.count("What do you expect?") >= len(PIPELINE)
    # After the boot the lesson goes on, and its commands answer for real.
    assert "control_d" in person.terminal.whole_text + seen
