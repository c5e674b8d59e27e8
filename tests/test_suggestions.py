"""What the machine suggests stays the same when it has become a Xen host."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steps import PIPELINE
from steps.settings import Settings
from tests.machines import stock
from wizard.answer_file import read_answers
from wizard.answers import Answers, settle
from wizard.preview import preview


@pytest.mark.parametrize("console", ["serial", "screen", "both"])
def test_the_console_that_was_chosen_is_suggested_under_xen_too(console: str) -> None:
    answers = read_answers([], Settings, [f"host.console={console}"])
    steps = preview(PIPELINE, settle(answers, stock()), stock())
    plan = steps[-1].plan
    assert plan is not None
    # dom0's own options have hvc0 in them, and no ttyS0: seen in the lab, where a second apply
    # of a file without this answer wrote the boot entry anew.
    under_xen = replace(plan.then, kernel_options="root=UUID=x ro console=hvc0")
    assert console == settle(Answers(Settings), under_xen).host.console
