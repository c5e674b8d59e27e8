"""The guided run of somebody whose terminal can draw nothing: plain lines, numbers, no escapes.

The tests of this file are one journey, in this order; after a failure the rest is not tried.
"""

from __future__ import annotations

import pytest

from tests.vm.conftest import JOURNEY, Say
from tests.vm.person import practised
from tests.vm.whole_run import log_in_to_guest
from wizard.practice.machine import PracticeMachine

# Another quarter of an hour: drawn, it is part of every run (test_guided.py).
pytestmark = [JOURNEY, pytest.mark.full]


def test_plain_lines_lead_to_a_guests_login_prompt(machine: PracticeMachine, say: Say) -> None:
    assert b"\x1b" not in practised(machine, "--plain", say).terminal.raw


def test_the_guests_password_is_the_one_that_was_typed(machine: PracticeMachine, say: Say) -> None:
    assert "uid=0(root)" in log_in_to_guest(machine, say)
