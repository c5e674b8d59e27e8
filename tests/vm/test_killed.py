"""xen-setup is killed (SIGKILL) at two points of every real command, there and back: as the command
starts, and some seconds later. Each time `resume`, or `rollback` again, goes on.

The tests of this file are one journey, in this order; after a failure the rest is not tried.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.vm import snapshot
from tests.vm.conftest import JOURNEY, Say
from tests.vm.running_inside import is_xen, nothing_is_left, status_of, watched_apart
from tests.vm.whole_run import ANSWERS, give_answers, log_in_to_guest, state_of
from wizard.errors import Exit
from wizard.practice.machine import PracticeMachine

pytestmark = [JOURNEY, pytest.mark.full]

SEED = os.environ.get("XEN_SETUP_CUT_SEED", "20061124")
KILLER = "/root/killer.py"
_COMMAND = r"^ +\$ (.*)$"
_UNDO = r"^    undo: (.*)$"


class Journey:
    """What one test leaves for the next."""

    before: snapshot.Snapshot
    kills: int = 0


@pytest.fixture(scope="module")
def journey() -> Journey:
    return Journey()


def killed_again_and_again(
    machine: PracticeMachine, say: Say, pattern: str, first: list[str], again: list[str]
) -> dict[str, Any]:
    """What `killer.py` tells at its end. No connection carries it: where the machine is busy, the
    network may be away for longer than one lives.
    """
    said: list[str] = []

    def tell(line: str) -> None:
        said.append(line)
        if not line.lstrip().startswith("…"):
            say(f"  {line}")

    status, _all = watched_apart(
        machine, "python3", KILLER, SEED, pattern, "--", "xen-setup", *first, "--",
        "xen-setup", *again, on_line=tell, seconds=7200,
    )  # fmt: skip
    assert status == 0, "\n".join(said[-30:])
    told: dict[str, Any] = json.loads(next(line for line in said if line.startswith('{"status"')))
    say(f"{len(told['kills'])} kills of {len(told['counts'])}, seed {SEED}")
    return told


def test_killed_at_every_command_it_comes_to_the_boot(
    machine: PracticeMachine, journey: Journey, say: Say
) -> None:
    give_answers(machine)
    journey.before = state_of(machine)
    machine.write_file(KILLER, (Path(__file__).with_name("killer.py")).read_bytes())
    told = killed_again_and_again(
        machine, say, _COMMAND, ["apply", ANSWERS, "--no-input"], ["resume", "--no-input"]
    )
    assert told["status"] == Exit.REBOOT_NEEDED, told
    # Each of them, but for what was done so soon that the next start found it done.
    assert len(told["kills"]) >= len(told["counts"]) > 10
    journey.kills += len(told["kills"])


def test_and_after_the_boot_to_the_guests_login_prompt(
    machine: PracticeMachine, journey: Journey, say: Say
) -> None:
    machine.reboot(seconds=1200)
    told = killed_again_and_again(
        machine, say, _COMMAND, ["resume", "--no-input"], ["resume", "--no-input"]
    )
    assert told["status"] == 0, told
    journey.kills += len(told["kills"])
    assert is_xen(machine)
    assert "uid=0(root)" in log_in_to_guest(machine, say)
    assert status_of(machine)["state"] == "finished"
    nothing_is_left(machine)


def test_killed_at_every_undo_rollback_gives_back_the_machine(
    machine: PracticeMachine, journey: Journey, say: Say
) -> None:
    told = killed_again_and_again(machine, say, _UNDO, ["rollback", "--yes"], ["rollback", "--yes"])
    assert told["status"] == 0, told
    say(f"{journey.kills + len(told['kills'])} kills in all")
    machine.run(["rm", KILLER])
    machine.reboot(seconds=1200)
    assert not is_xen(machine)
    after = state_of(machine)
    say(snapshot.table(journey.before, after))
    assert snapshot.compare(journey.before, after) == []
    nothing_is_left(machine)
