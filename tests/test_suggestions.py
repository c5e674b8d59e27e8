"""What the machine suggests stays the same when it has become a Xen host."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from steps import PIPELINE
from steps.kinds import exact_to_read, size_to_read
from steps.settings import Settings
from steps.suggest_storage import device_choices, region_choices, use_choices
from steps.suggestions import because_dom0_memory
from tests.machines import machines, stock
from wizard.answer_file import read_answers
from wizard.answers import Answers, settle
from wizard.preview import preview
from wizard.questions import Known


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


@pytest.mark.parametrize(
    ("mib", "below", "above", "exact"),
    [(0, "0 MiB", "0 MiB", "0 MiB"), (512, "512 MiB", "512 MiB", "512 MiB"),
     (1024, "1 GiB", "1 GiB", "1 GiB"), (2971, "2.9 GiB", "3 GiB", "2971 MiB"),
     (10239, "9.9 GiB", "10 GiB", "10239 MiB"), (14 * 1024, "14 GiB", "14 GiB", "14 GiB")],
)  # fmt: skip
def test_a_size_that_is_read_promises_no_more_than_there_is(
    mib: int, below: str, above: str, exact: str
) -> None:
    assert (below, above, exact) == (
        size_to_read(mib), size_to_read(mib, up=True), exact_to_read(mib)
    )  # fmt: skip


@pytest.mark.parametrize("name", sorted(machines()))
def test_sizes_beside_choices_are_written_in_one_way(name: str) -> None:
    words = [because_dom0_memory(Known(machines()[name], {}))]
    for use in ("free-space", "device"):
        known = Known(machines()[name], {"storage.use": use})
        for choices in (use_choices, device_choices, region_choices):
            words += [f"{one.title} {one.refused}" for one in choices(known)]
    assert [] == [line for line in words if re.search(r"[0-9][MG]iB|[0-9]{5} MiB  ", line)]
